import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
beforeAll(async () => {
  place = await openMlflowPlace();
  await post("registered-models/create", { name: "wine" });
});
afterAll(() => place.close());

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function post(path: string, fields: object): Promise<Answer> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(fields) };
  const answer = await fetch(`${place.address}/api/2.0/mlflow/${path}`, init);
  return { status: answer.status, body: await answer.json() };
}
const register = (fields: object) => post("model-versions/create", { name: "wine", ...fields });

describe.each(["/mnt/models", "file:///mnt/models", "models on disk"])("versions of what is on a client's disk, at %s,", (artifact_location) => {
  let run_id: string;
  let root: string;
  let model: { model_id: string; artifact_uri: string };
  beforeAll(async () => {
    const { experiment_id } = (await post("experiments/create", { name: `at ${artifact_location}`, artifact_location })).body;
    ({ run_id, artifact_uri: root } = (await post("runs/create", { experiment_id })).body.run.info);
    model = (await post("logged-models", { experiment_id })).body.model.info;
  });

  it("are made of the folder of their run or logged model", async () => {
    for (const source of [root, `${root}/model`, `${root}/.`, `${root}/model/..`, root.replace(/^file:\/\//, ""), `runs:/${run_id}/model`])
      expect(await register({ source, run_id })).toMatchObject({ status: 200, body: { model_version: { source, run_id } } });
    for (const source of [model.artifact_uri, `models:/${model.model_id}`])
      expect(await register({ source, model_id: model.model_id })).toMatchObject({
        status: 200,
        body: { model_version: { source } },
      });
  });

  it("are made of nothing else", async () => {
    const sources = [
      "/tmp",
      "file:///tmp",
      ".",
      "../up",
      `${root}/..`,
      `${root}/a/../../..`,
      `${root}/%2e%2e`,
      `${root}/a/%252e%252e/%2e%2e/..`,
      `${root}s`,
    ];
    for (const source of sources) {
      expect(await register({ source, run_id }), source).toMatchObject({
        status: 400,
        body: { error_code: "INVALID_PARAMETER_VALUE", message: expect.stringMatching(/To use a local path as a model version source, the run_id/) },
      });
    }
    for (const owner of [{}, { run_id: "0".repeat(32) }, { model_id: model.model_id }])
      expect((await register({ source: root, ...owner })).body.message).toContain("To use a local path as a model version source");
    expect((await register({ source: model.artifact_uri, run_id })).status).toBe(400);
    expect((await register({ source: `${root}/a\\b`, run_id })).status).toBe(400);
  });

  it("are never read by this server", async () => {
    const { version } = (await register({ source: root, run_id })).body.model_version;
    const file = await fetch(`${place.address}/model-versions/get-artifact?name=wine&version=${version}&path=MLmodel`);
    expect(await file.json()).toMatchObject({ message: expect.stringContaining("which this server does not read") });
    const uri = await fetch(`${place.address}/api/2.0/mlflow/model-versions/get-download-uri?name=wine&version=${version}`);
    expect(await uri.json()).toEqual({ artifact_uri: root });
  });
});

it("a path on a disk is not the source of a run whose files are here", async () => {
  const { run_id } = (await post("runs/create", {})).body.run.info;
  for (const source of ["/tmp", "file:///tmp", `0/${run_id}/artifacts`, `/0/${run_id}/artifacts`])
    expect((await register({ source, run_id })).body.message).toContain("To use a local path as a model version source");
});
