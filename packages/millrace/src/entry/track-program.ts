import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { basename } from "node:path";
import { AppError } from "#kit/app-error";
import { describeEnvironment } from "#kit/environment";
import { codeVersion, uncommittedDiff } from "#kit/git";
import { sha256 } from "#kit/hash";
import { maskedCommandLine, maskedEnvironment } from "#kit/masked";
import { serverRuns } from "./server-place.ts";
import { diffPath, watchRun } from "./watch-run.ts";

export interface TrackOptions {
  /** Of the server that keeps the run. */
  address: string;
  token: string | undefined;
  /** The program and its arguments. */
  command: string[];
  experiment: string;
  name: string | undefined;
  tags: Record<string, string>;
  /** Where the program runs, and whose repository is looked at. */
  folder: string;
  environment: Record<string, string | undefined>;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  onStart: (run: { id: string; experiment: string }) => void;
  onTrouble: (line: string) => void;
  /** How often the machine is looked at. Default 10 s. */
  everyMs?: number;
}

export interface Tracked {
  run: string;
  status: "finished" | "failed" | "killed";
  /** The program's exit code; 128 + the signal's number where one ended it, as shells tell it. */
  exit: number;
}

/**
 * Runs any program under a tracked run: its code, packages, command line, masked environment and machine are noted, what it prints and
 * what the machine does are kept, and MLflow's clients within it log into the same run. Signals to this process reach the program.
 */
export async function trackProgram(options: TrackOptions): Promise<Tracked> {
  const { address, token, command, folder, environment } = options;
  const server = serverRuns(address, token);
  const diff = await uncommittedDiff(folder);
  const run = await server.start(await runOf(options, diff && sha256(diff)));
  options.onStart(run);
  const place = server.placeOf(run.id);
  const onTrouble = (what: string, error: unknown) =>
    options.onTrouble(`${what} could not be kept with the run: ${error instanceof Error ? error.message : String(error)}`);
  if (diff) await place.artifact(diffPath, diff).catch((error: unknown) => onTrouble("the uncommitted changes", error));

  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ["inherit", "pipe", "pipe"],
    env: { PYTHONUNBUFFERED: "1", ...environment, ...mlflowVariables(run, address, token) },
  });
  const release = passSignals(child);
  const watch = watchRun({
    place,
    pid: child.pid ?? process.pid,
    folder,
    onTrouble,
    ...(options.everyMs !== undefined && { everyMs: options.everyMs }),
  });
  for (const [from, to] of [
    [child.stdout, options.stdout],
    [child.stderr, options.stderr],
  ] as const) {
    from.on("data", (bytes: Buffer) => {
      watch.console(bytes);
      if (!to.write(bytes)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
  }
  try {
    const [exit, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null]; // rejects where the program cannot be started
    await watch.stop();
    const status = signal ? "killed" : exit === 0 ? "finished" : "failed";
    await server.finish(run.id, status);
    return { run: run.id, status, exit: signal ? 128 + constants.signals[signal] : exit! };
  } catch (error) {
    await watch.stop();
    await server.finish(run.id, "failed").catch(() => undefined); // the reason is the thing to tell
    throw cannotStart(program, error);
  } finally {
    release();
  }
}

async function runOf({ command, experiment, name, tags, folder, environment }: TrackOptions, diff: string | undefined): Promise<object> {
  const [code, packages] = await Promise.all([codeVersion(folder), pythonPackages(command[0]!, folder)]);
  const described = describeEnvironment({ projectFolder: folder });
  return {
    ...{ experiment, ...(name !== undefined && { name }), tags },
    source: { ...code, entry: maskedCommandLine(command).join(" "), ...(diff !== undefined && { diff }) },
    environment: {
      ...described,
      packages: packages ?? described.packages,
      commandLine: maskedCommandLine(command),
      variables: maskedEnvironment(environment),
    },
  };
}

/** What makes MLflow's clients log into this run and nowhere else. */
function mlflowVariables(run: { id: string; experiment: string }, address: string, token: string | undefined): Record<string, string> {
  return {
    ...{ MLFLOW_TRACKING_URI: address, MLFLOW_REGISTRY_URI: address, MLFLOW_RUN_ID: run.id, MLFLOW_EXPERIMENT_ID: run.experiment },
    ...(token !== undefined && { MLFLOW_TRACKING_TOKEN: token }),
  };
}

/** Version of each package that a Python interpreter finds; undefined where the program is none. */
function pythonPackages(program: string, folder: string): Promise<Record<string, string> | undefined> {
  if (!/^python[\d.]*(\.exe)?$/.test(basename(program))) return Promise.resolve(undefined);
  const question = "import importlib.metadata as m, json; print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))";
  return new Promise((resolve) =>
    execFile(program, ["-c", question], { cwd: folder, timeout: 20_000, maxBuffer: 8 * 1024 * 1024 }, (error, stdout) =>
      resolve(error ? undefined : packagesIn(stdout)),
    ),
  );
}

function packagesIn(stdout: string): Record<string, string> | undefined {
  try {
    return JSON.parse(stdout) as Record<string, string>; // what the question prints
  } catch {
    return undefined; // something printed besides: the run goes on without the list
  }
}

/** A terminal's Ctrl-C reaches the program by itself; what else tells this process to end is passed on. */
function passSignals(child: ChildProcess): () => void {
  const passed = (["SIGTERM", "SIGHUP", ...(process.stdin.isTTY ? [] : ["SIGINT"])] as NodeJS.Signals[]).map((signal) => {
    const pass = () => void child.kill(signal);
    process.on(signal, pass);
    return () => process.off(signal, pass);
  });
  return () => passed.forEach((release) => release());
}

function cannotStart(program: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT")
    return new AppError("not_found", `There is no program "${program}".`, { cause: error, hint: "Check its name and the PATH." });
  if (code === "EACCES")
    return new AppError("permission_denied", `"${program}" is not a program that may be run.`, { cause: error, hint: "Check its mode." });
  return error;
}
