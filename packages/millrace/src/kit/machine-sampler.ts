import { execFile } from "node:child_process";
import { readdir, readFile, statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";

/** Numbers about a machine by name, such as `cpu_utilization_percentage`; only those that the system tells. */
export type MachineSample = Record<string, number>;

export interface MachineSampler {
  /** What the machine and the processes do now; rates and loads are since the last call. */
  sample(): Promise<MachineSample>;
}

const megabyte = 1_000_000;

/**
 * Watches the machine and a process with all its children. The names are those that MLflow's clients log under `system/`, and
 * `process_*` for the processes. Megabytes are 10⁶ bytes; a process's CPU is in percent of one core.
 */
export function openMachineSampler({ pid, folder = "." }: { pid: number; folder?: string }): MachineSampler {
  let last = cpuTimes();
  let lastProcess: { seconds: number; atMs: number } | undefined;
  let firstNetwork: { received: number; sent: number } | undefined;
  let gpus = true;
  return {
    async sample() {
      const now = cpuTimes();
      const used = totalmem() - freemem();
      const sample: MachineSample = {
        cpu_utilization_percentage: percent(now.busy - last.busy, now.total - last.total),
        system_memory_usage_megabytes: used / megabyte,
        system_memory_usage_percentage: percent(used, totalmem()),
      };
      last = now;
      const disk = await statfs(folder).catch(() => undefined);
      if (disk && disk.blocks > 0) {
        sample["disk_usage_percentage"] = percent(disk.blocks - disk.bfree, disk.blocks);
        sample["disk_usage_megabytes"] = ((disk.blocks - disk.bfree) * disk.bsize) / megabyte;
        sample["disk_available_megabytes"] = (disk.bavail * disk.bsize) / megabyte;
      }
      const network = await networkBytes();
      if (network) {
        firstNetwork ??= network;
        sample["network_receive_megabytes"] = (network.received - firstNetwork.received) / megabyte;
        sample["network_transmit_megabytes"] = (network.sent - firstNetwork.sent) / megabyte;
      }
      const tree = await processTree(pid);
      if (tree) {
        const at = { seconds: tree.cpuSeconds, atMs: performance.now() };
        sample["process_memory_megabytes"] = tree.memoryBytes / megabyte;
        sample["process_count"] = tree.processes;
        // A child that ended takes its seconds along: never below nothing.
        if (lastProcess)
          sample["process_cpu_percentage"] = Math.max(0, percent(at.seconds - lastProcess.seconds, (at.atMs - lastProcess.atMs) / 1_000));
        lastProcess = at;
      }
      if (gpus) {
        const found = await gpuSample();
        gpus = found !== undefined;
        Object.assign(sample, found);
      }
      return sample;
    },
  };
}

function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : 0;
}

function cpuTimes(): { busy: number; total: number } {
  let [busy, total] = [0, 0];
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    total += all;
    busy += all - times.idle;
  }
  return { busy, total };
}

/** Bytes over all networks but the machine's own, from Linux's counters. */
async function networkBytes(): Promise<{ received: number; sent: number } | undefined> {
  const text = await readFile("/proc/net/dev", "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  let [received, sent] = [0, 0];
  for (const line of text.split("\n").slice(2)) {
    const [name, ...fields] = line.trim().split(/[:\s]+/);
    if (!name || name === "lo") continue;
    received += Number(fields[0]);
    sent += Number(fields[8]);
  }
  return { received, sent };
}

interface ProcessFacts {
  parent: number;
  cpuSeconds: number;
}

const ticksPerSecond = 100; // Linux's USER_HZ, the same on every architecture it runs on

/** A process and its children, theirs too; of this process alone where the system does not tell of others. */
async function processTree(pid: number): Promise<{ cpuSeconds: number; memoryBytes: number; processes: number } | undefined> {
  const ids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  if (ids.length === 0) {
    if (pid !== process.pid) return undefined;
    const { user, system } = process.cpuUsage();
    return { cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage.rss(), processes: 1 };
  }
  const all = new Map<number, ProcessFacts>();
  for (const id of ids) {
    const facts = await processFacts(id);
    if (facts) all.set(id, facts);
  }
  const tree = new Set([pid]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [id, { parent }] of all) {
      if (tree.has(id) || !tree.has(parent)) continue;
      tree.add(id);
      grown = true;
    }
  }
  const total = { cpuSeconds: 0, memoryBytes: 0, processes: 0 };
  for (const id of tree) {
    const facts = all.get(id);
    if (!facts) continue;
    total.cpuSeconds += facts.cpuSeconds;
    total.memoryBytes += await residentBytes(id);
    total.processes += 1;
  }
  return total.processes > 0 ? total : undefined;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}

async function processFacts(pid: number): Promise<ProcessFacts | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined); // it may have ended
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // behind the name, which may hold anything
  return { parent: Number(fields[1]), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond };
}

/** What NVIDIA's tool tells; undefined where there is none. */
function gpuSample(): Promise<MachineSample | undefined> {
  const question = ["--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw", "--format=csv,noheader,nounits"];
  return new Promise((resolve) =>
    execFile("nvidia-smi", question, { timeout: 5_000 }, (error, stdout) => {
      if (error) return resolve(undefined);
      const sample: MachineSample = {};
      for (const line of stdout.trim().split("\n")) {
        const [index, utilization, used, total, power] = line.split(",").map((field) => Number(field));
        const mebibyte = 1_048_576;
        const values = {
          utilization_percentage: utilization!,
          memory_usage_megabytes: (used! * mebibyte) / megabyte,
          memory_usage_percentage: percent(used!, total!),
          power_usage_watts: power!,
        };
        for (const [name, value] of Object.entries(values)) if (Number.isFinite(value)) sample[`gpu_${index}_${name}`] = value;
      }
      resolve(sample);
    }),
  );
}
