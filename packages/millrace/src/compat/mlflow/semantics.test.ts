/** What MLflow's server keeps to, beyond the shapes of its answers: values seen on MLflow 3.17.2. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
beforeAll(async () => {
  place = await openMlflowPlace();
});
afterAll(() => place.close());

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(path: string, body: object): Promise<Answer> {
  const init = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${place.address}/api/2.0/mlflow/${path}`, init);
  return { status: response.status, body: JSON.parse(await response.text()) };
}
const post = async (path: string, body: object) => (await call(path, body)).body;
const get = async (path: string) => (await fetch(`${place.address}/api/2.0/mlflow/${path}`)).json() as Promise<Answer["body"]>;
const runOf = async (id: string) => (await get(`runs/get?run_id=${id}`)).run;

let count = 0;
const newExperiment = async (): Promise<string> => (await post("experiments/create", { name: `experiment ${++count}` })).experiment_id;
const newRun = async (experiment: string, fields: object = {}): Promise<string> =>
  (await post("runs/create", { experiment_id: experiment, ...fields })).run.info.run_id;
const found = async (experiment: string, fields: object): Promise<string[]> =>
  ((await post("runs/search", { experiment_ids: [experiment], ...fields })).runs ?? []).map(({ info }: Answer["body"]) => info.run_id);

describe("ids of experiments", () => {
  it("are numbers one after the other, and so ordered", async () => {
    const ids: number[] = [];
    for (let i = 0; i < 11; i++) ids.push(Number(await newExperiment()));
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i));
    const { experiments } = await post("experiments/search", { max_results: 3, order_by: ["experiment_id DESC"] });
    expect(experiments.map((each: { experiment_id: string }) => Number(each.experiment_id))).toEqual([11, 10, 9]);
  });

  it.each([
    ["experiments/delete", { experiment_id: "twelve" }],
    ["runs/create", { experiment_id: "twelve" }],
    ["runs/search", { experiment_ids: ["0", "twelve"] }],
    ["experiments/search-datasets", { experiment_ids: [""] }],
    ["logged-models/search", { experiment_ids: ["12abc"] }],
  ])("that are no numbers are refused by %s", async (path, body) => {
    const { status, body: answer } = await call(path, body);
    expect([status, answer.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    expect(answer.message).toMatch(/^Invalid experiment ID '.*'\. Experiment ID must be a valid integer\.$/);
  });
});

describe("lengths", () => {
  it("are counted in characters, of which a face is one", async () => {
    const experiment = await newExperiment();
    const faces = (length: number) => "😀".repeat(length);
    const tag = (value: string) => call("experiments/set-experiment-tag", { experiment_id: experiment, key: "k", value });
    expect((await tag(faces(20_000))).status).toBe(200);
    expect((await tag(faces(20_001))).status).toBe(400);
    const run = await newRun(experiment);
    await post("runs/log-parameter", { run_id: run, key: "p", value: faces(6_001) });
    await post("runs/set-tag", { run_id: run, key: "t", value: `${faces(7_999)}ab` });
    const { params, tags } = (await runOf(run)).data;
    expect(params[0].value).toBe(faces(6_000));
    expect(tags.find(({ key }: { key: string }) => key === "t").value).toBe(`${faces(7_999)}a`);
  });
});

describe("runs", () => {
  it("are named by two words and a number where nobody names them", async () => {
    const experiment = await newExperiment();
    expect((await runOf(await newRun(experiment))).info.run_name).toMatch(/^[a-z]+-[a-z]+-\d{1,3}$/);
    expect((await post("logged-models", { experiment_id: experiment })).model.info.name).toMatch(/^[a-z]+-[a-z]+-\d{1,3}$/);
  });

  it("keep their name where its tag is taken away, until they get another one", async () => {
    const experiment = await newExperiment();
    const run = await newRun(experiment, { run_name: "first" });
    const remove = () => call("runs/delete-tag", { run_id: run, key: "mlflow.runName" });
    const state = async () => {
      const { info, data } = await runOf(run);
      return [info.run_name, (data.tags ?? []).map(({ value }: { value: string }) => value)];
    };
    expect((await remove()).status).toBe(200);
    expect((await remove()).status).toBe(404);
    expect(await state()).toEqual(["first", []]);
    expect(await found(experiment, { filter: "tags.`mlflow.runName` IS NULL" })).toEqual([run]);
    await post("runs/update", { run_id: run, run_name: "second" });
    expect(await state()).toEqual(["second", ["second"]]);
    await remove();
    await post("runs/log-batch", { run_id: run, tags: [{ key: "mlflow.runName", value: "third" }] });
    expect(await state()).toEqual(["third", ["third"]]);
  });

  it("wait, end before 1970 and end at no known time, as they are told", async () => {
    const experiment = await newExperiment();
    const ends: Record<string, string> = {};
    for (const end of [234, undefined, -123]) {
      const run = await newRun(experiment);
      const { run_info: info } = await post("runs/update", { run_id: run, status: "FINISHED", end_time: end });
      expect(info.end_time).toBe(end);
      ends[String(end)] = run;
    }
    expect(await found(experiment, { order_by: ["attributes.end_time DESC"] })).toEqual([ends["234"], ends["-123"], ends["undefined"]]);
    const waiting = ends["234"]!;
    const { run_info: info } = await post("runs/update", { run_id: waiting, status: "SCHEDULED", end_time: 5 });
    expect(info).toMatchObject({ status: "SCHEDULED", end_time: 5 });
    expect(await found(experiment, { filter: "attributes.status = 'SCHEDULED'" })).toEqual([waiting]);
    expect(await found(experiment, { filter: "attributes.status = 'RUNNING'" })).toEqual([]);
  });
});

describe("pages", () => {
  it("go on with the search that they came from only", async () => {
    const experiment = await newExperiment();
    for (const name of ["a", "b"]) await post("logged-models", { experiment_id: experiment, name });
    const search = (fields: object) => call("logged-models/search", { experiment_ids: [experiment], max_results: 1, ...fields });
    const { next_page_token: token } = (await search({})).body;
    expect((await search({ page_token: token })).body.models[0].info.name).toBe("a");
    for (const [fields, words] of [
      [{ experiment_ids: ["0"] }, "Experiment IDs in the page token do not match"],
      [{ order_by: [{ field_name: "name" }] }, "Order by in the page token does not match"],
      [{ filter: "name = 'a'" }, "Filter string in the page token does not match"],
      [{ page_token: "!" }, "Invalid page token"],
    ] as const) {
      const { status, body } = await search({ page_token: token, ...fields });
      expect([status, body.message]).toEqual([400, expect.stringContaining(words)]);
    }
  });

  it("of a metric's history begin at tokens of its own only", async () => {
    const run = await newRun(await newExperiment());
    await post("runs/log-metric", { run_id: run, key: "m", value: 1, timestamp: 1 });
    expect((await get(`metrics/get-history?run_id=${run}&metric_key=m&page_token=invalid`)).message).toContain("Invalid page token");
  });
});

describe("filters of logged models", () => {
  it.each([
    ["Foo", "Invalid filter string: 'Foo'"],
    ["name = 'foo' OR name = 'bar'", "Invalid filter string"],
    ["name > 'foo'", "Invalid comparison operator for attributes.name: '>'"],
    ["metrics.foo LIKE 0", "Invalid comparison operator for metrics.foo: 'LIKE'"],
  ])("that say %s are refused in words of their own", async (filter, words) => {
    const { message } = await post("logged-models/search", { experiment_ids: ["0"], filter });
    expect(message).toContain(words);
  });
});
