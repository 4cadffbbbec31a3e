import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPacked, linkCompiler, type Installed } from "./install-packed.ts";

const question = {
  bill_id: 1,
  customer_id: 7,
  plan: "basic",
  channel: "ads",
  region: "north",
  months: 4,
  minutes: 40,
  visits: 2,
  tickets: 1,
  payment_failed: true,
};

let user: Installed;
beforeAll(async () => {
  user = await installPacked();
});
afterAll(() => user.remove());

/** Runs `npx millrace … --json`, which must succeed, and gives what it printed. */
async function millrace<Result>(...args: string[]): Promise<Result> {
  const { exit, stdout, stderr } = await user.run("npx", "millrace", ...args, "--json");
  expect(exit, stderr).toBe(0);
  return JSON.parse(stdout) as Result; // each test says what it expects
}

describe("the package", () => {
  it("holds the program, its types and the starter, and nothing else", () => {
    const { files, sizeBytes } = user.tarball;
    expect(files.filter((file) => !/^(bin|dist|templates)\/|^(README\.md|LICENSE|package\.json)$/.test(file))).toEqual([]);
    expect(files.filter((file) => /\.test\.|(^|\/)(\.millrace|node_modules)\//.test(file))).toEqual([]);
    for (const file of [
      "bin/millrace.js",
      "dist/cli.js",
      "dist/index.js",
      "dist/types/index.d.ts",
      "dist/types/package.json",
      "templates/starter/gitignore",
    ]) {
      expect(files).toContain(file);
    }
    expect(files.filter((file) => /^dist\/workers\/[\w-]+-worker\.js$/.test(file)).length).toBeGreaterThanOrEqual(2);
    expect(sizeBytes).toBeLessThan(3e6);
  });

  it("takes less than 150 MB to install, engines included", () => {
    expect(user.installedBytes).toBeLessThan(150e6);
    expect(user.installedBytes).toBeGreaterThan(20e6); // or nothing was measured
    expect(existsSync(join(user.folder, "node_modules", "onnxruntime-node"))).toBe(false);
  });

  it("shows its help", async () => {
    const { exit, stdout } = await user.run("npx", "millrace", "--help");
    expect(exit).toBe(0);
    for (const command of ["init", "dev", "run", "predict", "server", "trace", "doctor"]) expect(stdout).toContain(`  ${command}`);
  });
});

describe("a new project, step by step", () => {
  let predictionId: string;

  it("is made by init", async () => {
    const { files } = await millrace<{ files: string[] }>("init");
    expect(files).toContain("train.ts");
    expect(files.filter((file) => !existsSync(join(user.folder, file)))).toEqual([]);
  });

  it("has types that the compiler accepts, and that catch a wrong column", async () => {
    const compiler = await linkCompiler(user);
    const sound = await user.run(process.execPath, compiler, "-p", ".");
    expect(sound.stdout).toBe("");
    expect(sound.exit).toBe(0);
    const wrong =
      'import { bills } from "#models"; import { entity, featureView, mean } from "millrace"; featureView("v", { from: bills, entity: entity("region"), time: "billed_at", windows: ["1d"], features: { x: mean("plan") } });';
    await user.run(process.execPath, "-e", `require("fs").writeFileSync("wrong.ts", ${JSON.stringify(wrong)})`);
    const caught = await user.run(process.execPath, compiler, "-p", ".");
    await user.run(process.execPath, "-e", 'require("fs").rmSync("wrong.ts")');
    expect(caught.stdout).toMatch(/^wrong\.ts\(1,\d+\): error TS2322/);
  });

  it("runs its flow: data, models, training in worker threads, gate, champion", async () => {
    const first = await millrace<{ result: { verdict: string; promoted: boolean; metrics: { auc: number } }; steps: object }>("run", "churn");
    expect(first.result).toMatchObject({ verdict: "passed", promoted: true });
    expect(first.result.metrics.auc).toBeGreaterThan(0.78);
    expect(first.steps).toEqual({ ran: 5, cached: 0 });
    const second = await millrace<typeof first>("run", "churn");
    expect(second.steps).toEqual({ ran: 0, cached: 5 });
    expect(second.result).toEqual(first.result);
  });

  it("predicts", async () => {
    const { predictions } = await millrace<{ predictions: { id: string; score: number }[] }>("predict", "churn", JSON.stringify(question));
    expect(predictions[0]!.score).toBeGreaterThan(0.1);
    expect(predictions[0]!.score).toBeLessThan(1);
    predictionId = predictions[0]!.id;
  });

  it("traces the prediction back to columns of the files", async () => {
    const { stdout, exit } = await user.run("npx", "millrace", "trace", predictionId);
    expect(exit).toBe(0);
    for (const part of ["churn", "usage__minutes_mean_95d", "models.bills", "raw.bills"]) expect(stdout).toContain(part);
  });

  it("serves, and stops when it is told to", async () => {
    const { child, address } = await serve("server", "--port", "0");
    const health = await fetch(`${address}/api/health`);
    expect([health.status, await health.json()]).toMatchObject([200, { status: "ok" }]);
    expect(await stop(child)).toBe(0);
  });

  it("is found sound by doctor", async () => {
    const { ok, checks } = await millrace<{ ok: boolean; checks: { name: string; status: string }[] }>("doctor");
    expect(checks.filter((check) => check.status === "fail")).toEqual([]);
    expect(ok).toBe(true);
    expect(readdirSync(join(user.folder, ".millrace"))).toContain("state.db");
  });
});

describe("a new project at once", () => {
  it("is built, trained and served by dev", async () => {
    await user.run(process.execPath, "-e", 'require("fs").rmSync(".millrace", { recursive: true, force: true })');
    const { child, address } = await serve("dev", "--port", "0");
    const health = await fetch(`${address}/health`);
    expect(health.status).toBe(200);
    expect(await stop(child)).toBe(0);
  });
});

/** Starts a server and waits until it says where it listens. */
async function serve(...args: string[]): Promise<{ child: ChildProcess; address: string }> {
  const child = user.start(process.execPath, join(user.folder, "node_modules", "millrace", "bin", "millrace.js"), ...args);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr! })) {
    said.push(line);
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address === undefined) continue;
    child.stderr!.resume();
    return { child, address };
  }
  throw new Error(`millrace ${args.join(" ")} ended: ${said.join("\n")}`);
}

async function stop(child: ChildProcess): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [exit] = (await ended) as [number | null];
  return exit;
}
