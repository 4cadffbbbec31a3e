/** Python packages for tests that ask the incumbents' own libraries, kept between runs. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPackages, works } from "./debian-packages.ts";
import { isThere, testCache } from "./test-cache.ts";

const run = promisify(execFile);

/** The interpreter of a virtual environment with exactly these packages, such as `deltalake==1.6.6`. Made on first use, from PyPI. */
export async function pythonWith(packages: string[]): Promise<string> {
  const cache = await testCache("python");
  const folder = join(cache, createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 16));
  const python = join(folder, "bin", "python");
  if (await isThere(join(folder, "complete"))) return python;
  await rm(folder, { recursive: true, force: true }); // left half-made by a run that was stopped
  if (await works("uv")) {
    await run("uv", ["venv", "--quiet", folder]);
    await run("uv", ["pip", "install", "--quiet", "--python", python, ...packages], { maxBuffer: 1 << 26 });
  } else {
    await makeVenv(folder, packages);
    await run(python, ["-m", "pip", "install", "--quiet", ...packages], { maxBuffer: 1 << 26 });
  }
  await writeFile(join(folder, "complete"), packages.join("\n"));
  return python;
}

/** Runs a script with an argument and reads the JSON it prints. */
export async function pythonJson(python: string, script: string, argument: unknown): Promise<unknown> {
  // Ends without the interpreter's own farewell: some native libraries abort when their threads are torn down in it.
  const whole = `${script}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n`;
  const { stdout } = await run(python, ["-c", whole, JSON.stringify(argument)], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout);
}

/** Debian's Python comes without the part that makes environments. */
async function makeVenv(folder: string, packages: string[]): Promise<void> {
  const attempt = () => run("python3", ["-m", "venv", folder]);
  try {
    await attempt();
  } catch {
    await rm(folder, { recursive: true, force: true });
    await installPackages(["python3", "python3-venv"], `These tests need Python 3 with \`venv\`, to install ${packages.join(", ")}.`);
    await attempt();
  }
}
