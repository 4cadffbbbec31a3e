import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Artifact,
  artifactRoutes,
  createExperiment,
  deleteRun,
  listArtifacts,
  logArtifact,
  readArtifact,
  startRun,
  type TrackingServices,
} from "#domains/tracking";
import { collectBytes } from "#kit/collect-bytes";
import type { AnyRoute } from "#kit/route";
import { sql } from "#kit/sql";
import type { RunningServer } from "./server.ts";
import { command as download } from "./command-artifacts-download.ts";
import { command as upload } from "./command-artifacts-upload.ts";
import type { CommandContext } from "./command.ts";
import type { FileReport } from "./file-report.ts";
import { openProject } from "./open-project.ts";
import { openSafeTarget } from "./safe-target.ts";
import { serveRoutes } from "../../../../tests/processes/serve-routes.ts";

let root: string;
let project: Awaited<ReturnType<typeof openProject>>;
let server: RunningServer;
let tracking: TrackingServices;
let experiment: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-artifact-files-"));
  await mkdir(join(root, "project"));
  await writeFile(join(root, "project", "package.json"), JSON.stringify({ name: "files", private: true, type: "module" }));
  await writeFile(join(root, "project", "millrace.config.ts"), 'export default { name: "files" };\n');
  project = await openProject({ folder: join(root, "project"), environment: {}, withoutDefinitions: true, purpose: "a test" });
  ({ tracking } = project.services);
  experiment = (await createExperiment(tracking, { name: "files" })).id;
  server = await serveRoutes(artifactRoutes, { tracking });
});
afterAll(async () => {
  await server.close();
  await project.close();
  await rm(root, { recursive: true });
});

let run: string;
let here: string;
beforeEach(async () => {
  run = (await startRun(tracking, { experiment })).id;
  here = await mkdtemp(join(root, "here-"));
});
afterEach(() => rm(here, { recursive: true }));

interface Called extends FileReport {
  text: string;
  progress: string[];
}

/** Calls a command as the command line does; over the server unless told. */
async function call(
  command: typeof upload,
  args: string[],
  options: Record<string, unknown> = { server: server.address },
  signal = new AbortController().signal,
): Promise<Called> {
  let called: Called | undefined;
  const progress: string[] = [];
  const terminal: CommandContext["terminal"] = {
    json: false,
    result: (value, text) => (called = { ...(value as FileReport), text, progress }), // what the two commands report
    note: () => undefined,
    progress: (line) => progress.push(line),
    stream: async () => undefined,
  };
  await command({ args, options, folder: join(root, "project"), environment: {}, terminal, signal });
  return called!; // it ended without an error
}
const to = (folder: string, more = {}) => ({ server: server.address, to: join(here, folder), ...more });
const log = (path: string, text: string): Promise<Artifact> => logArtifact(tracking, { run, path, data: Buffer.from(text) });
const stored = async (path: string) => Buffer.from(await collectBytes((await readArtifact(tracking, { run, path })).bytes)).toString();
const states = ({ files }: FileReport) => Object.fromEntries(files.map(({ path, state }) => [path, state]));
const fileIn = (...names: string[]) => readFile(join(here, ...names), "utf8");

async function someFiles(): Promise<string> {
  const folder = join(here, "src");
  await mkdir(join(folder, "deep", "er"), { recursive: true });
  await writeFile(join(folder, "a.txt"), "one");
  await writeFile(join(folder, "deep", "er", "мо дель.bin"), "three");
  await writeFile(join(folder, "deep", "empty"), "");
  return folder;
}

