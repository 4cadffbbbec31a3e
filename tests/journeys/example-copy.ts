/** A copy of `examples/flight-delays` in a folder of its own, as its user would have it: under git, with its data package beside it. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");

export interface ExampleCopy {
  folder: string;
  /** The only commit. */
  commit: string;
  remove(): Promise<void>;
}

export async function copyExample(): Promise<ExampleCopy> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-flights-"));
  await cp(join(root, "examples", "flight-delays"), folder, {
    recursive: true,
    filter: (path) => !/[\\/](\.millrace|node_modules)$/.test(path),
  });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, ".gitignore"), "node_modules\n.millrace\n");
  const git = (...args: string[]) => run("git", ["-c", "user.name=Tester", "-c", "user.email=tester@example.com", ...args], { cwd: folder });
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "The example");
  const { stdout } = await git("rev-parse", "HEAD");
  return { folder, commit: stdout.trim(), remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }) };
}
