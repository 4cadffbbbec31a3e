/**
 * The published package as a user has it: size to download and to install, and the time from a command to its help.
 * `node bench/package/run.ts` packs, installs into an empty folder, prints a table and writes bench/results/package.json.
 * Baseline in the same run: Node itself, starting and ending. Budgets: installed < 150 MB, help < 100 ms of wall time.
 */
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { installPacked } from "../../tests/package/install-packed.ts";

const runs = 31;
const installed = await installPacked();
const bin = join(installed.folder, "node_modules", "millrace", "bin", "millrace.js");
const index = pathToFileURL(join(installed.folder, "node_modules", "millrace", "dist", "index.js")).href;
const commands: [what: string, args: string[]][] = [
  ["node itself", ["-e", "0"]],
  ["millrace --help", [bin, "--help"]],
  ["millrace run --help", [bin, "run", "--help"]],
  ["an unknown command", [bin, "rnu"]],
  ['import "millrace"', ["--input-type=module", "-e", `await import(${JSON.stringify(index)})`]],
];

const times = commands.map((): number[] => []);
for (let i = -2; i < runs; i++) {
  commands.forEach(([, args], at) => {
    const began = performance.now();
    spawnSync(process.execPath, args, { cwd: installed.folder, stdio: ["ignore", "pipe", "pipe"] });
    if (i >= 0) times[at]!.push(performance.now() - began); // two rounds to warm the caches
  });
}
const rows = commands.map(([what], at) => {
  const sorted = times[at]!.toSorted((a, b) => a - b);
  const quantile = (share: number) => Math.round(sorted[Math.floor(share * (runs - 1))]! * 10) / 10;
  return { what, runs, medianMs: quantile(0.5), p90Ms: quantile(0.9), leastMs: quantile(0) };
});
await installed.remove();

const mb = (bytes: number) => Math.round(bytes / 1e5) / 10;
const sizes = { tarballMb: mb(installed.tarball.sizeBytes), files: installed.tarball.files.length, installedMb: mb(installed.installedBytes) };
console.table(rows);
console.log(sizes);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
const conditions = `commands in turn, ${runs} rounds after 2 that do not count; ${process.env["MILLRACE_BENCH_NOTE"] ?? "machine not otherwise described"}`;
const results = new URL("../results/", import.meta.url);
await mkdir(results, { recursive: true });
await writeFile(
  new URL("package.json", results),
  JSON.stringify({ date: new Date().toISOString(), machine, conditions, sizes, rows }, undefined, 2) + "\n",
);
