/** MLflow's own server, as the suite's judge: with a store and a folder of its own, on loopback. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../services/test-cache.ts";
import { type Generation, mlflowPython } from "./mlflow-client.ts";

export interface RealServer {
  address: string;
  close(): Promise<void>;
}

const startMs = 120_000;

/** Starts `mlflow server --workers 1` of a generation, without its job runner and without telemetry, and waits until it answers. */
export async function startRealServer(generation: Generation): Promise<RealServer> {
  const python = await mlflowPython(generation);
  const folder = await mkdtemp(join(tmpdir(), "mlflow-server-"));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const store = ["--backend-store-uri", `sqlite:///${join(folder, "store.db")}`, "--artifacts-destination", join(folder, "files")];
  const child = spawn(python, ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", String(port), "--workers", "1", ...store], {
    cwd: folder,
    detached: true, // a group of its own, which ends as one
    env: { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false", MLFLOW_DISABLE_TELEMETRY: "true", MLFLOW_TRACKING_URI: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const kill = () => {
    if (!hasEnded()) process.kill(-child.pid!, "SIGKILL"); // its store is thrown away with it
  };
  process.once("exit", kill); // it does not outlive a test that failed before it could end it
  const close = async () => {
    process.off("exit", kill);
    if (!hasEnded()) {
      const ended = once(child, "exit");
      kill();
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  for (const end = Date.now() + startMs; Date.now() < end && !hasEnded();) {
    if (await answers(`${address}/health`)) return { address, close };
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  await close();
  throw new Error(`mlflow server ${generation} did not start: ${said}`);
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
