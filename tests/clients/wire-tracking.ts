/** What MLflow's REST API does with experiments, runs, metrics and inputs, as scenarios whose answers are compared. */
import { at, type Json, type Scenario, type Wire } from "./wire.ts";

/** Why Millrace answers otherwise, where more than one call is concerned. */
export const because = {
  wrongType: "MLflow passes over a value of the wrong type, as if it had not been sent",
  sqlText: "MLflow answers with the text of its SQL statement",
  location: "no path may lead out of its folder, in any spelling",
  empty: "MLflow keeps a thing without a name",
  crash: "MLflow answers 500",
  page: "MLflow answers with an HTML page, not with its error",
} as const;

export async function newExperiment(wire: Wire, name: string): Promise<string> {
  return at(await wire.post("experiments/create", { name }), "experiment_id");
}

export async function newRun(wire: Wire, name: string, given: { [key: string]: Json } = {}): Promise<string> {
  const experiment_id = await newExperiment(wire, name);
  return at(await wire.post("runs/create", { experiment_id, run_name: "run", start_time: 1000, user_id: "ann", ...given }), "run.info.run_id");
}

const absentRun = "0123456789abcdef0123456789abcdef";

export const trackingScenarios: Record<string, Scenario> = {
  "experiments are made, read, changed, deleted and restored": async (wire) => {
    const experiment_id = await newExperiment(wire, "life");
    await wire.get("experiments/get", { experiment_id });
    await wire.get("experiments/get-by-name", { experiment_name: "life" });
    await wire.get("experiments/get-by-name", { experiment_name: "no life" });
    await wire.get("experiments/get", { experiment_id: "123456" });
    await wire.unlike("an experiment's id is any text here: what is not there is not found").get("experiments/get", { experiment_id: "none" });
    await wire.get("experiments/get", { experiment_id: "0" });
    await wire.get("experiments/get");
    await wire.post("experiments/create", { name: "life" });
    await wire.post("experiments/update", { experiment_id, new_name: "second life" });
    await wire.get("experiments/get", { experiment_id });
    await wire.post("experiments/update", { experiment_id, new_name: "second life" });
    await wire.post("experiments/create", { name: "first life" });
    await wire.unlike(because.sqlText).post("experiments/update", { experiment_id, new_name: "first life" });
    await wire.post("experiments/update", { experiment_id: "123456", new_name: "other" });
    await wire.post("experiments/update", { experiment_id });
    const run_id = at(await wire.post("runs/create", { experiment_id, run_name: "run", start_time: 1 }), "run.info.run_id");
    await wire.post("experiments/delete", { experiment_id });
    await wire.post("experiments/delete", { experiment_id });
    await wire.get("experiments/get", { experiment_id });
    await wire.get("experiments/get-by-name", { experiment_name: "second life" });
    await wire.get("runs/get", { run_id });
    await wire.post("experiments/create", { name: "second life" });
    await wire.post("runs/create", { experiment_id, start_time: 1 });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "b" });
    await wire.post("experiments/restore", { experiment_id });
    await wire.post("experiments/restore", { experiment_id });
    await wire.get("experiments/get", { experiment_id });
    await wire.get("runs/get", { run_id });
    await wire.post("experiments/restore", { experiment_id: "123456" });
    await wire.post("experiments/delete", { experiment_id: "123456" });
    await wire.post("experiments/delete");
    await wire.post("experiments/restore");
  },
  "experiments take names, tags and locations": async (wire) => {
    for (const name of ["", " ", "a/b", "ü ✈ 机场", "x".repeat(500), "x".repeat(501), "quo'te\"d", 5, true, ["a"], { a: 1 }, null] as Json[])
      await wire.post("experiments/create", { name });
    await wire.unlike("names hold no control characters").post("experiments/create", { name: "tab\tin" });
    await wire.post("experiments/create");
    await wire.post("experiments/create", { name: "tagged", tags: [{ key: "a", value: "1" }, { key: "b", value: "" }, { key: "c" }] });
    await wire.get("experiments/get-by-name", { experiment_name: "tagged" });
    await wire.unlike("MLflow says that the experiment exists already: here the later tag wins").post("experiments/create", {
      name: "twice tagged",
      tags: [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ],
    });
    await wire.post("experiments/create", { name: "no key", tags: [{ value: "1" }] });
    await wire.post("experiments/create", { name: "bad key", tags: [{ key: "a!b", value: "1" }] });
    await wire.post("experiments/create", { name: "text tags", tags: "a" });
    await wire.unlike(because.wrongType).post("experiments/create", { name: "number tag", tags: [{ key: "a", value: 1 }] });
    await wire.post("experiments/create", { name: "on s3", artifact_location: "s3://bucket/folder" });
    const found = await wire.get("experiments/get-by-name", { experiment_name: "on s3" });
    await wire.post("runs/create", { experiment_id: at(found, "experiment.experiment_id"), run_name: "r", start_time: 1 });
    for (const [i, artifact_location] of ["s3://b/a#c", "", "http://host/x"].entries())
      await wire.post("experiments/create", { name: `location ${i}`, artifact_location });
    for (const [i, artifact_location] of ["s3://b/a?c=d", "s3://b/../c", "s3://b/%2e%2e/c"].entries())
      await wire.unlike(because.location).post("experiments/create", { name: `bad location ${i}`, artifact_location });
    await wire.post("experiments/create", { name: "unknown field", other: { deep: [1] } });
  },
  "experiments have tags": async (wire) => {
    const experiment_id = await newExperiment(wire, "tags of an experiment");
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "2" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "b", value: "" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "c" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "multi\nline", value: "x" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "d", value: "line\nline ü" });
    await wire.get("experiments/get", { experiment_id });
    await wire.post("experiments/set-experiment-tag", { experiment_id, value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "", value: "1" });
    await wire.post("experiments/set-experiment-tag", { key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id: "123456", key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: 5, value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: 5 });
    await wire.post("experiments/delete-experiment-tag", { experiment_id, key: "a" });
    await wire.post("experiments/delete-experiment-tag", { experiment_id, key: "a" });
    await wire.post("experiments/delete-experiment-tag", { experiment_id });
    await wire.post("experiments/delete-experiment-tag", { experiment_id: "123456", key: "a" });
    await wire.get("experiments/get", { experiment_id });
  },
  "experiments are searched in pages": async (wire) => {
    for (let i = 0; i < 5; i++) await newExperiment(wire, `paged ${i}`);
    const asked = { filter: "name LIKE 'paged%'", order_by: ["name ASC"], max_results: 2 };
    const first = await wire.post("experiments/search", asked);
    const second = await wire.post("experiments/search", { ...asked, page_token: at(first, "next_page_token") });
    await wire.post("experiments/search", { ...asked, page_token: at(second, "next_page_token") });
    await wire.get("experiments/search", { filter: "name = 'paged 3'", max_results: "5", view_type: "ALL" });
    await wire.get("experiments/search", { filter: "name LIKE 'paged%'", max_results: "5", order_by: ["name DESC"] });
    await wire.post("experiments/search", { ...asked, max_results: 0 });
    await wire.post("experiments/search", { ...asked, max_results: -1 });
    await wire.post("experiments/search", { ...asked, max_results: 50_000, view_type: "DELETED_ONLY" });
    await wire.post("experiments/search", { ...asked, max_results: 50_001 });
    await wire.post("experiments/search", { ...asked, max_results: "two" });
    await wire.post("experiments/search", {});
    await wire.post("experiments/search", { ...asked, page_token: "nonsense" });
    await wire.post("experiments/search", { ...asked, filter: "size = 3" });
    await wire.post("experiments/search", { ...asked, order_by: ["size"] });
    await wire.post("experiments/search", { ...asked, order_by: "name" });
    await wire.post("experiments/search", { ...asked, filter: 5 });
  },
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
    await wire.unlike("a scheduled run is told as one that runs").post("runs/update", { run_id, status: "SCHEDULED", end_time: 3000 });
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
  "metrics are logged one at a time": async (wire) => {
    const run_id = await newRun(wire, "metrics");
    const log = (more: { [key: string]: Json }, by = wire) =>
      by.post("runs/log-metric", { run_id, key: "m", value: 1, timestamp: 10, step: 1, ...more });
    await log({});
    await log({});
    await log({ value: 2, step: 2, timestamp: 11 });
    await log({ value: 3, step: 1, timestamp: 12 });
    await log({ run_uuid: run_id, key: "both", value: 0.5 });
    for (const value of ["NaN", "Infinity", "-Infinity"]) await log({ key: `key ${value}`, value });
    for (const value of [1e308, -0, 1e-320, "3.5", "abc", null, ""] as Json[]) await log({ key: "odd", value });
    for (const timestamp of [0, -1, "5", "x", null] as Json[]) await log({ key: "timed", timestamp });
    for (const step of [-1, "2", null, 2 ** 40] as Json[]) await log({ key: "stepped", step });
    for (const key of [
      "a/b",
      "a//b",
      "/a",
      "../a",
      "a/../b",
      "a/.",
      ".",
      "..",
      "a b",
      "a:b",
      "a!b",
      "a,b",
      "ü",
      "a.b-c_d",
      "",
      "x".repeat(250),
      "x".repeat(251),
      5,
      null,
    ] as Json[])
      await log({ key });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/log-metric", { key: "m", value: 1, timestamp: 1 });
    await wire.post("runs/log-metric", { run_id, value: 1, timestamp: 1 });
    await wire.post("runs/log-metric", { run_id, key: "m", timestamp: 1 });
    await wire.post("runs/log-metric", { run_id, key: "m", value: 1 });
    await wire.post("runs/log-metric", { run_id: absentRun, key: "m", value: 1, timestamp: 1 });
    await log({ run_id: "no run/.." });
    await log({ dataset_name: "d", dataset_digest: "e", model_id: "m-0123456789abcdef0123456789abcdef" }, wire.unlike(because.sqlText));
    await log({ value: true }, wire.unlike(because.wrongType));
    await log({ value: [1] }, wire.unlike(because.crash));
    await log({ value: {} }, wire.unlike(because.crash));
    for (const odd of [1.5, true]) await log({ timestamp: odd }, wire.unlike(because.wrongType));
    for (const odd of [1.5, true]) await log({ step: odd }, wire.unlike(because.wrongType));
    await log({ timestamp: 2 ** 53 }, wire.unlike("whole numbers are exact up to 2^53 here"));
  },
  "params are logged one at a time": async (wire) => {
    const run_id = await newRun(wire, "params");
    const log = (more: { [key: string]: Json }) => wire.post("runs/log-parameter", { run_id, key: "p", value: "1", ...more });
    await log({});
    await log({});
    await log({ value: "2" });
    await log({ key: "empty", value: "" });
    await log({ key: "number", value: 5 });
    await log({ key: "list", value: ["a"] });
    await log({ key: "none", value: null });
    await wire.post("runs/log-parameter", { run_id, key: "absent" });
    for (const key of ["a/b", "a//b", "../a", ".", "a!b", "ü", "", "x".repeat(250), "x".repeat(251), 5] as Json[]) await log({ key });
    await log({ key: "long", value: "v".repeat(6000) });
    await log({ key: "unicode", value: "ü✈\n\t\"'" });
    await wire.get("runs/get", { run_id });
    await wire.post("runs/log-parameter", { key: "p", value: "1" });
    await wire.post("runs/log-parameter", { run_id, value: "1" });
    await wire.post("runs/log-parameter", { run_id: absentRun, key: "p", value: "1" });
  },
  "params that are too long": async (wire) => {
    const run_id = await newRun(wire, "long params");
    await wire.post("runs/log-parameter", { run_id, key: "p", value: "v".repeat(6001) });
    await wire.post("runs/set-tag", { run_id, key: "t", value: "v".repeat(8000) });
    await wire.post("runs/set-tag", { run_id, key: "u", value: "v".repeat(8001) });
    await wire.post("runs/log-batch", { run_id, params: [{ key: "q", value: "v".repeat(6001) }], tags: [{ key: "w", value: "v".repeat(8001) }] });
    await wire.get("runs/get", { run_id });
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
  "batches are whole or nothing": async (wire) => {
    const run_id = await newRun(wire, "batches");
    const metric = { key: "m", value: 1, timestamp: 1, step: 0 };
    const batch = (more: { [key: string]: Json }, by = wire) => by.post("runs/log-batch", { run_id, ...more });
    await batch({ metrics: [metric, { ...metric, key: "n", value: "NaN" }], params: [{ key: "p", value: "1" }], tags: [{ key: "t", value: "1" }] });
    await batch({ metrics: [metric], params: [{ key: "p", value: "1" }], tags: [{ key: "t", value: "2" }] });
    await batch({});
    await batch({ metrics: [metric, metric, { ...metric, value: 2 }] });
    await batch({ metrics: [{ ...metric, key: "left" }], params: [{ key: "p", value: "other" }], tags: [{ key: "left", value: "1" }] });
    await batch({ metrics: [{ ...metric, key: "left" }], params: [{ key: "a!b", value: "1" }] });
    await batch({
      params: [
        { key: "d", value: "1" },
        { key: "d", value: "1" },
      ],
    });
    await batch({
      params: [
        { key: "d", value: "1" },
        { key: "d", value: "2" },
      ],
    });
    await batch({
      tags: [
        { key: "d", value: "1" },
        { key: "d", value: "2" },
      ],
    });
    await batch({ metrics: [{ key: "x", value: 1, step: 0 }] });
    await batch({ metrics: [{ key: "x", timestamp: 1, step: 0 }] });
    await batch({ metrics: [{ value: 1, timestamp: 1, step: 0 }] });
    await batch({ metrics: [{ key: "nostep", value: 1, timestamp: 1 }] });
    await batch({ metrics: [{ ...metric, timestamp: -1 }] });
    await batch({ params: [{ value: "1" }] });
    await batch({ params: [{ key: "novalue" }] });
    await batch({ tags: [{ value: "1" }] });
    await batch({ tags: [{ key: "novalue" }] });
    await batch({ metrics: "abc" });
    await batch({ params: { a: 1 } });
    await batch({ tags: 5 });
    await wire.post("runs/log-batch", { metrics: [metric] });
    await wire.post("runs/log-batch", { run_id: absentRun, metrics: [metric] });
    await wire.get("runs/get", { run_id });
    await wire.get("metrics/get-history", { run_id, metric_key: "m" });
    await batch({ metrics: [{ ...metric, value: "abc" }] }, wire.unlike(because.wrongType));
    await batch({ metrics: [{ ...metric, timestamp: "abc" }] }, wire.unlike(because.wrongType));
    await batch({ params: [{ key: "p2", value: 5 }] }, wire.unlike(because.wrongType));
    await batch({ tags: [{ key: "t2", value: 5 }] }, wire.unlike(because.wrongType));
  },
  "batches have limits": async (wire) => {
    const run_id = await newRun(wire, "limits of batches");
    const metrics = (count: number): Json => Array.from({ length: count }, (_, i) => ({ key: `m${i % 10}`, value: i, timestamp: i, step: i }));
    const texts = (count: number): Json => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: "v" }));
    await wire.post("runs/log-batch", { run_id, metrics: metrics(1000) });
    await wire.post("runs/log-batch", { run_id, metrics: metrics(1001) });
    await wire.post("runs/log-batch", { run_id, params: texts(100) });
    await wire.post("runs/log-batch", { run_id, params: texts(101) });
    await wire.post("runs/log-batch", { run_id, tags: texts(100) });
    await wire.post("runs/log-batch", { run_id, tags: texts(101) });
    await wire.post("runs/log-batch", { run_id, metrics: metrics(900), params: texts(51), tags: texts(50) });
    await wire.post("runs/log-batch", { run_id, metrics: metrics(900), params: texts(50), tags: texts(50) });
    await wire.post("runs/log-batch", { run_id, params: [{ key: "x".repeat(250), value: "v" }] });
    await wire.post("runs/log-batch", { run_id, params: [{ key: "x".repeat(251), value: "v" }] });
    await wire.post("runs/log-batch", { run_id, metrics: [{ key: "x".repeat(251), value: 1, timestamp: 1, step: 1 }] });
    await wire.post("runs/log-batch", { run_id, tags: [{ key: "x".repeat(251), value: "v" }] });
    const long = Array.from({ length: 100 }, (_, i) => ({ key: `long ${i} ${"x".repeat(200)}`, value: "v".repeat(5500) }));
    await wire.post("runs/log-batch", { run_id, params: long });
    await wire.post("runs/log-batch", {
      run_id,
      params: long.map(({ key }) => ({ key: `${key} tag`, value: "v" })),
      tags: [...long, ...long].slice(0, 100) as Json,
    });
    await wire.post("runs/log-batch", {
      run_id,
      tags: Array.from({ length: 100 }, (_, i) => ({ key: `deep ${i}`, value: "w".repeat(7900) })),
      params: long as Json,
    });
  },
  "histories are read whole and in pages": async (wire) => {
    const run_id = await newRun(wire, "histories");
    const metrics = Array.from({ length: 7 }, (_, i) => ({ key: "m", value: i, timestamp: 100 - i, step: (i * 3) % 7 }));
    await wire.post("runs/log-batch", { run_id, metrics });
    await wire.get("metrics/get-history", { run_id, metric_key: "m" });
    const first = await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results: "3" });
    const second = await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results: "3", page_token: at(first, "next_page_token") });
    await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results: "3", page_token: at(second, "next_page_token") });
    await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results: "7" });
    await wire.unlike(because.wrongType).get("metrics/get-history", { run_id, metric_key: "m", max_results: "abc" });
    for (const max_results of ["0", "-1", "25000", "25001", "1000000"])
      await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results });
    await wire.get("metrics/get-history", { run_id, metric_key: "m", max_results: "3", page_token: "nonsense" });
    await wire.get("metrics/get-history", { run_id, metric_key: "none" });
    await wire.get("metrics/get-history", { run_id });
    await wire.get("metrics/get-history", { metric_key: "m" });
    await wire.get("metrics/get-history", { run_id: absentRun, metric_key: "m" });
    await wire.get("metrics/get-history", { run_uuid: run_id, metric_key: "m" });
  },
  "histories of many runs are read for charts": async (wire) => {
    const experiment_id = await newExperiment(wire, "charts");
    const runs: string[] = [];
    for (let i = 0; i < 3; i++) runs.push(at(await wire.post("runs/create", { experiment_id, run_name: `${i}`, start_time: i }), "run.info.run_id"));
    for (const run_id of runs.slice(0, 2))
      await wire.post("runs/log-batch", { run_id, metrics: Array.from({ length: 30 }, (_, i) => ({ key: "m", value: i, timestamp: i, step: i })) });
    const interval = "metrics/get-history-bulk-interval";
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", start_step: "5", end_step: "9" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", start_step: "5", end_step: "9", max_results: "5" });
    await wire.get(interval, { run_ids: runs.slice(2), metric_key: "m" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "none" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", start_step: "9", end_step: "5" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", start_step: "9" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", max_results: "0" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", max_results: "2501" });
    await wire.get(interval, { run_ids: runs.slice(0, 1), metric_key: "m", max_results: "abc" });
    await wire.get(interval, { metric_key: "m" });
    await wire.get(interval, { run_ids: runs.slice(0, 1) });
    await wire.get(interval, { run_ids: [absentRun], metric_key: "m" });
    await wire.get(interval, { run_ids: Array.from({ length: 101 }, () => runs[0]!), metric_key: "m" });
    const bulk = "/ajax-api/2.0/mlflow/metrics/get-history-bulk";
    await wire.get(bulk, { run_id: runs.slice(0, 1), metric_key: "m" });
    await wire.get(bulk, { run_id: runs.slice(0, 1), metric_key: "m", max_results: "3" });
    await wire.get(bulk, { run_id: runs.slice(0, 1), metric_key: "none" });
    await wire.get(bulk, { metric_key: "m" });
    await wire.get(bulk, { run_id: runs.slice(0, 1) });
    await wire.get(bulk, { run_id: Array.from({ length: 101 }, () => runs[0]!), metric_key: "m" });
    await wire.get(bulk, { run_id: [absentRun], metric_key: "m" });
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
