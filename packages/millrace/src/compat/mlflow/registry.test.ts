import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aliasHistory, getVersion, registerVersion } from "#domains/registry";
import { logModel } from "#domains/tracking";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
let run: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  run = (await post("runs/create", {})).run.info.run_id;
  await put(`0/${run}/artifacts/model/MLmodel`, mlModel);
  await put(`0/${run}/artifacts/model/data/model.bin`, "weights");
});
afterAll(() => place.close());

// As MLflow 3.17.2 writes it: the signature is JSON in folded YAML text.
const mlModel = `artifact_path: model
flavors:
  sklearn:
    code: null
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "long", "name": "it''s", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
utc_time_created: '2026-01-01'
`;

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${place.address}/api/2.0/mlflow/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}
const post = async (path: string, body: unknown) => (await call("POST", path, body)).body;
const get = async (path: string) => (await call("GET", path)).body;
async function put(path: string, body: string): Promise<void> {
  const response = await fetch(`${place.address}/api/2.0/mlflow-artifacts/artifacts/${path}`, { method: "PUT", body });
  await response.arrayBuffer(); // an answer that nobody reads keeps its connection busy
}

let count = 0;
async function newModel(versions = 0): Promise<string> {
  const name = `model ${++count}`;
  await post("registered-models/create", { name });
  for (let i = 0; i < versions; i++) await post("model-versions/create", { name, source: `runs:/${run}/model`, run_id: run });
  return name;
}

