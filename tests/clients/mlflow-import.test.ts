/** Stores that MLflow's own clients wrote are taken over, read through the clients again, and given back. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Generation, generations, tracingPython } from "./mlflow-client.ts";
import { startRealServer } from "./real-server.ts";
import { millrace, millraceJson, startMillrace } from "../journeys/millrace-process.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "mlflow-import.py");

/** Each starts Python and servers several times. */
const oneTestMs = 600_000;

interface Report {
  kinds: Record<string, { found: number; new: number; updated: number; unchanged: number; left: number }>;
  points: number;
  verified: Record<string, number>;
  problems: { problem: string; kind: string; id: string; why: string }[];
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-import-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.each(Object.keys(generations) as Generation[])("a store of MLflow %s", (generation) => {
  let place: string;
  let store: string;
  let inMlflow: Told;
  beforeAll(async () => {
    place = join(folder, generation);
    await mkdir(place);
    store = `sqlite:///${join(place, "store.db")}`;
    await python(generation, "write", store, place);
    inMlflow = await told(generation, store, place);
  });

  /** Without the one thing that Millrace shows and MLflow does not: models among the artifacts of their runs, for old clients. */
  const inMillrace = async (project: string) => {
    const store = await served(project, (address) => told(generation, address, place));
    if (generation.startsWith("3."))
      for (const { files } of store.runs) for (const path of Object.keys(files)) if (path.startsWith("doubler/")) delete files[path];
    return store;
  };

  it("in SQLite is in Millrace what it was, and in MLflow again what it was", { timeout: oneTestMs }, async () => {
    const project = await makeProject(join(place, "project"));
    const dry = await millraceJson<Report>(project, ["import", "mlflow", store, "--dry-run"]);
    const report = await millraceJson<Report>(project, ["import", "mlflow", store]);
    expect(report.problems).toEqual([]);
    expect(found(dry)).toEqual(found(report));
    expect(report.points).toBe(inMlflow.runs.flatMap((each) => Object.values(each.histories)).flat().length);
    expect(await inMillrace(project)).toEqual(inMlflow);

    const again = await millraceJson<Report>(project, ["import", "mlflow", store]);
    expect(again.problems).toEqual([]);
    for (const counts of Object.values(again.kinds)) expect(counts).toMatchObject({ new: 0, updated: 0, left: 0, unchanged: counts.found });

    const back = `sqlite:///${join(place, "back.db")}`;
    await python(generation, "read", back, place); // MLflow makes its tables
    expect((await millraceJson<Report>(project, ["export", "mlflow", back])).problems).toEqual([]);
    expect(await told(generation, back, place)).toEqual(inMlflow);
    expect(await millrace(project, ["export", "mlflow", back])).toMatchObject({ exit: 6 });
  });

  it("is taken in again as it grows, and a conflict is told and changes nothing", { timeout: oneTestMs }, async () => {
    const project = await makeProject(join(place, "growing"));
    const growing = join(place, "growing.db");
    await run("cp", [join(place, "store.db"), growing]);
    await millraceJson(project, ["import", "mlflow", `sqlite:///${growing}`]);
    await python(generation, "more", `sqlite:///${growing}`, place);
    const report = await millraceJson<Report>(project, ["import", "mlflow", `sqlite:///${growing}`]);
    expect(report.kinds["runs"]).toMatchObject({ new: 1, updated: 1, left: 0 });
    expect(report.kinds["models"]).toMatchObject({ updated: 1, left: 0 });
    const grown = await told(generation, `sqlite:///${growing}`, place);
    expect(await inMillrace(project)).toEqual(grown);

    // Another store with the same ids and other contents, as the first was before it grew.
    const other = await millrace(project, ["--json", "import", "mlflow", store]);
    expect(other.exit).toBe(6);
    const { problems } = JSON.parse(other.stdout) as Report;
    expect(problems.map(({ problem, kind }) => `${problem} ${kind}`).sort()).toEqual(["conflict models", "conflict runs"]);
    expect(await inMillrace(project)).toEqual(grown);
  });

  it("is taken over whole by an import that is killed and run again", { timeout: oneTestMs }, async () => {
    const large = join(place, "large.db");
    await run("cp", [join(place, "store.db"), large]);
    const { runs, points } = enlarge(large);
    const undisturbed = await makeProject(join(place, "undisturbed"));
    const begun = performance.now();
    await millraceJson(undisturbed, ["import", "mlflow", `sqlite:///${large}`]);
    const lifeMs = performance.now() - begun; // so that kills come at every stage, on a slow machine too
    const project = await makeProject(join(place, "killed"));
    for (const part of [0.3, 0.45, 0.6, 0.75, 0.9]) {
      const importing = startMillrace(project, ["import", "mlflow", `sqlite:///${large}`]);
      const kill = setTimeout(() => importing.child.kill("SIGKILL"), lifeMs * part);
      await importing.ended;
      clearTimeout(kill);
    }
    const report = await millraceJson<Report>(project, ["import", "mlflow", `sqlite:///${large}`]);
    expect(report.problems).toEqual([]);
    expect(report.verified).toMatchObject({ runs, points });
  });

  it("in files is in Millrace what it was", { timeout: oneTestMs }, async () => {
    const files = join(place, "file-store");
    await python(generation, "write", `file://${files}`, place);
    const project = await makeProject(join(place, "of-files"));
    const report = await millraceJson<Report>(project, ["import", "mlflow", files]);
    expect(report.problems).toEqual([]);
    const inFiles = await told(generation, `file://${files}`, place);
    expect(asOverTheProtocol(await inMillrace(project))).toEqual(asOverTheProtocol(inFiles));
  });

  it("on a server is in Millrace what it was", { timeout: oneTestMs }, async () => {
    const server = await startRealServer(generation);
    try {
      await python(generation, "write", server.address, place);
      const project = await makeProject(join(place, "of-server"));
      const report = await millraceJson<Report>(project, ["import", "mlflow", server.address]);
      expect(report.problems).toEqual([]);
      const onServer = await told(generation, server.address, place);
      expect(await inMillrace(project)).toEqual(onServer);
    } finally {
      await server.close();
    }
  });
});

interface Told {
  runs: { latest: Record<string, number | string>; histories: Record<string, [number, number, string][]>; files: Record<string, string> }[];
}

/** Gives the first experiment 400 runs more, with 100 points each. */
function enlarge(file: string): { runs: number; points: number } {
  const database = new DatabaseSync(file);
  database.exec(`
    create temp table n as with recursive n(i) as (select 1 union all select i + 1 from n where i < 400) select i from n;
    insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage,
      artifact_uri, experiment_id) select printf('%032x', i), 'more ' || i, 'LOCAL', '', '', 'ann', 'FINISHED', i, i + 1, '', 'active', '/nowhere/' || i, 0 from n;
    insert into metrics (key, value, timestamp, run_uuid, step, is_nan)
      select 'm' || (b.i % 5), b.i / 3.0, b.i, printf('%032x', a.i), b.i, 0 from n a, n b where b.i <= 100;
  `);
  const count = (table: string) => Number(database.prepare(`select count(*) as n from ${table}`).get()!["n"]); // it has one row
  const counts = { runs: count("runs"), points: count("metrics") };
  database.close();
  return counts;
}

/** All that a client tells of a store. */
async function told(generation: Generation, uri: string, cwd: string): Promise<Told> {
  return JSON.parse(await python(generation, "read", uri, cwd)) as Told; // the script's own words
}

/** Files have infinities, and what was logged twice twice; the protocol has neither. */
function asOverTheProtocol(store: Told): Told {
  const greatest: Record<string, string> = { inf: "1.7976931348623157e+308", "-inf": "-1.7976931348623157e+308" };
  const kept = (value: string) => greatest[value] ?? value;
  const runs = store.runs.map((each) => ({
    ...each,
    latest: Object.fromEntries(Object.entries(each.latest).map(([key, value]) => [key, Number(kept(String(value)))])),
    histories: Object.fromEntries(
      Object.entries(each.histories).map(([key, points]) => [
        key,
        [
          ...new Map(
            points.map(([step, time, value]) => [JSON.stringify([step, time, kept(value)]), [step, time, kept(value)] as [number, number, string]]),
          ).values(),
        ].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      ]),
    ),
  }));
  return { ...store, runs };
}

async function python(generation: Generation, what: string, uri: string, cwd: string): Promise<string> {
  const { stdout } = await run(await tracingPython(generation), [script, what, uri], { cwd, maxBuffer: 1 << 28 });
  return stdout.trim().split("\n").at(-1)!; // split gives at least one
}

async function makeProject(at: string): Promise<string> {
  await mkdir(join(at, "node_modules"), { recursive: true });
  await symlink(join(import.meta.dirname, "..", "..", "packages", "millrace"), join(at, "node_modules", "millrace"));
  await writeFile(join(at, "package.json"), JSON.stringify({ name: "moved", private: true, type: "module" }));
  await writeFile(join(at, "millrace.config.ts"), `import { defineConfig } from "millrace";\n\nexport default defineConfig({ name: "moved" });\n`);
  return at;
}

async function served<Result>(project: string, use: (address: string) => Promise<Result>): Promise<Result> {
  const server = startMillrace(project, ["server", "--port", "0"]);
  try {
    const [address] = await server.says(/http:\/\/127\.0\.0\.1:\d+/);
    return await use(address);
  } finally {
    server.child.kill("SIGTERM");
    await server.ended;
  }
}

function found(report: Report): Record<string, number> {
  return Object.fromEntries(Object.entries(report.kinds).map(([kind, counts]) => [kind, counts.found]));
}
