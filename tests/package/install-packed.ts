import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");

/** What a user of the published package has: an empty folder with nothing but the package installed. */
export interface Installed {
  folder: string;
  tarball: { sizeBytes: number; files: string[] };
  /** Of `node_modules`, on disk. */
  installedBytes: number;
  /** Runs a program there to its end; the exit code is the caller's to judge. */
  run(program: string, ...args: string[]): Promise<{ exit: number; stdout: string; stderr: string }>;
  /** Starts a program there. */
  start(program: string, ...args: string[]): ChildProcess;
  remove(): Promise<void>;
}

/** Builds and packs `packages/millrace` and installs it into an empty folder, from npm's cache as far as it goes. */
export async function installPacked(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-packed-"));
  // The Node that runs this, whatever the machine has; nothing of the repository is on the path.
  const path = `${dirname(process.execPath)}${delimiter}${(process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((entry) => !entry.includes("node_modules"))
    .join(delimiter)}`;
  const env = { ...process.env, PATH: path, npm_config_audit: "false", npm_config_fund: "false", npm_config_update_notifier: "false" };
  await run(process.execPath, ["build.ts"], { cwd: join(root, "packages/millrace"), env });
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: join(root, "packages/millrace"),
    env,
    maxBuffer: 16 << 20,
  });
  const { filename, size, files } = packReport(packed.stdout);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "new-user", private: true }));
  await run("npm", ["install", "--prefer-offline", join(folder, filename)], { cwd: folder, env });
  const installed: Installed = {
    folder,
    tarball: { sizeBytes: size, files: files.map((file) => file.path) },
    installedBytes: await sizeOf(join(folder, "node_modules")),
    run: (program, ...args) =>
      run(program, args, { cwd: folder, env, maxBuffer: 16 << 20 }).then(
        ({ stdout, stderr }) => ({ exit: 0, stdout, stderr }),
        (error: { code: number; stdout: string; stderr: string }) => ({ exit: error.code, stdout: error.stdout, stderr: error.stderr }),
      ),
    start: (program, ...args) => spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] }),
    remove: () => rm(folder, { recursive: true }),
  };
  await rm(join(folder, filename));
  return installed;
}

/** The compiler and Node's types, as `npm install` in the project would bring them, from this repository. */
export async function linkCompiler({ folder }: Installed): Promise<string> {
  await symlink(join(root, "node_modules", "@types"), join(folder, "node_modules", "@types"));
  return join(root, "node_modules", "typescript", "bin", "tsc");
}

/** The report of `npm pack --json`: an array of one, or (from npm 12 on) an object by name. */
function packReport(text: string): { filename: string; size: number; files: { path: string }[] } {
  const report = JSON.parse(text) as object; // npm's own format
  return Object.values(report)[0] as ReturnType<typeof packReport>;
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
