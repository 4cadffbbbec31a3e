import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeVersion, uncommittedDiff } from "./git.ts";

let folder: string;
const git = (...args: string[]) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", ...args], {
    encoding: "utf8",
  }).trim();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace git "));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the version of the code in a folder", () => {
  it("is unknown without a repository or folder", async () => {
    const unknown = { commit: null, dirty: null, branch: null };
    expect(await codeVersion(folder)).toEqual(unknown);
    expect(await codeVersion(join(folder, "missing"))).toEqual(unknown);
  });

  it("follows the commit, the branch and changes of tracked and new files under the folder", async () => {
    git("init", "-q", "-b", "trunk");
    expect(await codeVersion(folder)).toEqual({ commit: null, dirty: false, branch: "trunk" });
    await mkdir(join(folder, "project"));
    await writeFile(join(folder, "project", "train.ts"), "1");
    await writeFile(join(folder, ".gitignore"), "ignored\n");
    git("add", ".");
    git("commit", "-q", "-m", "first");
    const commit = git("rev-parse", "HEAD");
    expect(await codeVersion(join(folder, "project"))).toEqual({ commit, dirty: false, branch: "trunk" });
    await writeFile(join(folder, "elsewhere"), "not the project's");
    await writeFile(join(folder, "project", "ignored"), "");
    expect(await codeVersion(join(folder, "project"))).toMatchObject({ dirty: false });
    await writeFile(join(folder, "project", "new.ts"), "");
    expect(await codeVersion(join(folder, "project"))).toMatchObject({ dirty: true });
    git("checkout", "-q", "--detach");
    expect(await codeVersion(folder)).toEqual({ commit, dirty: true, branch: null });
  });
});

describe("what is not committed", () => {
  let work: string;
  const inWork = (...args: string[]) =>
    execFileSync("git", ["-C", work, "-c", "user.name=Test", "-c", "user.email=test@example.com", ...args], { encoding: "utf8" });
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "millrace-diff-test-"));
  });
  afterAll(() => rm(work, { recursive: true }));

  it("is nothing without a repository, a commit or a difference", async () => {
    expect(await uncommittedDiff(work)).toBeUndefined();
    inWork("init", "-q");
    await writeFile(join(work, "a.py"), "one\n");
    expect(await uncommittedDiff(work)).toBeUndefined();
    inWork("add", ".");
    inWork("commit", "-q", "-m", "first");
    expect(await uncommittedDiff(work)).toBeUndefined();
  });

  it("makes the same files of the commit, new and binary ones too, but for secrets", async () => {
    await writeFile(join(work, "a.py"), "two\n");
    await writeFile(join(work, "latin.txt"), Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0a]));
    await writeFile(join(work, "bytes.bin"), Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256)));
    await mkdir(join(work, "sub"));
    for (const secret of [".env", "sub/.env.local", "server.PEM", "sub/credentials.json"]) await writeFile(join(work, secret), "s3cret");
    const before = inWork("status", "--porcelain");
    const diff = (await uncommittedDiff(work))!;
    expect(inWork("status", "--porcelain")).toBe(before);
    expect(Buffer.from(diff).includes("s3cret")).toBe(false);

    const again = join(work, "..", `${work.split("/").at(-1)}-again`);
    try {
      execFileSync("git", ["clone", "-q", work, again]);
      await writeFile(join(again, "the.patch"), diff);
      execFileSync("git", ["-C", again, "apply", "the.patch"]);
      for (const file of ["a.py", "latin.txt", "bytes.bin"]) expect(await readFile(join(again, file))).toEqual(await readFile(join(work, file)));
    } finally {
      await rm(again, { recursive: true, force: true });
    }
  });
});
