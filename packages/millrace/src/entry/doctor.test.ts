import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerVersion, setAlias } from "#domains/registry";
import { ensureExperiment, logModel, startRun } from "#domains/tracking";
import { command } from "./command-doctor.ts";
import type { CommandContext } from "./command.ts";
import type { Check } from "./doctor-check.ts";
import { checkClock, checkDisk, checkMemory, checkNode, checkPackages } from "./doctor-machine.ts";
import { openProject } from "./open-project.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-doctor-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Report {
  exit: number;
  ok: boolean;
  checks: Map<string, Check>;
  text: string;
}

async function doctor(environment: Record<string, string> = { MILLRACE_PORT: "0" }): Promise<Report> {
  let printed: { ok: boolean; checks: Check[] } = { ok: false, checks: [] };
  let text = "";
  const terminal: CommandContext["terminal"] = {
    json: true,
    result(value, shown) {
      printed = value as typeof printed; // what the command prints with --json
      text = shown;
    },
    note: () => undefined,
    progress: () => undefined,
    stream: async () => undefined,
  };
  const exit = await command({ args: [], options: {}, folder, environment, terminal, signal: new AbortController().signal });
  return { exit, ok: printed.ok, checks: new Map(printed.checks.map((check) => [check.name, check])), text };
}

/** A project with a table of two files, a topic with a record, and a model under an alias. */
async function project(): Promise<void> {
  await writeFile(join(folder, "millrace.config.ts"), 'export default { kind: "config", name: "sick" };\n');
  const { services, close } = await openProject({ folder, environment: {}, purpose: "a test" });
  const { lake, stream, tracking, registry } = services;
  await lake.append("raw.numbers", { sql: "select range as n from range(1000)" });
  await lake.append("raw.numbers", { sql: "select range as n from range(1000)" });
  await stream.createTopic("events");
  await stream.append("events", [{ value: "one" }]);
  const experiment = await ensureExperiment(tracking, "sick");
  await startRun(tracking, { id: "run-1", experiment: experiment.id });
  const signature = { inputs: [{ name: "n", type: "float" as const }], outputs: [{ name: "p", type: "float" as const }] };
  const files = [{ path: "model.onnx", data: new Uint8Array(5_000).fill(7) }];
  const modelFolder = await logModel(tracking, { run: "run-1", format: "onnx", signature, files });
  await registerVersion(registry, { model: "numbers", runId: "run-1", folder: modelFolder });
  await setAlias(registry, { model: "numbers", alias: "champion", version: 1, actor: "test", reason: "test" });
  await close();
}

