/** What MLflow's REST API does with logged models, as scenarios whose answers are compared. */
import { at, type Json, type Scenario, type Wire } from "./wire.ts";
import { because, newExperiment } from "./wire-setup.ts";

async function newLogged(wire: Wire, given: { [key: string]: Json }): Promise<string> {
  return at(await wire.post("logged-models", given), "model.info.model_id");
}

export const loggedModelScenarios: Record<string, Scenario> = {
  "logged models are made, finished and deleted": async (wire) => {
    const experiment_id = await newExperiment(wire, "logged");
    const source_run_id = at(await wire.post("runs/create", { experiment_id, run_name: "r", start_time: 1 }), "run.info.run_id");
    const model_id = await newLogged(wire, {
      experiment_id,
      name: "model",
      source_run_id,
      model_type: "agent",
      params: [{ key: "p", value: "1" }],
      tags: [{ key: "t", value: "2" }],
    });
    await wire.get(`logged-models/${model_id}`);
    await wire.patch(`logged-models/${model_id}`, { model_id, status: "LOGGED_MODEL_READY" });
    await wire.get(`logged-models/${model_id}`);
    await wire.patch(`logged-models/${model_id}`, { model_id, status: "LOGGED_MODEL_UPLOAD_FAILED" });
    await wire.patch(`logged-models/${model_id}`, { model_id });
    await wire.get("logged-models/m-" + "0".repeat(32));
    await wire.patch("logged-models/m-" + "0".repeat(32), { model_id: "m-" + "0".repeat(32), status: "LOGGED_MODEL_READY" });
    await wire.delete(`logged-models/${model_id}`);
    await wire.delete(`logged-models/${model_id}`);
    await wire.get(`logged-models/${model_id}`);
    await wire.get(`logged-models/${model_id}`, { allow_deleted: "true" });
    await wire.post("logged-models/search", { experiment_ids: [experiment_id] });
    await newLogged(wire, { experiment_id });
    await newLogged(wire, {});
    await newLogged(wire, { experiment_id: "123456", name: "x" });
    await newLogged(wire, { experiment_id, name: "x", source_run_id: "0".repeat(32) });
    for (const name of ["", "a b", "ü", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "x".repeat(500), 5] as Json[])
      await newLogged(wire, { experiment_id, name });
    await newLogged(wire, {
      experiment_id,
      name: "n",
      params: [{ key: "p", value: "v".repeat(6000) }],
      tags: [{ key: "t", value: "v".repeat(8000) }],
    });
    await newLogged(wire, { experiment_id, name: "n", params: [{ key: "p!", value: "v" }] });
    await newLogged(wire, { experiment_id, name: "n", tags: [{ key: "t!", value: "v" }] });
    await newLogged(wire, { experiment_id, name: "n", params: [{ key: "x".repeat(250), value: "v" }], tags: [{ key: "x".repeat(250), value: "v" }] });
    const long = [{ key: "x".repeat(251), value: "v" }];
    await newLogged(wire.unlike("keys have at most 250 characters, whatever the database"), { experiment_id, name: "n", params: long });
    await newLogged(wire.unlike("keys have at most 250 characters, whatever the database"), { experiment_id, name: "n", tags: long });
    await newLogged(wire, { experiment_id, name: "n", params: [{ key: "p", value: "v".repeat(6001) }] });
    await newLogged(wire, { experiment_id, name: "n", tags: [{ key: "t", value: "v".repeat(8001) }] });
    await newLogged(wire.unlike(because.sqlText), {
      experiment_id,
      name: "n",
      params: [
        { key: "p", value: "1" },
        { key: "p", value: "2" },
      ],
    });
  },
  "logged models have tags and params": async (wire) => {
    const experiment_id = await newExperiment(wire, "logged tags");
    const model_id = await newLogged(wire, { experiment_id, name: "model" });
    const tags = (given: Json) => wire.patch(`logged-models/${model_id}/tags`, { model_id, tags: given });
    await tags([
      { key: "a", value: "1" },
      { key: "b", value: "" },
    ]);
    await tags([{ key: "a", value: "2" }]);
    await tags([{ key: "a!b", value: "2" }]);
    await tags([]);
    await wire.delete(`logged-models/${model_id}/tags/a`);
    await wire.delete(`logged-models/${model_id}/tags/a`);
    await wire.get(`logged-models/${model_id}`);
    const params = (given: Json) => wire.post(`logged-models/${model_id}/params`, { model_id, params: given });
    await params([{ key: "p", value: "1" }]);
    await params([{ key: "q", value: "1" }]);
    await params([{ key: "p!", value: "1" }]);
    await params([]);
    await wire.get(`logged-models/${model_id}`);
    await wire.patch("logged-models/m-none/tags", { tags: [{ key: "a", value: "1" }] });
    await wire.delete("logged-models/m-none/tags/a");
    await wire.post("logged-models/m-none/params", { model_id: "m-none", params: [{ key: "a", value: "1" }] });
    const inPath = wire.unlike("the id in the path is enough");
    await inPath.post(`logged-models/${model_id}/params`, { params: [{ key: "r", value: "1" }] });
    await inPath.patch(`logged-models/${model_id}`, { status: "LOGGED_MODEL_READY" });
  },
  "metrics are linked to logged models": async (wire) => {
    const experiment_id = await newExperiment(wire, "logged metrics");
    const run_id = at(await wire.post("runs/create", { experiment_id, run_name: "r", start_time: 1 }), "run.info.run_id");
    const model_id = await newLogged(wire, { experiment_id, name: "model", source_run_id: run_id });
    await wire.post("runs/log-inputs", { run_id, datasets: [{ dataset: { name: "d", digest: "1", source_type: "s", source: "{}" } }] });
    await wire.post("runs/log-metric", { run_id, key: "m", value: 1, timestamp: 10, step: 0 });
    await wire.post("runs/log-metric", { run_id, key: "m", value: 1, timestamp: 10, step: 0, model_id });
    await wire.post("runs/log-metric", { run_id, key: "m", value: 2, timestamp: 11, step: 1, model_id, dataset_name: "d", dataset_digest: "1" });
    await wire.post("runs/log-batch", {
      run_id,
      metrics: [
        { key: "n", value: 4, timestamp: 12, step: 0, model_id },
        { key: "o", value: 3, timestamp: 12, step: 0 },
      ],
    });
    await wire.get(`logged-models/${model_id}`);
    await wire.get("runs/get", { run_id });
    await wire.get("metrics/get-history", { run_id, metric_key: "m" });
    await wire.post("runs/log-metric", { run_id, key: "p", value: 2, timestamp: 11, step: 1, dataset_name: "d", dataset_digest: "1" });
    await wire.get("metrics/get-history", { run_id, metric_key: "p" });
    await wire.post("runs/log-metric", { run_id, key: "q", value: "NaN", timestamp: 11, step: 1, model_id });
    await wire.unlike("MLflow tells a logged model's NaN as 0").get(`logged-models/${model_id}`);
  },
  "logged models are searched": async (wire) => {
    const experiment_id = await newExperiment(wire, "logged search");
    const run_id = at(await wire.post("runs/create", { experiment_id, run_name: "r", start_time: 1 }), "run.info.run_id");
    await wire.post("runs/log-inputs", { run_id, datasets: [{ dataset: { name: "d", digest: "1", source_type: "s", source: "{}" } }] });
    for (let i = 0; i < 4; i++) {
      const model_id = await newLogged(wire, {
        experiment_id,
        name: i === 3 ? "other" : `model ${i}`,
        source_run_id: run_id,
        params: [{ key: "p", value: `${i}` }],
        tags: [{ key: "t", value: `${i % 2}` }],
      });
      if (i < 3)
        await wire.post("runs/log-metric", {
          run_id,
          key: "auc",
          value: i / 4,
          timestamp: i + 1,
          step: 0,
          model_id,
          ...(i > 0 && { dataset_name: "d", dataset_digest: "1" }),
        });
    }
    const order_by = [{ field_name: "name", ascending: true }];
    const search = (given: { [key: string]: Json }, by = wire) =>
      by.post("logged-models/search", { experiment_ids: [experiment_id], order_by, ...given });
    await search({});
    const first = await search({ max_results: 3 });
    await search({ max_results: 3, page_token: at(first, "next_page_token") });
    await search({ filter: "name = 'other'" });
    await search({ filter: "name LIKE 'model%' AND params.p != '1'" });
    await search({ filter: "tags.t = '1'" });
    await search({ filter: "metrics.auc > 0.2" });
    await search({ filter: `source_run_id = '${run_id}'` });
    await search({ filter: "status = 'PENDING'" });
    await search({ filter: "name IN ('other', 'model 1')" });
    await search({ order_by: [{ field_name: "metrics.auc", ascending: false }] });
    await search({ order_by: [{ field_name: "metrics.auc" }, { field_name: "name", ascending: false }] });
    await search({ order_by: [{ field_name: "metrics.auc", ascending: true, dataset_name: "d" }] });
    await search({ order_by: [{ field_name: "metrics.auc", ascending: true, dataset_name: "d", dataset_digest: "2" }] });
    await search({ order_by: [{ field_name: "metrics.auc", dataset_digest: "2" }] });
    await search({ order_by: [{ field_name: "creation_time", ascending: true }] });
    await search({ order_by: [{ field_name: "params.p" }] });
    await search({ order_by: [{ field_name: "wrong" }] }, wire.unlike("MLflow has an error class of its own for this"));
    await search({ order_by: [{}] }, wire.unlike("MLflow has an error class of its own for this"));
    await search({ datasets: [{ dataset_name: "d" }] }, wire.unlike("MLflow finds nothing by a dataset's name without its digest"));
    await search({ datasets: [{ dataset_name: "d", dataset_digest: "1" }] });
    await search({ datasets: [{ dataset_name: "d", dataset_digest: "1" }], filter: "metrics.auc > 0.3" });
    await search({ datasets: [{ dataset_name: "e" }] });
    await search({ datasets: [{ dataset_digest: "1" }] });
    await search({ filter: "wrong = 'x'" }, wire.unlike(because.crash));
    await search({ filter: "name > 'x'" });
    await search({ filter: "metrics.auc = 'x'" }, wire.unlike(because.crash));
    for (const max_results of [0, -1]) await search({ max_results }, wire.unlike(because.nothing));
    for (const max_results of [50, 51, 100, 101, 1000]) await search({ max_results });
    await search({ page_token: "nonsense" }, wire.unlike(because.crash));
    await search({ experiment_ids: [] });
    await search({ experiment_ids: ["123456"] });
    await search({ experiment_ids: "x" });
    await wire.post("logged-models/search", {});
  },
};
