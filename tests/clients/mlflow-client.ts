/** Python environments with MLflow's client of both generations, and the checks that run in them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pythonWith } from "../services/python-venv.ts";

/** What the checks train and log with, beside MLflow and what it brings. PyTorch is apart: PyPI's wheel for Linux brings 3 GB of CUDA. */
const libraries = [
  "lightgbm==4.7.0",
  "onnx==1.23.2",
  "onnxruntime==1.31.1",
  "psutil==7.2.2",
  "scikit-learn==1.9.1",
  "skl2onnx==1.20.0",
  "xgboost-cpu==3.2.0",
] as const;

const clients = {
  "3.17.2": ["mlflow==3.17.2"],
  // Newer ones end its `models serve` and its server at import.
  "2.22.5": ["mlflow==2.22.5", "fastapi<0.116", "sqlalchemy<2.1"],
} as const;

/** About 900 MB each, made in about 15 seconds where the packages are in reach and kept between runs. */
export const generations = {
  "3.17.2": [...clients["3.17.2"], ...libraries],
  "2.22.5": [...clients["2.22.5"], ...libraries],
} as const;
export type Generation = keyof typeof generations;

export const mlflowPython = (generation: Generation) => pythonWith([...generations[generation]]);

/** The tracing of 2.22.5 ends with an OpenTelemetry from after its time, which its own requirements let in. */
export const tracingPython = (generation: Generation) =>
  generation === "2.22.5" ? pythonWith([...clients[generation], "opentelemetry-sdk==1.33.1"]) : mlflowPython(generation);

/** About 6 GB, of which both generations share 5. */
export const torchPython = (generation: Generation) => pythonWith([...clients[generation], "lightning==2.6.6", "torch==2.15.0"]);

const standardScript = "mlflow-checks.py";

/** Names of a script's checks, in the order in which they run. */
export function checkNamesIn(script: string): string[] {
  return [...readFileSync(join(import.meta.dirname, script), "utf8").matchAll(/^@check\ndef (\w+)\(/gm)].map((match) => match[1]!);
}

/** Groups of the standard checks: `tracking` and `registry` are about what is stored, `methods` names every method of the client. */
export const groups = ["tracking", "registry", "training", "flavors", "commands", "methods"] as const;
export type Group = (typeof groups)[number];

/** Names of a group's checks for a generation, in the order in which they run. */
export function checkNames(group: Group | "torch", generation: Generation): string[] {
  const text = readFileSync(join(import.meta.dirname, `check_${group}.py`), "utf8");
  const found = [...text.matchAll(/^@(check|newer|older)\ndef (\w+)\(/gm)];
  return found.filter(([, mark]) => mark === "check" || (mark === "newer") === generation.startsWith("3.")).map(([, , name]) => name!); // the pattern has both
}

export interface Checks {
  /** The file by which clients leave things to each other. */
  shared?: string;
  /** Default: all. Of the standard checks, groups too. */
  names?: readonly string[];
  script?: string;
  /** Default: the generation's. */
  python?: string;
}

/** Runs checks against a server and tells what went wrong in each; undefined where nothing did. */
export async function runChecks(generation: Generation, uri: string, { shared, names = [], script = standardScript, ...given }: Checks) {
  const python = given.python ?? (await mlflowPython(generation));
  const child = spawn(python, [join(import.meta.dirname, script), uri, ...names], {
    env: { ...process.env, ...(shared !== undefined && { MLFLOW_CHECKS_SHARED: shared }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
