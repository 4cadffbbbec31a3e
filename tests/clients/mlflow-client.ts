/** Python environments with MLflow's client of both generations, and the checks that run in them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pythonWith } from "../services/python-venv.ts";

export const generations = {
  "3.17.2": ["mlflow==3.17.2", "lightgbm==4.7.0"],
  "2.22.5": ["mlflow==2.22.5", "lightgbm==4.7.0", "fastapi<0.116"],
} as const;
export type Generation = keyof typeof generations;

export const mlflowPython = (generation: Generation) => pythonWith([...generations[generation]]);

const script = join(import.meta.dirname, "mlflow-checks.py");

/** Names of the checks, in the order in which they run. */
export const checkNames = [...readFileSync(script, "utf8").matchAll(/^@check\ndef (\w+)\(/gm)].map((match) => match[1]!);

/** Runs checks (all without names) against a server and tells what went wrong in each; undefined where nothing did. */
export async function runChecks(generation: Generation, uri: string, { shared, names = [] }: { shared: string; names?: string[] }) {
  const python = await mlflowPython(generation);
  const child = spawn(python, [script, uri, ...names], { env: { ...process.env, MLFLOW_CHECKS_SHARED: shared }, stdio: ["ignore", "pipe", "pipe"] });
  const results = new Map<string, string | undefined>();
  let noise = "";
  child.stderr.on("data", (chunk: Buffer) => (noise = (noise + chunk.toString()).slice(-4_000)));
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith("CHECK ")) continue;
    const { name, error } = JSON.parse(line.slice("CHECK ".length)) as { name: string; error: string | null }; // the script's own lines
    results.set(name, error ?? undefined);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  if (child.exitCode !== 0) throw new Error(`the checks ended with ${child.exitCode ?? child.signalCode}: ${noise}`);
  return results;
}
