import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkNames, type Generation, generations, runChecks } from "./mlflow-client.ts";
import { type MlflowPlace, openMlflowPlace } from "../contracts/mlflow.ts";

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

describe.each(Object.keys(generations) as Generation[])("the MLflow client %s", (generation) => {
  let results: Map<string, string | undefined>;
  beforeAll(async () => {
    // What one generation leaves, the other finds; a real server keeps the two apart.
    const names = elsewhere === undefined ? [] : checkNames.filter((name) => !name.endsWith("the_other"));
    results = await runChecks(generation, uri, { shared: join(folder, "shared"), names });
  });

  it.each(checkNames.filter((name) => elsewhere === undefined || !name.endsWith("the_other")))("%s", (name) => {
    expect(results.has(name), `${name} did not run`).toBe(true);
    expect(results.get(name)).toBeUndefined();
  });
});

it.runIf(elsewhere === undefined)("models of 2.x are found by a client of 3.x", async () => {
  const results = await runChecks("3.17.2", uri, { shared: join(folder, "shared"), names: ["found_of_the_other"] });
  expect([...results]).toEqual([["found_of_the_other", undefined]]);
});
