import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { mlflowPython } from "../clients/mlflow-client.ts";
import { killWhileTraining } from "./kill-while-training.ts";
import { startTrackingServer } from "./tracking-server.ts";
import { lossesOf } from "./trainers.ts";

/** `MILLRACE_CRASH_MINUTES=10` trains for as long. */
const minutes = Number(process.env["MILLRACE_CRASH_MINUTES"] ?? 1);

test(`8 trainers lose nothing through three kills of their server in ${minutes} minutes`, { timeout: (minutes * 2 + 10) * 60_000 }, async () => {
  const server = await startTrackingServer();
  onTestFinished(() => server.remove(), 120_000); // it may have a hundred thousand files
  const kills = [1, 2, 3].map(() => () => server.killAndRestart());
  const { losses, summary, training } = await killWhileTraining({ address: server.address, trainers: 8, seconds: minutes * 60, kills });
  console.log(`  ${summary}`);
  expect(losses).toEqual([]);

  // The comparison would have seen a loss.
  const [first] = training.runs;
  const body = JSON.stringify({ run_id: first!.id, key: "purpose" });
  await fetch(`${server.address}/api/2.0/mlflow/runs/delete-tag`, { method: "POST", headers: { "content-type": "application/json" }, body });
  await fetch(`${first!.root}/checkpoints/1.bin`, { method: "DELETE" });
  const seen = [`${first!.name}: tag purpose is undefined, not a test`, `${first!.name}: checkpoints/1.bin is gone`];
  expect(await lossesOf(server.address, first!)).toEqual(seen);
  expect(await server.stop()).toBe(0);
});

const script = `
import sys
import mlflow

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("client")
with mlflow.start_run() as run:
    print(run.info.run_id, flush=True)
    for step in range(200):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        if step % 20 == 0:
            mlflow.log_param(f"param {step}", step)
            mlflow.log_text("x" * 100_000, f"texts/{step}.txt")
        print("logged", step, flush=True)
history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
run = mlflow.get_run(run.info.run_id)
texts = {each.path: len(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{each.path}")) for each in mlflow.MlflowClient().list_artifacts(run.info.run_id, "texts")}
print("ended", run.info.status, [point.step for point in history] == list(range(200)), len(run.data.params), len(texts), set(texts.values()), flush=True)
`;

test("MLflow's own client is carried over a kill by its retries", { timeout: 600_000 }, async () => {
  const python = await mlflowPython("3.17.2");
  await promisify(execFile)(python, ["-c", "import mlflow"]); // compiles it, where it was never used
  const server = await startTrackingServer();
  onTestFinished(() => server.remove());
  const env = { ...process.env, GIT_PYTHON_REFRESH: "quiet" };
  const client = spawn(python, ["-c", script, server.address], { env, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void client.kill("SIGKILL"));
  let noise = "";
  client.stderr.on("data", (text: Buffer) => (noise = (noise + text.toString()).slice(-4_000)));
  let restarted: Promise<void> | undefined;
  let last = "";
  for await (const line of createInterface(client.stdout)) {
    last = line;
    if (line === "logged 90") restarted = server.killAndRestart();
  }
  if (client.exitCode === null) await once(client, "exit");
  await restarted;
  expect({ exit: client.exitCode, last }, noise).toEqual({ exit: 0, last: "ended FINISHED True 10 10 {100000}" });
});