describe("versions", () => {
  it("have the files and the signature of what they were made from, and may be made again", async () => {
    const name = await newModel(2);
    const version = await getVersion(place.registry, name, 2);
    expect(version).toMatchObject({ runId: run, format: "mlflow", files: [{ path: "MLmodel" }, { path: "data/model.bin", sizeBytes: 7 }] });
    expect(version.signature.inputs).toEqual([
      { type: "double", name: "sepal length (cm)", required: true },
      { type: "long", name: "it's", required: true },
    ]);
    expect(version.signature.outputs).toMatchObject([{ type: "tensor", name: "0" }]);
    expect(await get(`model-versions/get-download-uri?name=${name}&version=1`)).toEqual({ artifact_uri: `runs:/${run}/model` });
  });

  it.each([
    "/etc",
    "file:///etc",
    "http://h/x",
    "s3://b/../c",
    "s3://b/%2e%2e/c",
    "runs:/other/model",
    "runs://host/x",
    "mlflow-artifacts:/0/other/artifacts/model",
    "mlflow-artifacts:/0/RUN/artifacts/../../x",
    "mlflow-artifacts:/0/RUN/artifactsx",
    "models:/m-0",
    "models://host/m/1",
    "odd:x",
  ])("are not made from %s", async (source) => {
    const name = await newModel();
    const answer = await call("POST", "model-versions/create", { name, source: source.replace("RUN", run), run_id: run });
    expect(answer).toMatchObject({ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE" } });
    expect((await get(`registered-models/get?name=${name}`)).registered_model.latest_versions).toBeUndefined();
  });

  it.each(["runs:/of_another_store/model", "runs:/of_another_store"])("may be of a run of another store, at %s", async (source) => {
    const name = await newModel();
    expect((await call("POST", "model-versions/create", { name, source, run_id: "of_another" })).status).toBe(400);
    const { model_version: version } = await post("model-versions/create", { name, source, run_id: "of_another_store" });
    expect(version).toMatchObject({ source, run_id: "of_another_store", status: "READY" });
    expect(await get(`model-versions/get-download-uri?name=${name}&version=1`)).toEqual({ artifact_uri: source });
  });

  it("of a logged model are of the run that logged it, unless the client names one; none is made where there is no such model", async () => {
    const [name, source] = [await newModel(), "s3://bucket/model"];
    const { model } = await post("logged-models", { experiment_id: "0", name: "m", source_run_id: run });
    const made = async (more: object) =>
      (await post("model-versions/create", { name, source, model_id: model.info.model_id, ...more })).model_version;
    expect((await made({})).run_id).toBe(run);
    expect((await made({ run_id: "another" })).run_id).toBe("another");
    const refused = await call("POST", "model-versions/create", { name, source, model_id: "m-nope", run_id: run });
    expect([refused.status, refused.body.message]).toEqual([404, "Logged model with ID 'm-nope' not found."]);
    const found = await get(`model-versions/search?filter=${encodeURIComponent(`name='${name}'`)}`);
    expect(found.model_versions).toHaveLength(2);
  });

  it("are made of others by number, alias, stage, and of the last", async () => {
    const name = await newModel(3);
    await post("registered-models/alias", { name, alias: "champion", version: "1" });
    await post("model-versions/transition-stage", { name, version: "2", stage: "Staging" });
    const sources: [string, string][] = [
      ["/1", "1"],
      ["@champion", "1"],
      ["/staging", "2"],
      ["/Latest", "3"],
    ];
    const copy = await newModel();
    for (const [given, version] of sources)
      expect((await post("model-versions/create", { name: copy, source: `models:/${name}${given}` })).model_version.source).toBe(
        `models:/${name}/${version}`,
      );
    const refused = async (source: string) => {
      const { status, body } = await call("POST", "model-versions/create", { name: copy, source });
      return [status, body.message];
    };
    expect(await refused("models:/nowhere/1")).toEqual([404, "Registered Model with name=nowhere not found"]);
    expect(await refused(`models:/${name}/9`)).toEqual([404, `Model Version (name=${name}, version=9) not found`]);
    expect(await refused(`models:/${name}@nobody`)).toEqual([400, "Registered model alias nobody not found."]);
    expect(await refused(`models:/${name}/production`)).toEqual([400, `No versions of model with name '${name}' and stage 'production' found`]);
  });

  it("that move to a stage and those they replace change at one time, and their model with them; deletion changes it, too", async () => {
    const name = await newModel(2);
    const times = async () => {
      const { registered_model: model } = await get(`registered-models/get?name=${name}`);
      return [
        model.last_updated_timestamp,
        ...(await get(`model-versions/search?filter=${encodeURIComponent(`name='${name}'`)}`)).model_versions.map(
          (each: { last_updated_timestamp: number }) => each.last_updated_timestamp,
        ),
      ] as number[];
    };
    await post("model-versions/transition-stage", { name, version: "1", stage: "Staging" });
    await post("model-versions/transition-stage", { name, version: "2", stage: "Staging", archive_existing_versions: true });
    expect(new Set(await times()).size).toBe(1);
    const [before] = await times();
    await call("DELETE", "model-versions/delete", { name, version: "2" });
    expect((await times())[0]).toBeGreaterThanOrEqual(before!);
  });

  it("need the run or model that owns their files", async () => {
    const name = await newModel();
    const source = `mlflow-artifacts:/0/${run}/artifacts/model`;
    expect((await call("POST", "model-versions/create", { name, source })).status).toBe(400);
    expect((await call("POST", "model-versions/create", { name, source, run_id: run })).status).toBe(200);
  });

  it("made in Millrace have their files among their run's artifacts", async () => {
    const data = new TextEncoder().encode("onnx");
    const folder = await logModel(place.tracking, {
      run,
      path: "own",
      format: "onnx",
      signature: { inputs: [], outputs: [] },
      files: [{ path: "model.onnx", data }],
    });
    await registerVersion(place.registry, { model: "own", runId: run, folder });
    const { model_version: version } = await get("model-versions/get?name=own&version=1");
    expect(version).toMatchObject({ source: `mlflow-artifacts:/0/${run}/artifacts/own`, current_stage: "None", status: "READY" });
  });

  it("move between stages, and archive those there before", async () => {
    const name = await newModel(3);
    const stage = (version: string, to: string, archive = false) =>
      post("model-versions/transition-stage", { name, version, stage: to, archive_existing_versions: archive });
    await stage("1", "Production");
    expect((await stage("2", "production", true)).model_version.current_stage).toBe("Production");
    const latest = await post("registered-models/get-latest-versions", { name });
    expect(latest.model_versions.map((each: { current_stage: string; version: string }) => [each.current_stage, each.version])).toEqual([
      ["Archived", "1"],
      ["Production", "2"],
      ["None", "3"],
    ]);
  });

  it("are searched", async () => {
    const name = await newModel(3);
    await post("model-versions/set-tag", { name, version: "2", key: "passed", value: "yes" });
    const found = async (filter: string, more = "") => {
      const answer = await get(`model-versions/search?filter=${encodeURIComponent(filter)}${more}`);
      return (answer.model_versions ?? []).map((each: { version: string }) => each.version);
    };
    expect(await found(`name = '${name}'`, "&order_by=version_number")).toEqual(["1", "2", "3"]);
    expect(await found(`name = '${name}' and tags.passed = 'yes'`)).toEqual(["2"]);
    expect(await found(`name = '${name}' and version_number >= 2 and run_id = '${run}'`, "&order_by=version_number%20DESC&max_results=1")).toEqual([
      "3",
    ]);
    expect((await call("GET", `model-versions/search?filter=${encodeURIComponent("stage = 'x'")}`)).status).toBe(400);
  });
});

describe("prompts", () => {
  const tag = (value = "true") => [{ key: "mlflow.prompt.is_prompt", value }];

  it("and models share their names, and refusals say what has one", async () => {
    const [model, prompt] = [await newModel(), `prompt-${await newModel()}`];
    await post("registered-models/create", { name: prompt, tags: tag() });
    const refused = async (name: string, tags: object[]) => {
      const { status, body } = await call("POST", "registered-models/create", { name, tags });
      return [status, body.error_code, body.message];
    };
    const code = "RESOURCE_ALREADY_EXISTS";
    const other = "MLflow does not allow creating a model and a prompt with the same name.";
    expect(await refused(model, [])).toEqual([400, code, `Registered Model (name=${model}) already exists.`]);
    expect(await refused(prompt, tag("True"))).toEqual([400, code, `Prompt (name=${prompt}) already exists.`]);
    expect(await refused(model, tag())).toEqual([
      ...[400, code],
      `Tried to create a prompt with name '${model}', but the name is already taken by a registered model. ${other}`,
    ]);
    expect(await refused(prompt, [])).toEqual([
      ...[400, code],
      `Tried to create a registered model with name '${prompt}', but the name is already taken by a prompt. ${other}`,
    ]);
  });

  it.each(["/etc/passwd", "file:///", "https://h/../x", "s3://b/x", "dummy_source", "prompt template"])(
    "have no files, such as at %s",
    async (source) => {
      const name = `prompt-${await newModel()}`;
      await post("registered-models/create", { name, tags: tag() });
      expect(await call("POST", "model-versions/create", { name, source, tags: tag() })).toMatchObject({
        status: 400,
        body: {
          error_code: "INVALID_PARAMETER_VALUE",
          message: `Invalid prompt source: '${source}'. Prompt sources must use an MLflow placeholder.`,
        },
      });
    },
  );

  it("are marked in any case, and no model is made of one", async () => {
    const name = `prompt-${await newModel()}`;
    await post("registered-models/create", { name, tags: tag("True") });
    for (const source of ["dummy-source", "prompt-template"]) await post("model-versions/create", { name, source, tags: tag("TRUE") });
    expect((await call("POST", "model-versions/create", { name, source: "prompt-template", tags: tag("false") })).status).toBe(400);
    const { status, body } = await call("POST", "model-versions/create", { name: await newModel(), source: `models:/${name}/1` });
    expect([status, body.message]).toEqual([400, expect.stringContaining("Prompt versions cannot be used as model version sources.")]);
  });
});

describe("searches", () => {
  it.each([
    ["registered-models", "filter", "evilhax = true", "Invalid clause(s) in filter string"],
    ["model-versions", "filter", "run_id IN (,)", "expected a non-empty list of string values, but got ill-formed list"],
    ["model-versions", "filter", "run_id IN ('a',,'b')", "expected a non-empty list of string values, but got ill-formed list"],
    ["model-versions", "filter", "run_id IN (1,2)", "but got different type in list"],
    ["registered-models", "order_by", "creation_timestamp DESC", "Invalid order by key 'creation_timestamp' specified"],
    ["model-versions", "order_by", "run_id DESC", "Invalid attribute key 'run_id' specified"],
    ["registered-models", "order_by", "timestamp&order_by=last_updated_timestamp DESC", "`order_by` contains duplicate fields:"],
    ["model-versions", "order_by", "name&order_by=name DESC", "`order_by` contains duplicate fields:"],
  ])("of %s refuse %s %s", async (kind, field, value, message) => {
    const answer = await call("GET", `${kind}/search?${field}=${encodeURIComponent(value).replace("%26order_by%3D", "&order_by=")}`);
    expect(answer).toMatchObject({
      ...{ status: 400 },
      body: { error_code: "INVALID_PARAMETER_VALUE", message: expect.stringContaining(message) as string },
    });
  });
});

it("the text of a prompt that is too long is called so", async () => {
  const name = await newModel();
  const tags = [{ key: "mlflow.prompt.text", value: "a".repeat(100_001) }];
  const { status, body } = await call("POST", "model-versions/create", { name, source: "dummy-source", tags });
  expect([status, body.message]).toEqual([400, "Prompt text exceeds max length of 100000 characters."]);
});

describe("aliases", () => {
  it("move, with a history, and go with their version", async () => {
    const name = await newModel(2);
    for (const version of ["1", "2"]) await post("registered-models/alias", { name, alias: "champion", version });
    expect((await get(`registered-models/alias?name=${name}&alias=champion`)).model_version.version).toBe("2");
    expect(await aliasHistory(place.registry, { model: name, alias: "champion" })).toMatchObject([{ version: 1 }, { version: 2, actor: "local" }]);
    expect((await call("DELETE", "model-versions/delete", { name, version: "2" })).status).toBe(200);
    expect(await call("GET", `registered-models/alias?name=${name}&alias=champion`)).toMatchObject({ status: 400 });
    expect((await get(`registered-models/alias?name=${name}&alias=Latest`)).model_version.version).toBe("1");
    expect((await call("DELETE", "model-versions/delete", { name, version: "1" })).status).toBe(200);
    expect(await call("GET", `registered-models/alias?name=${name}&alias=latest`)).toMatchObject({
      status: 404,
      body: { error_code: "RESOURCE_DOES_NOT_EXIST", message: `Latest version not found for model ${name}.` },
    });
    for (const alias of ["v1", "latest", "Latest", "a b", ""])
      expect((await call("POST", "registered-models/alias", { name, alias, version: "1" })).status, alias).toBe(400);
  });
});

describe("models", () => {
  it("are renamed and deleted with all they have", async () => {
    const name = await newModel(2);
    await post("model-versions/transition-stage", { name, version: "1", stage: "Staging" });
    await post("registered-models/alias", { name, alias: "champion", version: "1" });
    await post("registered-models/rename", { name, new_name: `${name} new` });
    expect((await get(`model-versions/get?name=${name} new&version=1`)).model_version).toMatchObject({
      current_stage: "Staging",
      aliases: ["champion"],
    });
    // To MLflow a renamed model has its new name alone.
    expect((await call("GET", `registered-models/get?name=${name}`)).status).toBe(404);
    expect((await call("GET", `model-versions/get?name=${name}&version=1`)).status).toBe(404);
    expect((await call("POST", "model-versions/create", { name, source: "models:/none" })).status).not.toBe(200);
    await post("registered-models/create", { name });
    expect((await get(`registered-models/get?name=${name}`)).registered_model).not.toHaveProperty("latest_versions");
    expect((await call("DELETE", "registered-models/delete", { name: `${name} new` })).status).toBe(200);
    expect((await call("GET", `registered-models/get?name=${name} new`)).status).toBe(404);
  });

  it("that are prompts are only found as such", async () => {
    const tags = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
    await post("registered-models/create", { name: "greeting", tags });
    await post("model-versions/create", { name: "greeting", source: "prompt-template", tags: [...tags, { key: "mlflow.prompt.text", value: "Hi" }] });
    const found = async (filter: string) => {
      const { registered_models: models = [] } = await get(`registered-models/search?filter=${encodeURIComponent(filter)}`);
      return models.map(({ name }: { name: string }) => name);
    };
    expect(await found("name = 'greeting'")).toEqual([]);
    expect(await found("name = 'greeting' and tags.`mlflow.prompt.is_prompt` = 'true'")).toEqual(["greeting"]);
    const name = await newModel();
    expect(await found(`name = '${name}' and tag.\`mlflow.prompt.is_prompt\` != 'true'`)).toEqual([name]);
  });
});

describe("logged models", () => {
  async function loggedModel(fields: object = {}): Promise<string> {
    const { model } = await post("logged-models", { experiment_id: "0", name: `logged${++count}`, source_run_id: run, ...fields });
    await put(`0/models/${model.info.model_id}/artifacts/MLmodel`, mlModel);
    await call("PATCH", `logged-models/${model.info.model_id}`, { model_id: model.info.model_id, status: "LOGGED_MODEL_READY" });
    return model.info.model_id;
  }

  it("are made, described, measured and deleted", async () => {
    const id = await loggedModel({ params: [{ key: "depth", value: "3" }] });
    expect(id).toMatch(/^m-[0-9a-f]{32}$/);
    await call("PATCH", `logged-models/${id}/tags`, { tags: [{ key: "team", value: "air" }] });
    const metric = { key: "auc", value: 0.9, timestamp: 1, model_id: id, dataset_name: "wine", dataset_digest: "d1" };
    for (let i = 0; i < 2; i++) await post("runs/log-batch", { run_id: run, metrics: [metric] });
    const { info, data } = (await get(`logged-models/${id}`)).model;
    expect(info).toMatchObject({
      status: "LOGGED_MODEL_READY",
      tags: [{ key: "team", value: "air" }],
      artifact_uri: `mlflow-artifacts:/0/models/${id}/artifacts`,
    });
    expect(data).toEqual({ params: [{ key: "depth", value: "3" }], metrics: [{ ...metric, step: 0, run_id: run }] });
    await call("DELETE", `logged-models/${id}`);
    expect((await call("GET", `logged-models/${id}`)).status).toBe(404);
    expect((await call("POST", "runs/log-metric", { run_id: run, key: "m", value: 1, timestamp: 1, model_id: "m-none" })).status).toBe(404);
  });

  it("are searched by metrics on datasets, and ordered by them", async () => {
    const [low, high] = [await loggedModel({ model_type: "ranked" }), await loggedModel({ model_type: "ranked" })];
    for (const [model_id, value] of [
      [low, 1],
      [high, 2],
    ])
      await post("runs/log-metric", { run_id: run, key: "score", value, timestamp: 1, model_id, dataset_name: "eval" });
    const found = async (fields: object) => {
      const { models = [] } = await post("logged-models/search", { experiment_ids: ["0"], filter: "model_type = 'ranked'", ...fields });
      return models.map(({ info }: { info: { model_id: string } }) => info.model_id);
    };
    expect(await found({ order_by: [{ field_name: "metrics.score", ascending: true }] })).toEqual([low, high]);
    expect(await found({ order_by: [{ field_name: "metrics.score", ascending: false, dataset_name: "eval" }] })).toEqual([high, low]);
    expect(await found({ filter: "model_type = 'ranked' and metrics.score > 1", datasets: [{ dataset_name: "eval" }] })).toEqual([high]);
    expect(await found({ datasets: [{ dataset_name: "other" }] })).toEqual([]);
  });

  it("become versions, and are among their run's artifacts for clients that look there", async () => {
    const id = await loggedModel({ name: "both" });
    const name = await newModel();
    expect(await post("model-versions/create", { name, source: `models:/${id}`, model_id: id })).toMatchObject({
      model_version: { run_id: run, version: "1" },
    });
    expect(await get(`model-versions/get-download-uri?name=${name}&version=1`)).toEqual({
      artifact_uri: `mlflow-artifacts:/0/models/${id}/artifacts`,
    });
    expect((await getVersion(place.registry, name, 1)).files).toMatchObject([{ path: "MLmodel" }]);
    const file = await fetch(`${place.address}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/both/MLmodel`);
    expect(await file.text()).toBe(mlModel);
    expect((await get(`artifacts/list?run_id=${run}`)).files).toContainEqual({ path: "both", is_dir: true });
    expect((await get(`artifacts/list?run_id=${run}&path=both`)).files).toMatchObject([{ path: "both/MLmodel", is_dir: false }]);
  });
});
