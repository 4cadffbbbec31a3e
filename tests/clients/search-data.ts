/** The same experiments, runs, models, versions and logged models for every server that is searched. */
import { at, type Json } from "./wire.ts";

/** A caller of a server's REST API. */
export interface Caller {
  post(path: string, body: Json): Promise<Json>;
  get(path: string, query: Record<string, string | string[]>): Promise<Json>;
}

export interface SearchData {
  /** Experiments that hold the runs and logged models, by their ids on this server. */
  experiments: string[];
  /** Runs' ids on this server, by their names. */
  runs: Map<string, string>;
}

const runCount = 24;
const modelNames = ["forest", "Forest", "tree_1", "tree-2", "tree%3", "linear model", "ünïcode", "net"].filter((name) => !name.includes("%"));

/** Loads everything, one thing after another: what is ordered by the time of its making has one order. */
export async function loadSearchData({ post }: Caller): Promise<SearchData> {
  const experiments: string[] = [];
  for (const [i, name] of ["search/first", "search/Second", "search_third", "100% sure", "plain"].entries()) {
    const tags = [{ key: "team", value: ["air", "Air", "sea", "", "air"][i]! }, ...(i % 2 === 0 ? [{ key: "even key", value: `${i}` }] : [])];
    experiments.push(at(await post("experiments/create", { name, tags }), "experiment_id"));
    await nextMillisecond();
  }
  const runs = await loadRuns(post, experiments);
  await loadModels(post);
  await loadLoggedModels(post, experiments, runs);
  return { experiments, runs };
}

async function loadRuns(post: Caller["post"], experiments: string[]): Promise<Map<string, string>> {
  const runs = new Map<string, string>();
  const models = ["tree", "Tree", "forest", "linear", "100%", "a_b", "axb", "it's", "ünïcode", "", "5", "10"];
  const statuses = ["FINISHED", "FAILED", "KILLED", undefined];
  for (let i = 0; i < runCount; i++) {
    const name = i % 7 === 0 ? `Run ${i}` : `run_${i}`;
    const user_id = ["ann", "Bob", "cid"][i % 3]!;
    const made = await post("runs/create", { experiment_id: experiments[i % 3 === 2 ? 1 : 0]!, run_name: name, start_time: 1_000 + i * 10, user_id });
    const run_id = at(made, "run.info.run_id");
    runs.set(name, run_id);
    const metric = (key: string, value: Json, step = 0) => ({ key, value, timestamp: 1_000 + i, step });
    const metrics = [
      ...(i % 5 === 4 ? [] : [metric("acc", ((i * 37) % 100) / 100), metric("acc", ((i * 17) % 100) / 100, 1)]),
      ...(i % 2 === 0 ? [metric("val loss", i % 4 === 0 ? -i : i / 3)] : []),
      ...(i % 6 === 1 ? [metric("odd.name/x", ["Infinity", "-Infinity", 1e-9][i % 3]!)] : []),
      metric("rank", i % 4),
    ];
    const params = [{ key: "model", value: models[i % models.length]! }, ...(i % 3 === 0 ? [{ key: "a b", value: `${i}` }] : [])];
    const tags = [
      { key: "group", value: ["x", "X", "y"][i % 3]! },
      ...(i % 4 === 0 ? [{ key: "mlflow.source.name", value: "train.py" }] : []),
      ...(i % 5 === 0 ? [{ key: "note: a", value: 'quo"te' }] : []),
    ];
    await post("runs/log-batch", { run_id, metrics, params, tags });
    if (i % 4 === 1) {
      const dataset = { name: i % 8 === 1 ? "wine" : "Wine", digest: `d${i % 3}`, source_type: "s", source: "{}" };
      await post("runs/log-inputs", {
        run_id,
        datasets: [{ dataset, tags: [{ key: "mlflow.data.context", value: i % 3 === 0 ? "train" : "eval" }] }],
      });
    }
    const status = statuses[i % statuses.length];
    if (status !== undefined) await post("runs/update", { run_id, status, end_time: 5_000 - i * 3 });
    if (i % 11 === 10) await post("runs/delete", { run_id });
  }
  return runs;
}

async function loadModels(post: Caller["post"]): Promise<void> {
  for (const [i, name] of modelNames.entries()) {
    const tags = i % 2 === 0 ? [{ key: "stage", value: ["a", "A", "b"][i % 3]! }] : [];
    await post("registered-models/create", { name, tags });
    await nextMillisecond();
  }
  for (let i = 0; i < 16; i++) {
    const tags = i % 3 === 0 ? [{ key: "gate", value: i % 2 === 0 ? "passed" : "Passed" }] : [];
    await post("model-versions/create", { name: modelNames[(i * i) % modelNames.length]!, source: `s3://bucket/${i % 4}`, tags });
    await nextMillisecond();
  }
}

async function loadLoggedModels(post: Caller["post"], experiments: string[], runs: Map<string, string>): Promise<void> {
  const ids = [...runs.values()];
  for (let i = 0; i < 14; i++) {
    const source_run_id = ids[i % 5]!;
    const made = await post("logged-models", {
      experiment_id: experiments[i % 2]!,
      name: `logged ${String.fromCharCode(97 + ((i * 5) % 14))}`,
      source_run_id,
      model_type: ["agent", "classifier", ""][i % 3]!,
      params: [{ key: "depth", value: `${i % 4}` }],
      tags: i % 2 === 0 ? [{ key: "team", value: i % 4 === 0 ? "air" : "Air" }] : [],
    });
    const model_id = at(made, "model.info.model_id");
    await nextMillisecond();
    if (i % 4 === 3) continue;
    const point = {
      key: "auc",
      value: ((i * 29) % 50) / 50,
      timestamp: 100 + i,
      step: 0,
      model_id,
      dataset_name: i % 3 === 0 ? "wine" : "beer",
      dataset_digest: "1",
    };
    await post("runs/log-batch", { run_id: ids[i % 5]!, metrics: [point, { ...point, key: "f1", value: i % 3 }] });
  }
}

async function nextMillisecond(): Promise<void> {
  for (const now = Date.now(); Date.now() <= now;) await new Promise((resolve) => void setImmediate(resolve));
}
