/** What MLflow's REST API does with runs, their inputs and outputs, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { absentRun, because, newExperiment, newRun } from "./wire-setup.ts";

export const runScenarios: Record<string, Scenario> = {
  "runs are made with all that they have": async (wire) => {
    const experiment_id = await newExperiment(wire, "runs");
    const made = await wire.post("runs/create", {
      experiment_id,
      user_id: "ann",
      run_name: "first",
      start_time: 1234,
      tags: [
        { key: "p", value: "7" },
        { key: "q", value: "x" },
      ],
    });
    const run_id = at(made, "run.info.run_id");
    await wire.get("runs/get", { run_id });
    await wire.get("runs/get", { run_uuid: run_id });
    await wire.get("runs/get");
    await wire.get("runs/get", { run_id: absentRun });
    await wire.get("runs/get", { run_id: "../x" });
    await wire.get("runs/get", { run_id: "" });
    await wire.post("runs/create", { experiment_id, start_time: 1 });
    await wire.unlike("a run without a time of start starts now, not in 1970").post("runs/create", { experiment_id });
    await wire.unlike(because.sqlText).post("runs/create", {});
    await wire.post("runs/create", { experiment_id: "123456" });
    await wire.post("runs/create", { experiment_id: Number.MAX_SAFE_INTEGER });
    await wire.post("runs/create", { experiment_id, start_time: "abc" });
    await wire.post("runs/create", { experiment_id, start_time: "12" });
    await wire.unlike(because.wrongType).post("runs/create", { experiment_id, start_time: 1.5 });
    await wire.unlike("times begin in 1970").post("runs/create", { experiment_id, start_time: -5 });
    await wire.post("runs/create", { experiment_id, run_name: 5 });
    await wire.unlike(because.wrongType).post("runs/create", { experiment_id, user_id: 5 });
    await wire.post("runs/create", { experiment_id, start_time: 1, run_name: "a", tags: [{ key: "mlflow.runName", value: "a" }] });
    await wire.post("runs/create", { experiment_id, start_time: 1, run_name: "a", tags: [{ key: "mlflow.runName", value: "b" }] });
    await wire.post("runs/create", { experiment_id, start_time: 1, tags: [{ key: "mlflow.runName", value: "c" }] });
    await wire.unlike(because.sqlText).post("runs/create", {
      experiment_id,
      start_time: 1,
      run_name: "t",
      tags: [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ],
    });
    await wire.post("runs/create", { experiment_id, start_time: 1, run_name: "t", tags: [{ key: "../a", value: "1" }] });
    await wire.unlike(because.empty).post("runs/create", { experiment_id, start_time: 1, run_name: "t", tags: [{ value: "1" }] });
    await wire.unlike(because.empty).post("runs/create", { experiment_id, start_time: 1, run_name: "t", tags: [{ key: "", value: "1" }] });
    await wire.post("runs/create", { experiment_id, start_time: 1, run_name: "ü ✈" });
    await wire.post("runs/create", { experiment_id, start_time: 1, run_name: "x".repeat(300) });
  },
  "runs are renamed and ended": async (wire) => {
    const run_id = await newRun(wire, "updates");
    await wire.post("runs/update", { run_id, status: "FINISHED", end_time: 2000 });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/update", { run_id, run_name: "second" });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/set-tag", { run_id, key: "mlflow.runName", value: "third" });
    await wire.get("runs/get", { run_id });
    await wire.unlike("a run that runs again has not ended").post("runs/update", { run_id, status: "RUNNING" });
    await wire.unlike("a run that runs again has not ended").get("runs/get", { run_id });
    for (const status of ["SCHEDULED", "RUNNING"]) await wire.post("runs/update", { run_id, status, end_time: 3000 });
    for (const status of ["FAILED", "KILLED", "FINISHED"]) await wire.post("runs/update", { run_id, status, end_time: 3000 });
    await wire.post("runs/update", { run_id });
    await wire.post("runs/update", { run_id, run_name: "" });
    await wire.post("runs/update", { run_id, end_time: 4000 });
    await wire.post("runs/update", { run_id, status: 3 });
    await wire.post("runs/update", { run_id, end_time: "abc" });
    await wire.post("runs/update", { run_id: absentRun, status: "FINISHED" });
    await wire.post("runs/update", { status: "FINISHED" });
    await wire.post("runs/delete", { run_id });
    await wire.post("runs/update", { run_id, status: "FINISHED" });
    await wire.post("runs/delete-tag", { run_id, key: "mlflow.runName" });
  },
  "runs are deleted and restored": async (wire) => {
    const run_id = await newRun(wire, "deletions");
    await wire.post("runs/log-parameter", { run_id, key: "p", value: "1" });
    await wire.post("runs/delete", { run_id });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/delete", { run_id });
    await wire.post("runs/log-metric", { run_id, key: "m", value: 1, timestamp: 1 });
    await wire.post("runs/log-parameter", { run_id, key: "q", value: "1" });
    await wire.post("runs/set-tag", { run_id, key: "t", value: "1" });
    await wire.post("runs/log-batch", { run_id, metrics: [{ key: "m", value: 1, timestamp: 1, step: 0 }] });
    await wire.post("runs/log-inputs", { run_id, datasets: [] });
    await wire.get("metrics/get-history", { run_id, metric_key: "m" });
    await wire.get("artifacts/list", { run_id });
    await wire.post("runs/restore", { run_id });
    await wire.post("runs/restore", { run_id });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/delete", { run_id: absentRun });
    await wire.post("runs/restore", { run_id: absentRun });
    await wire.post("runs/delete");
    await wire.post("runs/restore");
  },
  "runs have tags": async (wire) => {
    const run_id = await newRun(wire, "tags of a run", { tags: [{ key: "made", value: "x" }] });
    await wire.post("runs/set-tag", { run_id, key: "a", value: "1" });
    await wire.post("runs/set-tag", { run_id, key: "a", value: "2" });
    await wire.post("runs/set-tag", { run_id, key: "b", value: "" });
    await wire.post("runs/set-tag", { run_id, key: "c" });
    for (const key of ["a!b", "../a", "", "x".repeat(250), "x".repeat(251), "mlflow.note.content", 5] as Json[])
      await wire.post("runs/set-tag", { run_id, key, value: "v" });
    await wire.post("runs/set-tag", { run_id, key: "n", value: 5 });
    await wire.post("runs/set-tag", { key: "n", value: "x" });
    await wire.post("runs/set-tag", { run_id, value: "x" });
    await wire.post("runs/set-tag", { run_id: absentRun, key: "n", value: "x" });
    await wire.post("runs/delete-tag", { run_id, key: "made" });
    await wire.post("runs/delete-tag", { run_id, key: "made" });
    await wire.post("runs/delete-tag", { run_id });
    await wire.post("runs/delete-tag", { key: "a" });
    await wire.post("runs/delete-tag", { run_id: absentRun, key: "a" });
    await wire.get("runs/get", { run_id });
  },
  "numbers that are none are searched": async (wire) => {
    const experiment_id = await newExperiment(wire, "numbers that are none");
    for (const [i, value] of ["NaN", "Infinity", "-Infinity", 0, 1].entries()) {
      const run_id = at(await wire.post("runs/create", { experiment_id, run_name: `run ${i}`, start_time: i }), "run.info.run_id");
      await wire.post("runs/log-metric", { run_id, key: "m", value, timestamp: 1 });
    }
    await wire.post("runs/create", { experiment_id, run_name: "without", start_time: 9 });
    const search = (given: { [key: string]: Json }) =>
      wire.post("runs/search", { experiment_ids: [experiment_id], order_by: ["start_time"], ...given });
    await search({ order_by: ["metrics.m ASC"] });
    await search({ order_by: ["metrics.m DESC"] });
    for (const filter of ["metrics.m > 0", "metrics.m >= 0", "metrics.m < 0", "metrics.m = 0", "metrics.m != 0", "metrics.m > 1e308"])
      await search({ filter });
  },
  "runs are searched": async (wire) => {
    const experiment_id = await newExperiment(wire, "searched");
    for (let i = 0; i < 4; i++) {
      const run_id = at(await wire.post("runs/create", { experiment_id, run_name: `run ${i}`, start_time: i }), "run.info.run_id");
      await wire.post("runs/log-batch", { run_id, metrics: [{ key: "m", value: i, timestamp: 1, step: 0 }], params: [{ key: "p", value: `${i}` }] });
      if (i === 3) await wire.post("runs/delete", { run_id });
    }
    const asked = { experiment_ids: [experiment_id], order_by: ["start_time ASC"] };
    await wire.post("runs/search", asked);
    await wire.post("runs/search", { ...asked, run_view_type: "DELETED_ONLY" });
    await wire.post("runs/search", { ...asked, run_view_type: "ALL", filter: "metrics.m > 1" });
    await wire.unlike(because.wrongType).post("runs/search", { ...asked, run_view_type: "SOME" });
    await wire.unlike(because.wrongType).post("runs/search", { ...asked, run_view_type: 5 });
    const first = await wire.post("runs/search", { ...asked, max_results: 2 });
    await wire.post("runs/search", { ...asked, max_results: 2, page_token: at(first, "next_page_token") });
    for (const max_results of [0, -1, 50_001, "2", "x"] as Json[]) await wire.post("runs/search", { ...asked, max_results });
    for (const max_results of [1.5, true]) await wire.unlike(because.wrongType).post("runs/search", { ...asked, max_results });
    await wire.post("runs/search", { ...asked, page_token: "nonsense" });
    await wire.post("runs/search", { ...asked, filter: "metrics.m >" });
    await wire.post("runs/search", { ...asked, filter: 5 });
    await wire.unlike(because.crash).post("runs/search", { ...asked, order_by: ["metrics.m", "metrics.m"] });
    await wire.post("runs/search", { ...asked, order_by: ["nothing"] });
    await wire.post("runs/search", { ...asked, order_by: ["metrics.m UP"] });
    await wire.post("runs/search", { ...asked, order_by: "start_time" });
    await wire.post("runs/search", { ...asked, experiment_ids: ["123456"] });
    await wire.post("runs/search", { ...asked, experiment_ids: [] });
    await wire.post("runs/search", { ...asked, experiment_ids: "x" });
    await wire.unlike(because.wrongType).post("runs/search", { ...asked, experiment_ids: [5] });
    await wire.post("runs/search", {});
    await wire.post("runs/search", { ...asked, anonymous: true });
  },
  "inputs and outputs of runs": async (wire) => {
    const run_id = await newRun(wire, "inputs");
    const dataset = { name: "d", digest: "1a", source_type: "local", source: "{}", schema: "{}", profile: "{}" };
    const log = (given: Json, by = wire) => by.post("runs/log-inputs", { run_id, datasets: [given] });
    await log({
      dataset,
      tags: [
        { key: "mlflow.data.context", value: "train" },
        { key: "split", value: "a" },
      ],
    });
    await log({ dataset, tags: [{ key: "mlflow.data.context", value: "eval" }] });
    await log({ dataset: { name: "e", digest: "2b", source_type: "s", source: "u" } });
    await wire.get("runs/get", { run_id });
    for (const field of ["digest", "source_type", "source", "schema", "profile"] as const) {
      const { [field]: _without, ...others } = { ...dataset, name: `without ${field}`, digest: field.slice(0, 3) };
      await log({ dataset: others });
    }
    await log({ dataset: { ...dataset, name: "n".repeat(500) } });
    await log({ dataset: { ...dataset, name: "n".repeat(501) } });
    await log({ dataset: { ...dataset, name: "o", digest: "d".repeat(36) } });
    await log({ dataset: { ...dataset, name: "o", digest: "d".repeat(37) } });
    await log({ dataset: { ...dataset, name: "s", source: "s".repeat(65_535) } });
    await log({ dataset: { ...dataset, name: "s", digest: "2", source: "s".repeat(65_536) } });
    await log({ dataset: { ...dataset, name: "c", schema: "s".repeat(1_048_575) } });
    await log({ dataset: { ...dataset, name: "c", digest: "2", schema: "s".repeat(1_048_576) } });
    await log({ dataset: { ...dataset, name: "k" }, tags: [{ key: "k".repeat(255), value: "v".repeat(500) }] });
    await log({ dataset: { ...dataset, name: "k", digest: "2" }, tags: [{ key: "k".repeat(256), value: "v" }] });
    await log({ dataset: { ...dataset, name: "k", digest: "3" }, tags: [{ key: "k", value: "v".repeat(501) }] });
    await wire.post("runs/log-inputs", { run_id, datasets: "d" });
    await wire.post("runs/log-inputs", { run_id });
    await wire.post("runs/log-inputs", { datasets: [] });
    await wire.post("runs/log-inputs", { run_id: absentRun, datasets: [{ dataset }] });
    const model_id = at(await wire.post("logged-models", { experiment_id: "0", name: "out" }), "model.info.model_id");
    await wire.post("runs/outputs", { run_id, models: [{ model_id, step: 2 }] });
    await wire.unlike(because.sqlText).post("runs/outputs", { run_id, models: [{ model_id, step: 2 }] });
    await wire.post("runs/log-inputs", { run_id, models: [{ model_id }] });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/outputs", { run_id });
    await wire.post("runs/outputs", { run_id, models: [] });
    await wire.unlike(because.empty).post("runs/outputs", { run_id, models: [{}] });
    await wire.post("runs/outputs", { models: [{ model_id, step: 0 }] });
    await wire.post("runs/outputs", { run_id: absentRun, models: [{ model_id, step: 0 }] });
    await log({ dataset: { ...dataset, name: "" } }, wire.unlike(because.empty));
    await log({ tags: [] }, wire.unlike(because.empty));
    await log("text", wire.unlike(because.wrongType));
  },
  "many datasets in one call": async (wire) => {
    const run_id = await newRun(wire, "many datasets");
    const dataset = { digest: "1", source_type: "s", source: "{}" };
    const many = (count: number, what: string) => Array.from({ length: count }, (_, i) => ({ dataset: { ...dataset, name: `${what} ${i}` } }));
    await wire.post("runs/log-inputs", { run_id, datasets: many(1_000, "a") });
    await wire.unlike("a call takes 1,000 datasets, as MLflow's own limit says").post("runs/log-inputs", { run_id, datasets: many(1_001, "b") });
    await wire.post("runs/log-inputs", { run_id, datasets: [{ dataset: { ...dataset, name: "profile", profile: "p".repeat(16_777_215) } }] });
    await wire.post("runs/log-inputs", { run_id, datasets: [{ dataset: { ...dataset, name: "large", profile: "p".repeat(16_777_216) } }] });
  },
  "datasets are searched": async (wire) => {
    const run_id = await newRun(wire, "searched datasets");
    const found = await wire.get("runs/get", { run_id });
    const experiment = at(found, "run.info.experiment_id");
    const dataset = { name: "d", digest: "1a", source_type: "local", source: "{}" };
    await wire.post("runs/log-inputs", { run_id, datasets: [{ dataset, tags: [{ key: "mlflow.data.context", value: "train" }] }] });
    const search = "/ajax-api/2.0/mlflow/experiments/search-datasets";
    await wire.post(search, { experiment_ids: [experiment] });
    await wire.post(search, { experiment_ids: [] });
    await wire.post(search, {});
    await wire.post(search, { experiment_ids: ["0"] });
    await wire.post(search, { experiment_ids: Array.from({ length: 21 }, () => experiment) });
    await wire
      .unlike("MLflow forgot a slash in this path: the one with it is served too")
      .post("experiments/search-datasets", { experiment_ids: [experiment] });
  },
  "old clients note their models": async (wire) => {
    const run_id = await newRun(wire, "noted models");
    const model = { artifact_path: "model", flavors: { a: {} }, utc_time_created: "2020-01-01 00:00:00", run_id };
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify(model) });
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify({ ...model, artifact_path: "other" }) });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/log-model", { run_id, model_json: "no json" });
    await wire.post("runs/log-model", { run_id, model_json: "{}" });
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify({ ...model, artifact_path: undefined }) });
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify({ ...model, flavors: undefined }) });
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify({ ...model, utc_time_created: undefined }) });
    await wire.post("runs/log-model", { run_id, model_json: JSON.stringify({ ...model, run_id: undefined }) });
    await wire.unlike(because.crash).post("runs/log-model", { run_id, model_json: "[1]" });
    await wire.post("runs/log-model", { run_id });
    await wire.post("runs/log-model", { model_json: "{}" });
    await wire.post("runs/log-model", { run_id: absentRun, model_json: JSON.stringify(model) });
  },
  "bodies are JSON objects": async (wire) => {
    const run_id = await newRun(wire, "bodies");
    const headers = { "content-type": "application/json" };
    const send = (body: string, more: Record<string, string> = {}) =>
      wire.send("POST", "runs/log-parameter", { body, headers: { ...headers, ...more } });
    await send(JSON.stringify(JSON.stringify({ run_id, key: "twice", value: "1" })));
    await send("");
    await send("{");
    await send("null");
    await send('{"run_id": 5}');
    await send(JSON.stringify({ run_id, key: "unknown", value: "1", more: { a: [1] } }));
    await send(JSON.stringify({ runId: run_id, key: "camel", value: "1" }));
    await send(JSON.stringify({ run_id, key: "charset", value: "ü" }), { "content-type": "application/json; charset=utf-8" });
    await send(JSON.stringify({ run_id, key: "text", value: "1" }), { "content-type": "text/plain" });
    await wire.send("POST", "runs/log-parameter", { body: JSON.stringify({ run_id, key: "no type", value: "1" }) });
    await wire.send("POST", "runs/log-parameter", { body: "run_id=a&key=b", headers: { "content-type": "application/x-www-form-urlencoded" } });
    await wire.get("runs/get", { run_id });
    await wire.send("GET", "runs/get", { body: undefined, query: `?run_id=${run_id}&other=1` });
    await wire.send("GET", "/ajax-api/2.0/mlflow/runs/get", { query: `?run_id=${run_id}` });
    await wire.post("/ajax-api/2.0/mlflow/runs/set-tag", { run_id, key: "browser", value: "1" });
  },
  "what is no endpoint": async (wire) => {
    await wire.unlike(because.page).get("runs/create");
    await wire.unlike(because.page).post("runs/get", {});
    await wire.unlike(because.page).get("experiments/list");
    await wire.get("/version");
  },
};
