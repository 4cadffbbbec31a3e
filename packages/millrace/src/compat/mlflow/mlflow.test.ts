import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRun, startRun } from "#domains/tracking";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
beforeAll(async () => {
  place = await openMlflowPlace();
});
afterAll(() => place.close());

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init =
    body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${place.address}${path.startsWith("/") ? path : `/api/2.0/mlflow/${path}`}`, { method, ...init });
  return { status: response.status, body: JSON.parse(await response.text()) };
}
const post = async (path: string, body?: unknown) => (await call("POST", path, body)).body;
const get = async (path: string) => (await call("GET", path)).body;

let count = 0;
async function newRun(fields: object = {}): Promise<{ run: string; experiment: string }> {
  const { experiment_id: experiment } = await post("experiments/create", { name: `experiment ${++count}` });
  const { run } = await post("runs/create", { experiment_id: experiment, ...fields });
  return { run: run.info.run_id, experiment };
}

describe("experiments", () => {
  it("have the standard one without being asked", async () => {
    expect((await get("experiments/get?experiment_id=0")).experiment).toMatchObject({ name: "Default", artifact_location: "mlflow-artifacts:/0" });
    expect((await post("runs/create", {})).run.info.experiment_id).toBe("0");
  });

  it("are found by filter and order, page by page", async () => {
    for (const name of ["zoo/a", "zoo/b", "zoo/c"]) await post("experiments/create", { name, tags: [{ key: "kind", value: name.slice(-1) }] });
    const search = (fields: object) => post("experiments/search", { max_results: 2, filter: "name LIKE 'zoo/%'", order_by: ["name"], ...fields });
    const first = await search({});
    expect(first.experiments.map(({ name }: { name: string }) => name)).toEqual(["zoo/a", "zoo/b"]);
    const second = await search({ page_token: first.next_page_token });
    expect(second.experiments.map(({ name }: { name: string }) => name)).toEqual(["zoo/c"]);
    expect(second.next_page_token).toBeUndefined();
    expect((await search({ filter: "tags.kind = 'b'" })).experiments).toHaveLength(1);
  });

  it("take their runs along when they are deleted and restored", async () => {
    const { run, experiment } = await newRun();
    await post("experiments/delete", { experiment_id: experiment });
    expect((await get(`runs/get?run_id=${run}`)).run.info.lifecycle_stage).toBe("deleted");
    expect(await call("POST", "runs/log-metric", { run_id: run, key: "m", value: 1, timestamp: 1 })).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE", message: `The run ${run} must be in the 'active' state. Current state is deleted.` },
    });
    await post("experiments/restore", { experiment_id: experiment });
    expect((await get(`runs/get?run_id=${run}`)).run.info.lifecycle_stage).toBe("active");
  });

  it.each([
    ["a/place", `${process.cwd()}/a/place`],
    [".", process.cwd()],
    ["file:place", `file://${process.cwd()}/place`],
    ["/mnt/place", "/mnt/place"],
    ["file:///mnt/place", "file:///mnt/place"],
  ])("may have their files on a disk at %s, which this server never opens", async (artifact_location, kept) => {
    const { experiment_id } = await post("experiments/create", { name: `on a disk at ${artifact_location}`, artifact_location });
    expect((await get(`experiments/get?experiment_id=${experiment_id}`)).experiment.artifact_location).toBe(kept);
    const { info } = (await post("runs/create", { experiment_id })).run;
    expect(info.artifact_uri).toBe(`${kept}/${info.run_id}/artifacts`);
    const listed = await call("GET", `artifacts/list?run_id=${info.run_id}`);
    expect(listed).toMatchObject({ status: 400, body: { message: expect.stringContaining("which this server does not read") } });
  });

  it.each([
    "../up",
    "/a/../etc",
    "file:///a/../etc",
    "file:///a/%2e%2e/etc",
    "file://host/etc",
    "/a?b=/../",
    "/a#b",
    "a\\b",
    "s3://b/../c",
    "s3://b/%2e%2e/c",
    "s3://b/%252e%252e/c",
    "s3://b/c?x=/../",
    "s3://b/c#/../",
    "http://h/x",
    "mlflow-artifacts:/a/../../b",
  ])("refuse the location %s", async (artifact_location) => {
    expect(await call("POST", "experiments/create", { name: `at ${artifact_location}`, artifact_location })).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE" },
    });
  });
});

