// The demonstration as a newcomer runs it, twice: seconds, and the largest memory of the whole process tree.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { mkdtempSync, readdirSync, readFileSync, cpSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const example = join(root, "examples", "flight-delays");
const folder = mkdtempSync(join(tmpdir(), "millrace-bench-demo-"));
try {
  cpSync(example, folder, { recursive: true, filter: (path) => !/[/\\](\.millrace|node_modules)([/\\]|$)/.test(path) });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const first = await measure();
  const second = await measure();
  const [cpu] = cpus();
  const result = {
    date: new Date().toISOString().slice(0, 10),
    machine: { cpu: cpu?.model, cores: cpus().length, node: process.versions.node },
    note: process.env["MILLRACE_BENCH_NOTE"] ?? "",
    first,
    second,
  };
  console.log(`first run  ${first.seconds.toFixed(1)} s, ${first.treeMemoryMb} MB, AUC of the first champion on June ${first.auc?.toFixed(4)}`);
  console.log(`second run ${second.seconds.toFixed(1)} s, ${second.treeMemoryMb} MB, all cached: ${second.cached}`);
  writeFileSync(join(root, "bench", "results", "demo.json"), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Measured {
  seconds: number;
  treeMemoryMb: number;
  auc: number | null;
  cached: boolean;
  stages: { name: string; seconds: number; peakMemoryMb: number }[];
}

async function measure(): Promise<Measured> {
  const started = performance.now();
  const child = spawn("npm", ["run", "-s", "demo", "--", "-C", folder, "--json"], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let peak = 0;
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const watch = setInterval(() => (peak = Math.max(peak, treeMemoryMb(child.pid!))), 100);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`the demonstration ended with ${code}`);
  const report = JSON.parse(text) as { cached: boolean; stages: Measured["stages"]; endpoints: { first: { auc: number | null } | null }[] };
  return {
    seconds: (performance.now() - started) / 1_000,
    treeMemoryMb: Math.round(peak),
    auc: report.endpoints[0]?.first?.auc ?? null,
    cached: report.cached,
    stages: report.stages.map(({ name, seconds, peakMemoryMb }) => ({ name, seconds, peakMemoryMb })),
  };
}

/** Resident memory of a process and all below it, from /proc. */
function treeMemoryMb(pid: number): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const status = read(`/proc/${entry}/status`);
    parents.set(Number(entry), Number(/PPid:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }
  let sum = 0;
  for (const each of parents.keys()) {
    for (let above: number | undefined = each; above !== undefined && above > 1; above = parents.get(above)) {
      if (above !== pid) continue;
      sum += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${each}/status`))?.[1] ?? 0) / 1_024;
      break;
    }
  }
  return sum;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}
