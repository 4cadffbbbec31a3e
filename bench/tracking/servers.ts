import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mlflowPython } from "../../tests/clients/mlflow-client.ts";
import { freePort } from "../../tests/services/test-cache.ts";
import { type Answer, openConnection, requestBytes } from "./connection.ts";

/** MLflow starts a job runner with workers beside its server, unless told not to. */
export const serverNames = ["millrace", "mlflow-one", "mlflow-default", "mlflow-one-bare", "mlflow-default-bare"] as const;
export type ServerName = (typeof serverNames)[number];

export const serverTitles: Record<ServerName, string> = {
  millrace: "Millrace",
  "mlflow-one": "`mlflow server --workers 1`",
  "mlflow-default": "`mlflow server`",
  "mlflow-one-bare": "`mlflow server --workers 1`, job workers off",
  "mlflow-default-bare": "`mlflow server`, job workers off",
};

export const mlflowVersion = "3.17.2";
const startMs = 120_000;
const stopMs = 20_000;

export interface Memory {
  /** Resident memory of the process and all below it; pages that several share count in each. */
  rssMb: number;
  /** The same with shared pages divided among those that share them. */
  pssMb: number;
  processes: number;
}

export interface Server {
  name: ServerName;
  port: number;
  /** From the start of the process to its first whole answer from the store. */
  startedMs: number;
  memory(): Memory;
  /** Watches the resident memory until the function it gives is called, which tells the most there was. */
  watchMemory(): () => number;
  stop(): Promise<void>;
}

/** What can be started over stores in a folder of its own. */
export interface Place {
  folder: string;
  start(name: ServerName): Promise<Server>;
}

/** Builds the package, and makes an empty project and an empty MLflow beside it. With `source`, the sources run as they are. */
export async function openPlace(folder: string, { source = false }: { source?: boolean } = {}): Promise<Place> {
  let program = source ? join(packageFolder, "bin", "millrace.js") : undefined;
  const project = join(folder, "project");
  mkdirSync(project, { recursive: true });
  writeFileSync(
    join(project, "millrace.config.ts"),
    `import { defineConfig } from "millrace";\n\nexport default defineConfig({ name: "tracking" });\n`,
  );
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "tracking", private: true, type: "module" }));
  const python = await mlflowPython(mlflowVersion);
  const store = join(folder, "mlflow");
  mkdirSync(store, { recursive: true });
  return {
    folder,
    async start(name) {
      const port = await freePort();
      const [command, args, env]: [string, string[], Record<string, string>] =
        name === "millrace"
          ? [process.execPath, [(program ??= copyBuilt(folder)), "-C", project, "--quiet", "server", "--port", String(port)], {}]
          : [
              python,
              [
                ...["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", String(port)],
                ...(name.startsWith("mlflow-one") ? ["--workers", "1"] : []),
                ...["--backend-store-uri", `sqlite:///${join(store, "mlflow.db")}`, "--artifacts-destination", join(store, "artifacts")],
              ],
              { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: name.endsWith("-bare") ? "false" : "true" },
            ];
      return startServer(name, port, command, args, { env, cwd: folder, log: join(folder, `${name}.log`) });
    },
  };
}

const packageFolder = join(import.meta.dirname, "..", "..", "packages", "millrace");

/** A copy of what `npm run build` makes, which nobody builds again while it runs. */
function copyBuilt(folder: string): string {
  execFileSync(process.execPath, ["build.ts"], { cwd: packageFolder, stdio: ["ignore", "ignore", "inherit"] });
  const copy = join(folder, "package");
  cpSync(join(packageFolder, "dist"), join(copy, "dist"), { recursive: true, filter: (path) => !path.endsWith("types") });
  cpSync(join(packageFolder, "package.json"), join(copy, "package.json"));
  symlinkSync(join(packageFolder, "..", "..", "node_modules"), join(copy, "node_modules"));
  return join(copy, "dist", "cli.js");
}

interface StartOptions {
  env: Record<string, string>;
  cwd: string;
  log: string;
}

async function startServer(name: ServerName, port: number, command: string, args: string[], { env, cwd, log }: StartOptions): Promise<Server> {
  const began = performance.now();
  const file = openSync(log, "w");
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", file, file] });
  const startedMs = await firstAnswer(child, port, began).catch(async (error: unknown) => {
    await stop(child);
    throw new Error(`${name} did not start: ${String(error)}\n${readFileSync(log, "utf8").slice(-2_000)}`);
  });
  const memory = () => memoryOf(child.pid!);
  return {
    name,
    port,
    startedMs,
    memory,
    watchMemory() {
      let most = 0;
      const look = () => (most = Math.max(most, rssMbOf(treeOf(child.pid!))));
      look();
      const timer = setInterval(look, 50);
      return () => {
        clearInterval(timer);
        look();
        return Math.round(most);
      };
    },
    stop: () => stop(child),
  };
}

const first = requestBytes("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0");

/** Asks until there is an answer from the store, 1 ms after each refusal. */
async function firstAnswer(child: ChildProcess, port: number, began: number): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error("it ended");
    if (performance.now() - began > startMs) throw new Error("no answer");
    const answer = await ask(port).catch(() => undefined); // it does not listen yet, or closed a connection while it was starting
    if (answer?.status === 200) return performance.now() - began;
    if (answer !== undefined && answer.status < 500)
      throw new Error(`its first answer was ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function ask(port: number): Promise<Answer> {
  const connection = await openConnection(port);
  return connection.send(first).finally(() => connection.close());
}

/** Ends a server and whatever it started, by their process ids. */
async function stop(child: ChildProcess): Promise<void> {
  const tree = treeOf(child.pid!);
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
    await ended;
    clearTimeout(timer);
  }
  for (let tries = 0; tries < 100 && tree.some(isRunning); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (tries === 60) for (const pid of tree) if (isRunning(pid)) process.kill(pid, "SIGKILL");
  }
}

function isRunning(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== "" && !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

/** A process and all below it. */
function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = read(`/proc/${entry}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const tree = [pid];
  for (const each of tree) tree.push(...(children.get(each) ?? []));
  return tree;
}

function memoryOf(pid: number): Memory {
  const tree = treeOf(pid);
  const pss = tree.reduce((sum, each) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${each}/smaps_rollup`))?.[1] ?? 0) / 1_024, 0);
  return { rssMb: Math.round(rssMbOf(tree)), pssMb: Math.round(pss), processes: tree.length };
}

function rssMbOf(tree: number[]): number {
  return tree.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024, 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended meanwhile
  }
}
