import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRun, readArtifact, type RunDetail } from "#domains/tracking";
import { openProject } from "#entry/open-project";
import { collectBytes } from "#kit/collect-bytes";
import { millrace } from "./millrace-process.ts";

/** What a run keeps of the code, the machine and the command that made it. */
let folder: string;
let run: RunDetail;
let files: Record<string, string>;
const git = (...args: string[]) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=Test", "-c", "user.email=test@example.com", ...args], { encoding: "utf8" });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-facts-"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(folder, ".gitignore"), ".millrace\n");
  await writeFile(
    join(folder, "millrace.config.ts"),
    `import { defineConfig } from "millrace";\n\nexport default defineConfig({ name: "facts" });\n`,
  );
  await mkdir(join(folder, "lib"));
  const flow = (word: string) => `import { flow } from "millrace";

export const hello = flow("hello", { who: "you" }, async (_step, { who }) => {
  console.log(\`${word} \${who}\`);
  console.error("and beware");
  return who;
});
`;
  await writeFile(join(folder, "hello.ts"), flow("hello"));
  git("init", "-q", "-b", "trunk");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  await writeFile(join(folder, "hello.ts"), flow("good morning"));
  await writeFile(join(folder, "new-file.txt"), "not yet added\n");
  await writeFile(join(folder, ".env"), "TOKEN=s3cret\n");
  const env = { OMP_NUM_THREADS: "3", SOME_API_KEY: "s3cret", DATABASE_URL: "postgres://me:s3cret@db.example/x" };
  const done = await millrace(folder, ["run", "hello", "--json", "-p", "who=world"], { env });
  expect(done).toMatchObject({ exit: 0 });
  const home = join(folder, ".millrace");
  const { services, close } = await openProject({ folder: home, environment: { MILLRACE_HOME: home }, readOnly: true, purpose: "a test" });
  run = await getRun(services.tracking, (JSON.parse(done.stdout) as { runId: string }).runId);
  const read = async (path: string) =>
    Buffer.from(await collectBytes((await readArtifact(services.tracking, { run: run.id, path })).bytes)).toString("utf8");
  files = { log: await read("console.log"), diff: await read("source/uncommitted.diff") };
  await close();
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

describe("a flow's run", () => {
  it("knows the commit, the branch, and what was not committed, but no file with secrets", () => {
    expect(run.source).toMatchObject({
      commit: git("rev-parse", "HEAD").trim(),
      branch: "trunk",
      dirty: true,
      entry: "hello",
      diff: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(files["diff"]).toContain("+  console.log(`good morning ${who}`);");
    expect(files["diff"]).toContain("+not yet added");
    expect(files["diff"]).not.toContain("s3cret");
  });

  it("knows the command line and the environment, without secrets", () => {
    const { commandLine, variables } = run.environment as { commandLine: string[]; variables: Record<string, string> };
    expect(commandLine.slice(-5)).toEqual(["run", "hello", "--json", "-p", "who=world"]);
    expect(variables).toMatchObject({ OMP_NUM_THREADS: "3", SOME_API_KEY: "***", DATABASE_URL: "postgres://***@db.example/x" });
    expect(JSON.stringify(run)).not.toContain("s3cret");
  });

  it("knows the machine and the packages", () => {
    expect(run.environment).toMatchObject({
      project: "facts",
      cpus: expect.any(Number),
      memoryBytes: expect.any(Number),
      cpuModel: expect.any(String),
      packages: {},
    });
  });

  it("has kept what it printed, and no progress", () => {
    expect(files["log"]).toBe("good morning world\nand beware\n");
  });
});
