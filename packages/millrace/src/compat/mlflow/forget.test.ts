import { afterAll, beforeAll, expect, test } from "vitest";
import { versionsOfRuns } from "#domains/registry";
import { archive, purge, type RunKeepers } from "#domains/tracking";
import { sql, sqlText } from "#kit/sql";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { forgetExperiments, forgetRuns } from "./forget.ts";

let place: MlflowPlace;
beforeAll(async () => {
  place = await openMlflowPlace();
});
afterAll(() => place.close());

const keepers: RunKeepers = {
  holders: async (reader, runs) =>
    new Map((await versionsOfRuns(reader, runs)).map(({ run, model, version }) => [run, [`version ${version} of ${model}`]])),
  emptyExperiment: async () => undefined,
  forgetRuns: (transaction, runs) => forgetRuns(transaction, runs, place.tracking.clock.now()),
  forgetExperiments,
};

// oxlint-disable-next-line typescript/no-explicit-any -- what a server says
async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(`${place.address}/api/2.0/mlflow/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}
const post = async (path: string, body: unknown) => (await call("POST", path, body)).body;
const file = (path: string) => `${place.address}/api/2.0/mlflow-artifacts/artifacts/${path}`;
const put = async (path: string, body: string) => void (await (await fetch(file(path), { method: "PUT", body })).arrayBuffer());
const read = async (path: string) => {
  const response = await fetch(file(path));
  return response.ok ? await response.text() : response.status;
};
const rows = async (table: string) => (await place.tracking.state.get<{ n: number }>(sqlText(`select count(*) as n from ${table}`)))!.n;

/** An experiment in a place of its own with a run that has a model, and two logged models. */
async function made(name: string): Promise<{ experiment: string; run: string; root: string; models: string[] }> {
  const root = `somewhere/${name}`;
  const experiment = (await post("experiments/create", { name, artifact_location: `mlflow-artifacts:/${root}` })).experiment_id;
  const run = (await post("runs/create", { experiment_id: experiment })).run.info.run_id;
  await put(`${root}/${run}/artifacts/model/MLmodel`, "flavors: {}");
  await put(`${root}/${run}/artifacts/plot.txt`, "plot");
  const models: string[] = [];
  for (const each of ["one", "two"]) {
    const { model } = await post("logged-models", { experiment_id: experiment, name: each, source_run_id: run });
    await put(`${root}/models/${model.info.model_id}/artifacts/MLmodel`, `flavors: {} # ${each}`);
    await post("runs/log-metric", { run_id: run, key: "auc", value: 0.5, timestamp: 1, step: 0, model_id: model.info.model_id });
    models.push(model.info.model_id);
  }
  return { experiment, run, root, models };
}

test("what the protocol keeps of an experiment goes with it", async () => {
  const { experiment, run, root, models } = await made("plain");
  expect(await rows("mlflow_model_metric")).toBe(2);
  await archive(place.tracking, { experiments: [experiment] });
  expect(await purge(place.tracking, keepers, { experiments: [experiment] })).toMatchObject({ experiments: 1, runs: 1, artifacts: 2 });
  for (const table of ["mlflow_experiment", "mlflow_logged_model", "mlflow_model_metric"]) expect(await rows(table), table).toBe(0);
  expect(await place.tracking.state.all(sql`select name from mlflow_file where digest is not null`)).toEqual([]);
  expect((await call("GET", `logged-models/${models[0]}`)).status).toBe(404);
  expect(await read(`${root}/${run}/artifacts/plot.txt`)).toBe(404);
  expect((await call("GET", `experiments/get?experiment_id=${experiment}`)).status).toBe(404);
});

test("registered versions keep their files where clients look for them", async () => {
  const { experiment, run, root, models } = await made("registered");
  for (const name of ["of the run", "of a logged model"]) await post("registered-models/create", { name });
  await post("model-versions/create", { name: "of the run", source: `runs:/${run}/model`, run_id: run });
  await post("model-versions/create", { name: "of a logged model", source: `models:/${models[1]}`, model_id: models[1] });
  await archive(place.tracking, { experiments: [experiment] });
  await expect(purge(place.tracking, keepers, { experiments: [experiment] })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/version 1 of of a logged model|version 1 of of the run/) as unknown,
  });
  expect(await purge(place.tracking, keepers, { experiments: [experiment] }, { registered: "anyway" })).toMatchObject({ experiments: 1, runs: 1 });

  const uri = async (name: string) =>
    (await call("GET", `model-versions/get-download-uri?name=${encodeURIComponent(name)}&version=1`)).body.artifact_uri;
  expect(await uri("of the run")).toBe(`mlflow-artifacts:/${root}/${run}/artifacts/model`);
  expect(await uri("of a logged model")).toBe(`mlflow-artifacts:/${root}/models/${models[1]}/artifacts`);
  expect(await read(`${root}/${run}/artifacts/model/MLmodel`)).toBe("flavors: {}");
  expect(await read(`${root}/models/${models[1]}/artifacts/MLmodel`)).toBe("flavors: {} # two");
  expect(await read(`${root}/models/${models[0]}/artifacts/MLmodel`)).toBe(404);
  expect(await read(`${root}/${run}/artifacts/plot.txt`)).toBe(404);
  const { files } = (await (await fetch(`${place.address}/api/2.0/mlflow-artifacts/artifacts?path=${root}/${run}/artifacts/model`)).json()) as {
    files: { path: string }[];
  }; // as the protocol says
  expect(files.map(({ path }) => path)).toEqual(["MLmodel"]);
  expect((await call("GET", `model-versions/get?name=of%20the%20run&version=1`)).body.model_version).toMatchObject({ run_id: run });
});

test("the standard experiment is made again where it was purged", async () => {
  await post("runs/create", { experiment_id: "0" });
  await archive(place.tracking, { experiments: ["0"] });
  expect(await purge(place.tracking, keepers, { experiments: ["0"] })).toMatchObject({ experiments: 1, runs: 1 });
  expect((await post("runs/create", { experiment_id: "0" })).run.info.experiment_id).toBe("0");
});