describe("doctor", () => {
  it("finds a sound project sound, and ends with 0", async () => {
    await project();
    const { exit, ok, checks, text } = await doctor();
    expect([...checks.values()].filter((check) => check.status === "fail")).toEqual([]);
    expect([exit, ok]).toEqual([0, true]);
    expect(checks.get("config")!.text).toContain("sick in ");
    expect(checks.get("state")!.text).toContain("is whole");
    expect(checks.get("lake")!.text).toMatch(/^1 table, newest versions readable/);
    expect(checks.get("streams")!.text).toBe("1 topic, 1 record");
    expect(checks.get("models")!.text).toBe("1 model, 1 version, all files present");
    expect(text).toMatch(/^ok {4}node {14}Node 24/);
  });

  it("changes nothing", async () => {
    await project();
    const before = await fingerprints();
    await doctor();
    expect(await fingerprints()).toEqual(before);
  });

  it("looks at the machine alone where there is no project, and says how to make one", async () => {
    const { exit, checks } = await doctor();
    expect(exit).toBe(0);
    expect(checks.get("config")).toMatchObject({ status: "warn", remedy: expect.stringContaining("millrace init") });
    expect(checks.has("state")).toBe(false);
  });

  it("names a wrong field of the configuration", async () => {
    await writeFile(join(folder, "millrace.config.ts"), 'export default { name: "x", colour: "red" };\n');
    const { exit, checks } = await doctor();
    expect(exit).toBe(1);
    expect(checks.get("config")).toMatchObject({ status: "fail", text: expect.stringContaining("colour") });
  });

  it("has nothing against a project that has not run yet", async () => {
    await writeFile(join(folder, "millrace.config.ts"), 'export default { name: "new" };\n');
    const { exit, checks } = await doctor();
    expect(exit).toBe(0);
    expect(checks.get("stores")!.text).toContain("nothing is stored yet");
  });

  it("finds a damaged state database", async () => {
    await project();
    const path = join(folder, ".millrace", "state.db");
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(4_096 * 3, 0xff), 0, 4_096 * 3, 4_096 * 2);
    await file.close();
    const { exit, checks } = await doctor();
    expect(exit).toBe(1);
    expect(checks.get("state")).toMatchObject({ status: "fail", remedy: expect.any(String) });
    expect(checks.get("lake")!.status).toBe("ok"); // each store is looked at by itself
  });

  it("finds a table with a missing or cut file", async () => {
    await project();
    const [parquet] = (await files()).filter((file) => file.endsWith(".parquet"));
    await rm(parquet!);
    const missing = await doctor();
    expect([missing.exit, missing.checks.get("lake")!.status]).toEqual([1, "fail"]);
    await writeFile(parquet!, "PAR1 and no more");
    expect((await doctor()).checks.get("lake")!.status).toBe("fail");
  });

  it("finds a model file that is gone, or not what was registered", async () => {
    await project();
    const [model] = (await files()).filter((file) => file.includes("artifacts"));
    await writeFile(model!, new Uint8Array(5_000).fill(8));
    expect((await doctor()).checks.get("models")).toMatchObject({ status: "fail", text: "numbers@1: model.onnx is not what was registered" });
    await rm(model!);
    const { exit, checks } = await doctor();
    expect(exit).toBe(1);
    expect(checks.get("models")).toMatchObject({ status: "fail", text: "numbers@1: model.onnx is gone" });
  });

  it("warns of a port that another program has", async () => {
    await project();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number }; // a TCP server has an address of this shape
    const { exit, checks } = await doctor({ MILLRACE_PORT: String(port) });
    await new Promise((resolve) => other.close(resolve));
    expect(exit).toBe(0);
    expect(checks.get("port")).toMatchObject({ status: "warn", text: `127.0.0.1:${port} is taken by another program` });
  });
});

describe("the machine", () => {
  it("needs Node 24.6", () => {
    expect(["20.20.2", "24.5.9", "24.6.0", "25.0.0"].map((version) => checkNode(version).status)).toEqual(["fail", "fail", "ok", "ok"]);
  });

  it("needs some memory and disk, and warns before", async () => {
    expect([400e6, 1e9, 4e9].map((bytes) => checkMemory(bytes).status)).toEqual(["fail", "warn", "ok"]);
    expect(await Promise.all([1e8, 1e9, 5e9].map(async (bytes) => (await checkDisk(folder, bytes)).status))).toEqual(["fail", "warn", "ok"]);
    expect(checkMemory(1_234_567_890).text).toContain("1.23 GB");
  });

  it("notices a clock that was set back", async () => {
    await project();
    const { mtimeMs } = await stat(join(folder, ".millrace", "state.db"));
    expect(checkClock(join(folder, ".millrace"), mtimeMs - 60_000)).toMatchObject({
      status: "fail",
      text: expect.stringMatching(/The clock stands 6[01] s before/),
    });
    expect(checkClock(join(folder, ".millrace"), mtimeMs + 60_000).status).toBe("ok");
  });

  it("needs `pg` only where state is in PostgreSQL", () => {
    const [, pg] = checkPackages({ state: { kind: "postgres", url: "postgres://x" } });
    expect(pg).toMatchObject({ name: "pg", status: "ok", text: "installed, for state in PostgreSQL" });
  });
});

async function files(): Promise<string[]> {
  const entries = await readdir(join(folder, ".millrace"), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** Content of every file but SQLite's shared-memory index, which readers may touch. */
async function fingerprints(): Promise<[string, string][]> {
  const kept = (await files()).filter((file) => !/-(shm|wal)$/.test(file));
  return Promise.all(kept.map(async (file): Promise<[string, string]> => [file, (await readFile(file)).toString("base64")]));
}
