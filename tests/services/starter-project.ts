/** The starter's project in a temporary folder, with its state in PostgreSQL and its blobs in S3. Each home of it is one process's own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { S3Server } from "./versitygw.ts";

const root = join(import.meta.dirname, "..", "..");

export interface Outcome {
  exit: number | null;
  stdout: string;
  stderr: string;
}

export interface StarterProject {
  folder: string;
  /** Runs a command in a home to its end. `onLine` sees what it says on the way. */
  millrace(home: string, args: string[], options?: RunOptions): Promise<Outcome>;
  /** As `millrace`, must succeed, and gives what it printed as JSON. */
  json<Result>(home: string, ...args: string[]): Promise<Result>;
  /** Starts a server in a home and waits until it says where it listens. */
  serve(home: string): Promise<{ address: string; child: ChildProcess; stop(): Promise<number | null> }>;
  remove(): Promise<void>;
}

export interface RunOptions {
  onLine?: (line: string) => void;
  environment?: Record<string, string>;
}

/** Writes the project; nothing is run yet. */
export async function starterProject({ state, s3, bucket }: { state: string; s3: S3Server; bucket: string }): Promise<StarterProject> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-starter-"));
  await cp(join(root, "packages/millrace/templates/starter"), folder, { recursive: true });
  await rename(join(folder, "gitignore"), join(folder, ".gitignore"));
  const config = `import { defineConfig, postgres, s3 } from "millrace";

export default defineConfig({
  name: "starter",
  state: postgres(${JSON.stringify(state)}),
  blobs: s3(${JSON.stringify(bucket)}, { endpoint: ${JSON.stringify(s3.endpoint)}, region: ${JSON.stringify(s3.region)}, prefix: "starter" }),
});
`;
  await writeFile(join(folder, "millrace.config.ts"), config);

  const start = (home: string, args: string[], environment: Record<string, string> = {}) =>
    spawn(process.execPath, [join(root, "packages/millrace/bin/millrace.js"), ...args], {
      cwd: folder,
      env: {
        ...process.env,
        ...{ MILLRACE_HOME: home, AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey },
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });

  async function millrace(home: string, args: string[], { onLine, environment }: RunOptions = {}): Promise<Outcome> {
    const child = start(home, args, environment);
    const said = { stdout: "", stderr: "" };
    child.stdout!.on("data", (text: Buffer) => (said.stdout += text.toString()));
    createInterface({ input: child.stderr! }).on("line", (line) => {
      said.stderr += `${line}\n`;
      onLine?.(line);
    });
    const [exit] = (await once(child, "close")) as [number | null]; // the event's first argument
    return { exit, ...said };
  }

  return {
    folder,
    millrace,
    async json<Result>(home: string, ...args: string[]) {
      const { exit, stdout, stderr } = await millrace(home, [...args, "--json"]);
      if (exit !== 0) throw new Error(`millrace ${args.join(" ")} ended with ${exit}: ${stderr}`);
      return JSON.parse(stdout) as Result; // each test says what it expects
    },
    async serve(home) {
      const child = start(home, ["server", "--port", "0"]);
      const said: string[] = [];
      for await (const line of createInterface({ input: child.stderr! })) {
        said.push(line);
        const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (address === undefined) continue;
        child.stderr!.resume();
        return { address, child, stop: () => stop(child) };
      }
      throw new Error(`The server ended: ${said.join("\n")}`);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [exit] = (await ended) as [number | null]; // as above
  return exit;
}