describe("artifacts upload", () => {
  it("sends all files of a folder, and the next time only what is new or other", async () => {
    const folder = await someFiles();
    const first = await call(upload, [run, folder, "data/"]);
    expect(states(first)).toEqual({ "data/a.txt": "new", "data/deep/empty": "new", "data/deep/er/мо дель.bin": "new" });
    expect(await stored("data/deep/er/мо дель.bin")).toBe("three");
    expect(first.progress.at(-1)).toMatch(/^3 of 3 files, 8 bytes of 8 bytes {2}data\//);
    expect(states(await call(upload, [run, folder, "data"]))).toEqual({
      "data/a.txt": "same",
      "data/deep/empty": "same",
      "data/deep/er/мо дель.bin": "same",
    });
    await writeFile(join(folder, "a.txt"), "two");
    const third = await call(upload, [run, folder, "data"]);
    expect([states(third)["data/a.txt"], await stored("data/a.txt")]).toEqual(["replaced", "two"]);
    expect(third.text).toContain(`1 file, 3 bytes, from ${folder} to ${run}/data (2 the same there already, 1 in place of others).`);
  });

  it("sends one file, under its name, to the top unless told", async () => {
    const folder = await someFiles();
    await call(upload, [run, join(folder, "a.txt")]);
    await call(upload, [run, join(folder, "a.txt"), "x/y"]);
    expect([await stored("a.txt"), await stored("x/y/a.txt")]).toEqual(["one", "one"]);
  });

  it("says what it would do with --dry-run, and does nothing", async () => {
    const folder = await someFiles();
    const { text, dryRun } = await call(upload, [run, folder], { server: server.address, dryRun: true });
    expect([dryRun, text]).toEqual([true, expect.stringMatching(/^A dry run: nothing is written\. 3 files[^]* {2}new {2}a\.txt {2}3 bytes/)]);
    expect(await listArtifacts(tracking, { run })).toEqual([]);
  });

  it("follows no link within the folder, and leaves out what is no file", async () => {
    const folder = await someFiles();
    await writeFile(join(here, "secret"), "secret");
    await symlink(join(here, "secret"), join(folder, "link"));
    await symlink(here, join(folder, "folder-link"));
    await writeFile(join(folder, ".millrace-part-1"), "half");
    const { leftOut, files, text } = await call(upload, [run, folder]);
    expect(leftOut).toEqual([
      { path: ".millrace-part-1", why: "an unfinished download" },
      { path: "folder-link", why: "a symbolic link" },
      { path: "link", why: "a symbolic link" },
    ]);
    expect([files.length, text]).toEqual([3, expect.stringContaining("Left out: link, a symbolic link.")]);
  });

  it("tells what cannot be, before anything is sent", async () => {
    const folder = await someFiles();
    const refused = (args: string[], options?: object) => call(upload, args, { server: server.address, ...options });
    await expect(refused([run, join(here, "none")])).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("none") });
    await expect(refused(["nope", folder])).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining('"nope"') });
    await expect(refused([run, folder, "../x"])).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(refused([run, folder], { server: "127.0.0.1:9" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(refused([run, folder], { server: "http://127.0.0.1:9" })).rejects.toMatchObject({ code: "unavailable" });
    await log("a.txt/inside", "x");
    await expect(refused([run, folder])).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining('"a.txt"') });
    await writeFile(join(folder, "back\\slash"), "");
    await expect(refused([run, folder, "other"])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("back\\slash"),
    });
    expect((await listArtifacts(tracking, { run })).map(({ path }) => path)).toEqual(["a.txt"]);
  });

  it("tells why the server takes no more, though the file is still on its way", async () => {
    const large = join(here, "large");
    await writeFile(large, Buffer.alloc(30 << 20, 7));
    await deleteRun(tracking, { run });
    await expect(call(upload, [run, large])).rejects.toMatchObject({ code: "conflict" });
  });

  it("ends when it is stopped: what was sent stays", async () => {
    const stopped = new AbortController();
    stopped.abort(new Error("Ctrl-C"));
    await expect(call(upload, [run, await someFiles()], { server: server.address }, stopped.signal)).rejects.toThrow("Ctrl-C");
  });
});

