import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeVersion } from "./git.ts";

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
