import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRun, listArtifacts, readArtifact, type RunDetail } from "#domains/tracking";
import { openProject } from "#entry/open-project";
import { collectBytes } from "#kit/collect-bytes";
import { millrace, startMillrace } from "./millrace-process.ts";

/** Programs that know nothing of Millrace, under a tracked run. */
let folder: string;
let home: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-track-"));
  home = join(folder, "tracking");
  const code = join(folder, "code");
  await mkdir(code);
  await writeFile(join(code, "train.js"), "console.log('old')\n");
  const git = (...args: string[]) => execFileSync("git", ["-C", code, "-c", "user.name=Test", "-c", "user.email=test@example.com", ...args]);
  git("init", "-q", "-b", "trunk");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  await writeFile(
    join(code, "train.js"),
    `process.stdout.write("out " + process.argv.slice(2).join(" ") + "\\n", () => process.stderr.write("err\\n"));
if (process.argv.includes("--log")) {
  const { MLFLOW_TRACKING_URI: uri, MLFLOW_RUN_ID: run_id } = process.env;
  const body = JSON.stringify({ run_id, key: "loss", value: 0.25, step: 1, timestamp: 1 });
  fetch(uri + "/api/2.0/mlflow/runs/log-metric", { method: "POST", headers: { "content-type": "application/json" }, body }).then((response) => (process.exitCode = response.ok ? 0 : 9));
}
if (process.argv.includes("--fail")) process.exitCode = 3;
if (process.argv.includes("--wait")) setInterval(() => {}, 1_000);
`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

const track = (args: string[], env: Record<string, string> = {}) =>
  millrace(folder, ["--home", home, "track", ...args], { env, cwd: join(folder, "code") });

async function runOf(id: string): Promise<{ run: RunDetail; files: Record<string, string> }> {
  const { services, close } = await openProject({ folder: home, environment: { MILLRACE_HOME: home }, readOnly: true, purpose: "a test" });
  try {
    const files: Record<string, string> = {};
    for (const path of ["console.log", "source/uncommitted.diff"])
      files[path] = Buffer.from(await collectBytes((await readArtifact(services.tracking, { run: id, path })).bytes)).toString("utf8");
    expect((await listArtifacts(services.tracking, { run: id })).map(({ path }) => path).toSorted()).toEqual(["console.log", "source"]);
    return { run: await getRun(services.tracking, id), files };
  } finally {
    await close();
  }
}
const idIn = (stderr: string) => /Tracked as run (\S+)/.exec(stderr)![1]!;

describe("millrace track", () => {
  it("keeps what a program is, prints and logs, and passes on what it prints", async () => {
    const done = await track(
      ["--experiment", "team/churn", "--name", "first", "--tag", "owner=ana", "--", "node", "train.js", "--log", "--token", "s3cret"],
      { API_KEY: "s3cret" },
    );
    expect(done).toMatchObject({ exit: 0, stdout: "out --log --token s3cret\n" });
    const { run, files } = await runOf(idIn(done.stderr));
    expect(run).toMatchObject({ name: "first", status: "finished", tags: { owner: "ana" }, metrics: { loss: { value: 0.25, step: 1 } } });
    expect(run.source).toMatchObject({
      branch: "trunk",
      dirty: true,
      entry: "node train.js --log --token ***",
      diff: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(run.environment).toMatchObject({ commandLine: ["node", "train.js", "--log", "--token", "***"], variables: { API_KEY: "***" } });
    expect(files["console.log"]).toBe("out --log --token s3cret\nerr\n");
    expect(files["source/uncommitted.diff"]).toContain("-console.log('old')");
  });

  it("ends as the program ends", async () => {
    const failed = await track(["--", "node", "train.js", "--fail"]);
    expect(failed.exit).toBe(3);
    expect((await runOf(idIn(failed.stderr))).run.status).toBe("failed");
    const json = await track(["--json", "--", "node", "train.js"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: "finished", exit: 0 });
  });

  it("passes a signal on, and tells that it killed the run", async () => {
    const running = startMillrace(folder, ["--home", home, "track", "--", "node", "train.js", "--wait"], { cwd: join(folder, "code") });
    await running.says(/^err$/m);
    running.child.kill("SIGTERM");
    const ended = await running.ended;
    expect(ended.exit).toBe(128 + 15);
    expect((await runOf(idIn(ended.stderr))).run.status).toBe("killed");
  });

  it("says what is wrong with its words", async () => {
    for (const [args, message] of [
      [["--", "no-such-program"], 'error[not_found]: There is no program "no-such-program".'],
      [["--tag", "x", "--", "node"], 'error[invalid_argument]: --tag is "x", which is no name=value.'],
      [["--server", "nowhere", "--", "node"], 'error[invalid_argument]: --server is "nowhere", which is no address.'],
      [["--server", "http://127.0.0.1:1", "--", "node"], "error[unavailable]: There is no answer at http://127.0.0.1:1."],
    ] as [string[], string][]) {
      const { exit, stderr } = await track(args);
      expect(stderr).toContain(message);
      expect(exit).not.toBe(0);
    }
  });
});