describe("artifacts download", () => {
  beforeEach(async () => {
    await log("reports/a.csv", "1,2");
    await log("reports/deep/b.csv", "3");
    await log("model.bin", "weights");
  });

  it("fetches a folder, a file or everything, and the next time nothing that is there", async () => {
    expect(states(await call(download, [run, "reports/"], to("r")))).toEqual({ "a.csv": "new", "deep/b.csv": "new" });
    expect([await fileIn("r", "a.csv"), await fileIn("r", "deep", "b.csv")]).toEqual(["1,2", "3"]);
    expect(states(await call(download, [run, "reports"], to("r")))).toEqual({ "a.csv": "same", "deep/b.csv": "same" });
    await call(download, [run, "reports/deep/b.csv"], to("one/more"));
    expect(await fileIn("one", "more", "b.csv")).toBe("3");
    const all = await call(download, [run], to("all"));
    expect(states(all)).toEqual({ "model.bin": "new", "reports/a.csv": "new", "reports/deep/b.csv": "new" });
    expect(all.text).toBe(`3 files, 11 bytes, from ${run}/ to ${join(here, "all")}.`);
    expect(await readdir(join(here, "all"))).toEqual(["model.bin", "reports"]);
  });

  it("finds every file of a folder that is listed in pages", async () => {
    const { digest } = await log("many/first", "x");
    await tracking.state.write(async (transaction) => {
      for (let i = 0; i < 2_003; i++)
        await transaction.run(sql`insert into tracking_artifact (run, folder, name, digest, size_bytes, created_ms)
          values (${run}, ${"many"}, ${`f${i}`}, ${digest}, ${1}, ${1})`);
    });
    const { files } = await call(download, [run, "many"], to("back", { dryRun: true }));
    expect(new Set(files.map(({ path }) => path)).size).toBe(2_004);
    expect((await call(download, [run, "many/f2002"], to("back"))).files).toHaveLength(1);
    expect(await fileIn("back", "f2002")).toBe("x");
  });

  it("takes up where it stopped: what is whole is kept, the rest is fetched", async () => {
    await call(download, [run], to("r"));
    await rm(join(here, "r", "reports"), { recursive: true });
    await truncate(join(here, "r", "model.bin"), 3);
    const again = await call(download, [run], to("r", { overwrite: true }));
    expect(states(again)).toEqual({ "model.bin": "replaced", "reports/a.csv": "new", "reports/deep/b.csv": "new" });
    expect(await fileIn("r", "model.bin")).toBe("weights");
  });

  it("replaces other content only when told, and else writes nothing at all", async () => {
    await mkdir(join(here, "r", "reports"), { recursive: true });
    await writeFile(join(here, "r", "reports", "a.csv"), "9,9");
    await expect(call(download, [run], to("r"))).rejects.toMatchObject({
      ...{ code: "conflict", message: 'Other content stands at "reports/a.csv".', hint: expect.stringContaining("--overwrite") },
    });
    expect(await readdir(join(here, "r"))).toEqual(["reports"]);
    await call(download, [run], to("r", { overwrite: true }));
    expect(await fileIn("r", "reports", "a.csv")).toBe("1,2");
  });

  it("says what it would do with --dry-run, and does nothing", async () => {
    expect((await call(download, [run], to("r", { dryRun: true }))).text).toMatch(/^A dry run: nothing is written\. 3 files/);
    await expect(stat(join(here, "r"))).rejects.toThrow("ENOENT");
  });

  it.each([
    ["a link where a file would be", async (folder: string, outer: string) => symlink(join(outer, "victim"), join(folder, "model.bin"))],
    ["a link on the way", async (folder: string, outer: string) => symlink(outer, join(folder, "reports"))],
    ["a link that leads nowhere", async (folder: string, outer: string) => symlink(join(outer, "none"), join(folder, "model.bin"))],
    ["a file on the way", async (folder: string) => writeFile(join(folder, "reports"), "x")],
    ["a folder where a file would be", async (folder: string) => mkdir(join(folder, "model.bin"))],
  ])("refuses %s, with --overwrite too", async (_, place) => {
    const [folder, outer] = [join(here, "r"), join(here, "outer")];
    for (const each of [folder, outer]) await mkdir(each);
    await writeFile(join(outer, "victim"), "mine");
    await place(folder, outer);
    for (const more of [{}, { overwrite: true }]) await expect(call(download, [run], to("r", more))).rejects.toMatchObject({ code: "conflict" });
    expect([await readdir(outer), await fileIn("outer", "victim"), await readdir(folder)]).toEqual([["victim"], "mine", [expect.any(String)]]);
  });

  it("tells what is not there, and what is no folder", async () => {
    await expect(call(download, ["nope"], to("r"))).rejects.toMatchObject({ code: "not_found" });
    await expect(call(download, [run, "none"], to("r"))).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("none") });
    await expect(call(download, [run, "../x"], to("r"))).rejects.toMatchObject({ code: "invalid_argument" });
    await writeFile(join(here, "file"), "");
    await expect(call(download, [run], to("file"))).rejects.toMatchObject({ code: "conflict" });
  });

  it("works without a server, in the project itself", async () => {
    const { files } = await call(download, [run, "model.bin"], { to: join(here, "r") });
    expect([files[0]!.state, await fileIn("r", "model.bin")]).toEqual(["new", "weights"]);
  });
});

