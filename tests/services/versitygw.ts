/** A real S3 server for tests: versitygw over a folder, built once from the Go module proxy. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { goCommand } from "./go-command.ts";
import { freePort, isThere, testCache } from "./test-cache.ts";

const run = promisify(execFile);
const module = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

export interface S3Server {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** A new, empty bucket. */
  bucket(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the server on a free port; builds it first where it is not in the cache (a minute and a half). */
export async function startVersitygw(): Promise<S3Server> {
  const binary = await versitygw();
  const folder = await mkdtemp(join(tmpdir(), "millrace-s3-"));
  const [data, meta] = [join(folder, "data"), join(folder, "meta")];
  await Promise.all([mkdir(data), mkdir(meta)]);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: "test-key", secretAccessKey: "test-secret-of-some-length" };
  const child = spawn(binary, ["--port", `127.0.0.1:${port}`, "--health", "/health", "--quiet", "posix", "--sidecar", meta, data], {
    env: { ...process.env, ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  await ready(child, `${endpoint}/health`, () => said);
  let buckets = 0;
  return {
    endpoint,
    region: "us-east-1",
    credentials,
    async bucket() {
      const name = `bucket-${++buckets}`;
      await mkdir(join(data, name)); // every folder at the top is a bucket
      return name;
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** The server's program, from the cache or built. */
export async function versitygw(): Promise<string> {
  const folder = await testCache("bin");
  const binary = join(folder, "versitygw");
  if (await isThere(binary)) return binary;
  const building = await mkdtemp(join(folder, "build-"));
  try {
    await run(await goCommand(), ["install", module], { env: { ...process.env, GOBIN: building, CGO_ENABLED: "0" }, maxBuffer: 1 << 26 });
    await rename(join(building, "versitygw"), binary); // whole or not at all, also when two suites build at a time
    return binary;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function ready(child: ChildProcess, url: string, said: () => string): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (child.exitCode !== null) break;
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  child.kill("SIGKILL");
  throw new Error(`versitygw did not start: ${said()}`);
}
