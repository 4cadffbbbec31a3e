/** What MLflow's REST API does with metrics, params and batches of them, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { absentRun, because, newExperiment, newRun } from "./wire-setup.ts";

export const metricScenarios: Record<string, Scenario> = {
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
  "the greater step is the latest, then the time, then the value": async (wire) => {
    const run_id = await newRun(wire, "latest");
    const points: [string, number, number, Json][] = [
      ["a", 1, 5, 1],
      ["a", 0, 9, 2],
      ["b", 1, 5, 1],
      ["b", 1, 4, 2],
      ["c", 1, 5, 1],
      ["c", 1, 5, 3],
      ["c", 1, 5, 2],
      ["d", 1, 5, 1],
      ["d", 1, 5, "NaN"],
      ["e", 1, 5, "NaN"],
      ["e", 1, 5, 1],
      ["f", -1, 5, 1],
      ["f", -2, 9, 2],
    ];
    for (const [key, step, timestamp, value] of points) await wire.post("runs/log-metric", { run_id, key, step, timestamp, value });
    await wire.get("runs/get", { run_id });
    const batch = await newRun(wire, "latest of a batch");
    await wire.post("runs/log-batch", { run_id: batch, metrics: points.map(([key, step, timestamp, value]) => ({ key, step, timestamp, value })) });
    await wire.get("runs/get", { run_id: batch });
    for (const metric_key of ["c", "d", "f"]) await wire.get("metrics/get-history", { run_id: batch, metric_key });
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
};
