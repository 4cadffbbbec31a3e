import { readFileSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, freemem } from "node:os";
import { dirname, join } from "node:path";
import type { Config, Holder } from "#domains/project";
import { describeEnvironment } from "#kit/environment";
import { fail, ok, sizeText, warn, type Check } from "./doctor-check.ts";

const neededNode = [24, 6] as const;
const leastMemoryBytes = 512e6;
const goodMemoryBytes = 1.5e9;
const leastDiskBytes = 200e6;
const goodDiskBytes = 2e9;

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const enough = major > neededNode[0] || (major === neededNode[0] && minor >= neededNode[1]);
  return enough
    ? ok("node", `Node ${version}, ${process.platform} ${process.arch}`)
    : fail("node", `Node ${version} is too old: ${neededNode.join(".")} is needed.`, "npx -p node@24 millrace, or install Node 24.");
}

/** What is free now, within what a container allows this process. */
export function checkMemory(freeBytes = availableMemory()): Check {
  const text = `${sizeText(freeBytes)} of memory free, ${availableParallelism()} cores`;
  const remedy = "Close other programs, or let SQL use less: MILLRACE_SQL_MEMORY_MB=200.";
  return freeBytes < leastMemoryBytes
    ? fail("memory", text, remedy)
    : freeBytes < goodMemoryBytes
      ? warn("memory", text, remedy)
      : ok("memory", text);
}

/** Space where the stores are, or will be. */
export async function checkDisk(home: string, freeBytes?: number): Promise<Check> {
  const free = freeBytes ?? (await freeSpace(home));
  const text = `${sizeText(free)} free for ${home}`;
  const remedy = "Free some space, or move the stores: home in millrace.config.ts, or MILLRACE_HOME.";
  return free < leastDiskBytes ? fail("disk", text, remedy) : free < goodDiskBytes ? warn("disk", text, remedy) : ok("disk", text);
}

/** A clock that has been set back gives later events earlier times: the newest file of the project tells. */
export function checkClock(home: string, nowMs: number): Check {
  const newest = Math.max(
    0,
    ...["state.db", "state.db-wal", "lock.db"].map((file) => statSync(join(home, file), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
  const aheadMs = newest - nowMs;
  return aheadMs > 2_000
    ? fail(
        "clock",
        `The clock stands ${Math.ceil(aheadMs / 1_000)} s before the project's last write.`,
        "Set the machine's clock (for example with timedatectl).",
      )
    : ok("clock", new Date(nowMs).toISOString());
}

/** Engines that are loaded only when something needs them. */
export function checkPackages(config: Pick<Config, "state"> | undefined): Check[] {
  const packages = [
    { name: "onnxruntime-node", use: "ONNX models that are no tree ensembles", needed: false },
    { name: "pg", use: "state in PostgreSQL", needed: config?.state.kind === "postgres" },
  ];
  return packages.map(({ name, use, needed }) => {
    const there = installed(name);
    if (there) return ok(name, `installed, for ${use}`);
    return needed
      ? fail(name, `not installed, but the project needs it for ${use}`, `npm install ${name}`)
      : ok(name, `not installed; only for ${use}`);
  });
}

/** Whether the server could bind, or is this project's own already. */
export async function checkPort({ host, port }: Config["server"], holder: Holder | undefined): Promise<Check> {
  if (holder?.address !== undefined && new URL(holder.address).port === String(port))
    return ok("port", `this project's server answers at ${holder.address}`);
  const code = await bindError(host, port);
  if (code === undefined) return ok("port", `${host}:${port} is free`);
  const text = code === "EADDRINUSE" ? `${host}:${port} is taken by another program` : `${host}:${port} cannot be bound (${code})`;
  return warn("port", text, "millrace server --port 0 takes any free one; server.port in millrace.config.ts sets it for good.");
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function installed(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function availableMemory(): number {
  const limited = process.availableMemory();
  const { memoryBytes } = describeEnvironment();
  return Math.min(limited, memoryBytes, linuxAvailable() ?? freemem());
}

/** Free memory as Linux counts it, caches that can be given up included. */
function linuxAvailable(): number | undefined {
  try {
    const match = /MemAvailable:\s+(\d+) kB/.exec(readFileSync("/proc/meminfo", "utf8"));
    return match ? Number(match[1]) * 1_024 : undefined;
  } catch {
    return undefined; // not Linux
  }
}

async function freeSpace(home: string): Promise<number> {
  let folder = home;
  while (!statSync(folder, { throwIfNoEntry: false }) && dirname(folder) !== folder) folder = dirname(folder); // not made yet
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
