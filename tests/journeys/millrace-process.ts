import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const program = join(import.meta.dirname, "..", "..", "packages", "millrace", "bin", "millrace.js");

export interface Ended {
  /** Exit code; null where a signal ended the process. */
  exit: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface MillraceOptions {
  env?: Record<string, string>;
  /** The Node to run with; this process's own unless given. */
  node?: string;
  /** A shell command that runs before it in the same shell, such as `ulimit -f 2048`. */
  limit?: string;
  /** The folder it is called in; this process's own unless given. */
  cwd?: string;
}

/** A `millrace` command at work in another process. */
export interface Running {
  child: ChildProcess;
  /** What it has written to stderr so far. */
  stderr(): string;
  /** Resolves when stderr has a match; rejects when the process ends without one. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  ended: Promise<Ended>;
}

/** Starts `millrace -C folder …` as a user would. */
export function startMillrace(folder: string, args: string[], { env, node = process.execPath, limit, cwd }: MillraceOptions = {}): Running {
  const words = [program, "-C", folder, ...args];
  const [command, given] = limit === undefined ? [node, words] : ["bash", ["-c", `${limit}; exec "$@"`, "bash", node, ...words]];
  const child = spawn(command, given, {
    env: { ...cleanEnvironment(), ...env },
    ...(cwd !== undefined && { cwd }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([exit, signal]) => ({ exit, signal, stdout, stderr }) as Ended); // what Node's "close" event carries
  return {
    child,
    stderr: () => stderr,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(stderr);
          if (found) resolve(found);
        };
        child.stderr.on("data", look);
        look();
        void ended.then(() => {
          look();
          reject(new Error(`millrace ${args.join(" ")} ended without saying ${pattern}:\n${stderr}`));
        });
      }),
  };
}

/** Runs a command to its end; the exit code is the caller's to judge. */
export function millrace(folder: string, args: string[], options: MillraceOptions = {}): Promise<Ended> {
  return startMillrace(folder, args, options).ended;
}

/** Runs a command with `--json` and gives what it printed; throws with its error when it failed. */
export async function millraceJson<Result>(folder: string, args: string[], options: MillraceOptions = {}): Promise<Result> {
  const { exit, stdout, stderr } = await millrace(folder, ["--json", ...args], options);
  if (exit !== 0) throw new Error(`millrace ${args.join(" ")} ended with ${exit}:\n${stderr}`);
  return JSON.parse(stdout) as Result; // the caller names what the command prints
}

/** The environment without what a developer's own settings would change. */
function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|NODE_OPTIONS$|VITEST|INIT_CWD$)/.test(name)));
}