describe("runs", () => {
  it("have ids of 32 hexadecimal digits, and keep name and name tag in step", async () => {
    const { run } = await newRun({ run_name: "first", user_id: "ann", start_time: 5 });
    expect(run).toMatch(/^[0-9a-f]{32}$/);
    await post("runs/set-tag", { run_id: run, key: "mlflow.runName", value: "second" });
    const { info, data } = (await get(`runs/get?run_id=${run}`)).run;
    expect(info).toMatchObject({ run_name: "second", user_id: "ann", start_time: 5, status: "RUNNING" });
    expect(data.tags).toEqual([{ key: "mlflow.runName", value: "second" }]);
  });

  it("made elsewhere are seen by clients, with their parent", async () => {
    const { run: parent, experiment } = await newRun();
    const { id } = await startRun(place.tracking, { experiment, parent, params: { depth: "3" } });
    const { data } = (await get(`runs/get?run_id=${id}`)).run;
    expect(data.params).toEqual([{ key: "depth", value: "3" }]);
    expect(data.tags).toContainEqual({ key: "mlflow.parentRunId", value: parent });
    const found = await post("runs/search", { experiment_ids: [experiment], filter: `tags.mlflow.parentRunId = '${parent}'` });
    expect(found.runs.map((run: { info: { run_id: string } }) => run.info.run_id)).toEqual([id]);
  });

  it("keep infinities, which clients see as the greatest numbers", async () => {
    const { run } = await newRun();
    const metrics = ["NaN", "Infinity", "-Infinity", 1].map((value, i) => ({ key: `m${i}`, value, timestamp: 1 }));
    await post("runs/log-batch", { run_id: run, metrics });
    const values = (await get(`runs/get?run_id=${run}`)).run.data.metrics.map(({ value }: { value: unknown }) => value);
    expect(values).toEqual(["NaN", Number.MAX_VALUE, -Number.MAX_VALUE, 1]);
    expect((await getRun(place.tracking, run)).metrics["m1"]!.value).toBe(Number.POSITIVE_INFINITY);
  });

  it("take a batch whole or not at all", async () => {
    const { run } = await newRun();
    await post("runs/log-parameter", { run_id: run, key: "p", value: "1" });
    const refused = await call("POST", "runs/log-batch", {
      run_id: run,
      metrics: [{ key: "m", value: 1, timestamp: 1 }],
      params: [
        { key: "q", value: "1" },
        { key: "p", value: "2" },
      ],
    });
    expect(refused).toMatchObject({ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE", sqlstate: "KAM00" } });
    expect((await get(`runs/get?run_id=${run}`)).run.data).toEqual({ params: [{ key: "p", value: "1" }], tags: expect.anything() });
  });

  it.each([
    [{ metrics: Array.from({ length: 1_001 }, (_, i) => ({ key: `k${i}`, value: 1, timestamp: 1 })) }, "at most 1000 metrics"],
    [{ params: Array.from({ length: 101 }, (_, i) => ({ key: `k${i}`, value: "1" })) }, "at most 100 params"],
    [{ metrics: [{ key: "../m", value: 1, timestamp: 1 }] }, "must not resolve to other names"],
    [{ metrics: [{ key: "m", value: 1, timestamp: 1, step: 0.5 }] }, "'step'"],
    [{ metrics: [{ key: "m", value: true, timestamp: 1 }] }, "'metrics[0].value'"],
    [{ metrics: [[]] }, "'metrics'"],
    [{ params: [{ key: "x".repeat(251), value: "1" }] }, "maximum length of 250"],
  ])("refuse the batch %#", async (fields, message) => {
    const { run } = await newRun();
    const { status, body } = await call("POST", "runs/log-batch", { run_id: run, ...fields });
    expect([status, body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    expect(body.message).toContain(message);
  });

  it("note datasets once, and are found by them", async () => {
    const { run, experiment } = await newRun();
    const dataset = { name: "wine", digest: "abc", source_type: "http", source: "{}", schema: "{}", profile: "{}" };
    const tags = [{ key: "mlflow.data.context", value: "train" }];
    for (let i = 0; i < 2; i++) await post("runs/log-inputs", { run_id: run, datasets: [{ dataset, tags }] });
    expect((await get(`runs/get?run_id=${run}`)).run.inputs).toEqual({ dataset_inputs: [{ tags, dataset }] });
    expect((await getRun(place.tracking, run)).inputs[0]).toMatchObject({ name: "wine", digest: "abc", use: "train" });
    const runs = async (filter: string) => (await post("runs/search", { experiment_ids: [experiment], filter })).runs;
    expect(await runs("dataset.name = 'wine' AND dataset.context IN ('train', 'eval')")).toHaveLength(1);
    expect(await runs("dataset.digest != 'abc'")).toBeUndefined();
    expect(await post("experiments/search-datasets", { experiment_ids: [experiment] })).toEqual({
      dataset_summaries: [{ experiment_id: experiment, name: "wine", digest: "abc", context: "train" }],
    });
  });

  it("are found page by page in order", async () => {
    const { run, experiment } = await newRun();
    for (let i = 0; i < 4; i++) {
      const { run: made } = await post("runs/create", { experiment_id: experiment });
      await post("runs/log-metric", { run_id: made.info.run_id, key: "acc", value: i === 2 ? "NaN" : i, timestamp: 1 });
    }
    const values: unknown[] = [];
    for (let token: string | undefined; ;) {
      const page = await post("runs/search", { experiment_ids: [experiment], order_by: ["metrics.acc DESC"], max_results: 2, page_token: token });
      values.push(...page.runs.map((each: { data: { metrics?: { value: unknown }[] } }) => each.data.metrics?.[0]?.value));
      token = page.next_page_token;
      if (token === undefined) break;
    }
    expect(values).toEqual([3, 1, 0, "NaN", undefined]);
    expect((await post("runs/search", { experiment_ids: [experiment], filter: "metrics.acc >= 1" })).runs).toHaveLength(2);
    expect((await post("runs/search", { experiment_ids: [experiment], filter: `status = 'RUNNING' and run_id = '${run}'` })).runs).toHaveLength(1);
  });
});

describe("histories", () => {
  it("come in pages and samples", async () => {
    const { run } = await newRun();
    await post("runs/log-batch", { run_id: run, metrics: Array.from({ length: 10 }, (_, i) => ({ key: "m", value: i, timestamp: i, step: i })) });
    const first = await get(`metrics/get-history?run_id=${run}&metric_key=m&max_results=6`);
    const second = await get(`metrics/get-history?run_id=${run}&metric_key=m&max_results=6&page_token=${first.next_page_token}`);
    expect([...first.metrics, ...second.metrics].map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const sampled = await get(`/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=${run}&metric_key=m&max_results=4`);
    expect(sampled.metrics.map(({ step }: { step: number }) => step)).toEqual([0, 3, 6, 9]); // as MLflow 3.17.2 chooses
    expect(await get(`metrics/get-history?run_id=${run}&metric_key=other`)).toEqual({});
  });
});

describe("requests", () => {
  it("may be JSON within JSON, and nothing but objects", async () => {
    const { run } = await newRun();
    expect((await call("POST", "runs/set-tag", JSON.stringify(JSON.stringify({ run_uuid: run, key: "a", value: "b" })))).status).toBe(200);
    for (const body of ["[1]", "3", "{", "nonsense"]) expect((await call("POST", "runs/set-tag", body)).status).toBe(400);
  });

  it("with a batch of JSON within JSON are at most a million characters; of JSON itself they may be longer", async () => {
    const { run } = await newRun();
    const tag = (length: number) => JSON.stringify({ run_id: run, tags: [{ key: "a", value: "b" }], ignored: "x".repeat(length) });
    expect((await call("POST", "runs/log-batch", JSON.stringify(tag(900_000)))).status).toBe(200);
    expect((await post("runs/log-batch", JSON.stringify(tag(1_000_000)))).message).toMatch(
      /^Batched logging API requests must be at most 1000000 bytes, got a request of size 10000\d\d\.$/,
    );
    expect((await call("POST", "runs/log-batch", tag(1_000_000))).status).toBe(200);
  });

  it.each([
    ["9.0", "9.0", "float"],
    ["9", "9", "int"],
    ["1.5", "1.5", "float"],
    ['[{"a":2.0,"b":[1,1e3,"1.0"]}]', '[{"a":2.0,"b":[1,1e3,"1.0"]}]', "list"],
  ])("that are refused are quoted as they were written: %s", async (written, quoted, type) => {
    const body = `{"name":"a name","artifact_location":${written}}`;
    for (const sent of [body, JSON.stringify(body)])
      expect((await post("experiments/create", sent)).message).toContain(
        `Invalid value ${quoted} for parameter 'artifact_location' supplied:  Hint: Value was of type '${type}'.`,
      );
  });

  it("for the version are told one of MLflow's", async () => {
    expect(await (await fetch(`${place.address}/version`)).text()).toMatch(/^3\.\d+\.\d+$/);
  });

  it("for what is not here get a clean refusal", async () => {
    expect(await call("POST", "/api/3.0/mlflow/scorers/register", {})).toMatchObject({ status: 404, body: { error_code: "ENDPOINT_NOT_FOUND" } });
  });

  it("of pages for the models of a gateway find none", async () => {
    expect(await call("GET", "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=api/2.0/endpoints/")).toEqual({ status: 200, body: { endpoints: [] } });
  });

  it("from pages of other sites are refused", async () => {
    const response = await fetch(`${place.address}/api/2.0/mlflow/experiments/search`, {
      method: "POST",
      headers: { origin: "http://evil.example" },
    });
    expect(response.status).toBe(403);
  });
});
