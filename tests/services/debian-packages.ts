import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { testCache } from "./test-cache.ts";

const run = promisify(execFile);

/** Whether a program is on the path and starts. */
export function works(command: string, argument = "--version"): Promise<boolean> {
  return run(command, [argument]).then(
    () => true,
    () => false,
  );
}

/**
 * Installs Debian packages that a suite needs and the machine lacks. Only root may; everyone else gets the line to ask root for.
 * Waits for another run of apt instead of failing over its lock.
 */
export async function installPackages(packages: string[], reason: string): Promise<void> {
  const line = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (process.getuid?.() !== 0 || !(await works("apt-get"))) {
    throw new Error(`${reason} On Debian or Ubuntu, run as root, then start the suite again:\n  apt-get update && ${line}`);
  }
  const archives = join(await testCache("apt"), "archives"); // the shared folder has a lock of its own, which apt does not wait for
  await mkdir(join(archives, "partial"), { recursive: true });
  const options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", `Dir::Cache::archives=${archives}`, "-o", "APT::Sandbox::User=root"];
  // RUNLEVEL=1: packages with a service do not start it.
  const settings = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" }, maxBuffer: 1 << 26 };
  await updateLists(options, settings);
  await run("apt-get", [...options, "install", "-y", "--no-install-recommends", ...packages], settings);
}

const listTries = 60;

/** The lists have a lock that apt does not wait for. */
async function updateLists(options: string[], settings: { env: NodeJS.ProcessEnv; maxBuffer: number }): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await run("apt-get", [...options, "update"], settings);
      return;
    } catch (error) {
      if (tries === listTries || !/Could not get lock|Unable to lock/.test(String(error))) throw error;
      await new Promise((resolve) => void setTimeout(resolve, 5_000));
    }
  }
}
