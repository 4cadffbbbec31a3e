import { execFile } from "node:child_process";

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

function git(args: string[]): Promise<string | undefined> {
  // Without optional locks a mere question never stands in the way of the user's own git command.
  const options = { timeout: 10_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, GIT_OPTIONAL_LOCKS: "0" } };
  return new Promise((resolve) => execFile("git", args, options, (error, stdout) => resolve(error ? undefined : stdout)));
}
