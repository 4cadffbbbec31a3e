import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface CodeVersion {
  commit: string | null;
  /** Whether files under the folder differ from the commit, or are not under version control (ignored ones aside). */
  dirty: boolean | null;
  /** Null when no branch is checked out. */
  branch: string | null;
}

/** What git says about a folder. All null where there is no git, no repository, or no answer within 10 s. */
export async function codeVersion(folder: string): Promise<CodeVersion> {
  const text = await git(["-C", folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", "."]);
  if (text === undefined) return { commit: null, dirty: null, branch: null };
  const lines = text.split("\n").filter((line) => line !== "");
  const header = (name: string) => lines.find((line) => line.startsWith(`# branch.${name} `))?.slice(`# branch.${name} `.length);
  const commit = header("oid");
  const branch = header("head");
  return {
    commit: commit === undefined || commit === "(initial)" ? null : commit,
    dirty: lines.some((line) => !line.startsWith("# ")),
    branch: branch === undefined || branch === "(detached)" ? null : branch,
  };
}

/** Files that are likely to hold secrets are never part of a kept diff. */
const secretFiles = [
  ".env",
  ".env.*",
  "*.pem",
  "*.key",
  "*.p12",
  "id_rsa*",
  "id_ed25519*",
  "*credentials*",
  "*.tfvars",
  ".netrc",
  ".npmrc",
  ".pypirc",
];

/**
 * What the files under a folder have that their commit has not, as a patch that `git apply` takes: changes, and new files that git does
 * not ignore. Files that may hold secrets are left out. Undefined where there is no repository or no commit, where nothing differs, or
 * where the patch is over 32 MB.
 */
export async function uncommittedDiff(folder: string): Promise<Uint8Array | undefined> {
  const index = await git(["-C", folder, "rev-parse", "--git-path", "index"]);
  if (index === undefined) return undefined;
  const scratch = await mkdtemp(join(tmpdir(), "millrace-diff-"));
  try {
    // New files are announced in a copy of the index: the user's own stays as it is.
    const copy = join(scratch, "index");
    await copyFile(resolve(folder, index.trim()), copy).catch(() => undefined); // nothing was ever added
    const paths = ["--", ".", ...secretFiles.flatMap((name) => [`:(exclude,glob,icase)**/${name}`])];
    const withIndex = { GIT_INDEX_FILE: copy };
    await git(["-C", folder, "add", "--intent-to-add", ...paths], withIndex);
    const diff = await git(["-C", folder, "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", ...paths], withIndex, "latin1");
    return diff ? Buffer.from(diff, "latin1") : undefined; // files may be in any encoding
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function git(args: string[], environment: Record<string, string> = {}, encoding: BufferEncoding = "utf8"): Promise<string | undefined> {
  // Without optional locks a mere question never stands in the way of the user's own git command.
  const options = { encoding, timeout: 10_000, maxBuffer: 32 * 1024 * 1024, env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", ...environment } };
  return new Promise((done) => execFile("git", args, options, (error, stdout) => done(error ? undefined : stdout)));
}
