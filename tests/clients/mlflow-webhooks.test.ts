import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, expect, it } from "vitest";
import { keepDelivering } from "#domains/webhooks";
import { silentLog } from "#kit/log";
import { openMlflowPlace } from "../contracts/mlflow.ts";
import { mlflowPython } from "./mlflow-client.ts";

const elsewhere = process.env["MLFLOW_CHECKS_URI"];
const script = join(import.meta.dirname, "mlflow-webhooks.py");
const checkNames = [...readFileSync(script, "utf8").matchAll(/^@check\ndef (\w+)\(/gm)].map((match) => match[1]!);
const results = new Map<string, string | undefined>();

beforeAll(async () => {
  const child = spawn(await mlflowPython("3.17.2"), [script], { stdio: ["pipe", "pipe", "pipe"] });
  let noise = "";
  child.stderr.on("data", (chunk: Buffer) => (noise = (noise + chunk.toString()).slice(-4_000)));
  const stop = new AbortController();
  let end = async () => undefined as void;
  for await (const line of createInterface(child.stdout)) {
    const [word, rest = ""] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    if (word === "RECEIVER") {
      const place = elsewhere === undefined ? await openMlflowPlace({ allow: [`http://127.0.0.1:${rest}`] }) : undefined;
      const delivering = place && keepDelivering({ ...place.webhooks, log: silentLog }, stop.signal, 50);
      end = async () => {
        stop.abort();
        await delivering;
        await place?.close();
      };
      child.stdin.end(`${elsewhere ?? place!.address}\n`);
    } else if (word === "CHECK") {
      const { name, error } = JSON.parse(rest) as { name: string; error: string | null }; // the script's own lines
      results.set(name, error ?? undefined);
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  await end();
  if (child.exitCode !== 0) throw new Error(`the checks ended with ${child.exitCode ?? child.signalCode}: ${noise}`);
});

it.each(checkNames)("%s", (name) => {
  expect(results.has(name), `${name} did not run`).toBe(true);
  expect(results.get(name)).toBeUndefined();
});