describe("a server that answers what it likes", () => {
  /** Lists a file of any name, and answers `bytes` for it. */
  async function oddServer(listed: string, bytes = "evil") {
    const odd = (artifactRoutes as AnyRoute[]).map((route): AnyRoute => {
      const answers: Record<string, () => Promise<unknown>> = {
        "artifacts.list": async () => ({ artifacts: [{ path: listed, folder: false, sizeBytes: 4, digest: "0".repeat(64) }] }),
        "artifacts.download": async () => ({ contentType: "application/octet-stream", body: bytes }),
      };
      return { ...route, handle: answers[route.name] ?? route.handle };
    });
    return serveRoutes(odd, { tracking });
  }

  it.each(["../evil", "/etc/evil", "a/../../evil", "..", "", "a\\..\\evil", "sub/evil", "nul\u0000"])(
    "leads no download elsewhere: %j",
    async (listed) => {
      const other = await oddServer(listed);
      try {
        await expect(call(download, [run], to("r/deep", { server: other.address }))).rejects.toMatchObject({
          code: expect.stringMatching(/corrupt_data|invalid_argument/),
        });
        expect(await readdir(here)).toEqual([]);
      } finally {
        await other.close();
      }
    },
  );

  it.each(["evil", "shrt"])("leaves nothing of bytes that are not those of the digest: %s", async (bytes) => {
    const other = await oddServer("file", bytes);
    try {
      await expect(call(download, [run], to("r", { server: other.address }))).rejects.toMatchObject({ code: "corrupt_data" });
      expect(await readdir(join(here, "r"))).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe("a safe target", () => {
  const write = (text: string) => (part: string) => writeFile(part, text, { flag: "wx" });

  it("follows no link that comes while a file is written, and replaces nothing that comes", async () => {
    const [folder, outer] = [join(here, "t"), join(here, "outer")];
    await mkdir(outer);
    const target = await openSafeTarget(folder);
    const swap = target.put("sub/file", false, async (part) => {
      await write("evil")(part);
      await rm(join(folder, "sub"), { recursive: true });
      await symlink(outer, join(folder, "sub"));
    });
    await expect(swap).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("symbolic link") });
    const meanwhile = target.put("file", false, async (part) => {
      await write("mine")(part);
      await writeFile(join(folder, "file"), "theirs");
    });
    await expect(meanwhile).rejects.toMatchObject({ code: "conflict" });
    expect([await readdir(outer), await fileIn("t", "file"), (await readdir(folder)).sort()]).toEqual([[], "theirs", ["file", "sub"]]);
    expect((await lstat(join(folder, "sub"))).isSymbolicLink()).toBe(true);
  });

  it("takes away what was left a day ago and is nobody's any more, and nothing else", async () => {
    const folder = join(here, "t");
    await mkdir(folder);
    for (const name of [".millrace-part-old", ".millrace-part-new", "old"]) await writeFile(join(folder, name), "half");
    const before = new Date(Date.now() - 25 * 3_600_000);
    for (const name of [".millrace-part-old", "old"]) await utimes(join(folder, name), before, before);
    await (await openSafeTarget(folder)).put("file", false, write("x"));
    expect((await readdir(folder)).sort()).toEqual([".millrace-part-new", "file", "old"]);
  });
});
