import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkNamesIn, type Generation, generations, runChecks } from "./mlflow-client.ts";
import { pythonWith } from "../services/python-venv.ts";
import { type MlflowPlace, openMlflowPlace } from "../contracts/mlflow.ts";

const script = "mlflow-traces.py";
/** The tracing of 2.22.5 ends with an OpenTelemetry from after its time, which its own requirements let in. */
const tracingPackages: Partial<Record<Generation, string[]>> = { "2.22.5": ["mlflow-skinny==2.22.5", "opentelemetry-sdk==1.33.1"] };
const elsewhere = process.env["MLFLOW_CHECKS_URI"];
let place: MlflowPlace | undefined;
let folder: string;
let uri: string;
beforeAll(async () => {
  place = elsewhere === undefined ? await openMlflowPlace() : undefined;
  uri = elsewhere ?? place!.address;
  folder = await mkdtemp(join(tmpdir(), "millrace-clients-"));
});
afterAll(async () => {
  await place?.close();
  await rm(folder, { recursive: true });
});

describe.each(Object.keys(generations) as Generation[])("traces of the MLflow client %s", (generation) => {
  const names = checkNamesIn(script).filter((name) => generation.startsWith("3.") || !name.startsWith("newer_"));
  let results: Map<string, string | undefined>;
  beforeAll(async () => {
    const packages = tracingPackages[generation];
    results = await runChecks(generation, uri, { shared: join(folder, "shared"), script, ...(packages && { python: await pythonWith(packages) }) });
  });

  it.each(names)("%s", (name) => {
    expect(results.has(name), `${name} did not run`).toBe(true);
    expect(results.get(name)).toBeUndefined();
  });
});
