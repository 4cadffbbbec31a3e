// Runs the benchmarks one after the other: all of them, or those named. Each prints its table and writes bench/results/<name>.json.
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dirname;
const all = globSync("*/run.ts", { cwd: folder })
  .map((file) => file.split(/[/\\]/)[0]!)
  .toSorted();
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : all;
for (const name of wanted) {
  const file = join(folder, name, "run.ts");
  if (!existsSync(file)) {
    console.error(`error: there is no benchmark "${name}" (there are: ${all.join(", ")}).`);
    process.exit(2);
  }
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, ["--conditions=source", file], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
