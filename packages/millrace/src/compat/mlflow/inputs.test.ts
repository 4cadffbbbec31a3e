import { expect, it } from "vitest";
import { openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

it("tells the tags of a run's dataset by their keys, its context among them", async () => {
  const place = await openMlflowPlace();
  try {
    const ask = async (path: string, body?: object) => {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
      return (await (await fetch(`${place.address}/api/2.0/mlflow/${path}`, init)).json()) as { [key: string]: never }; // looked into below
    };
    const { experiment_id } = await ask("experiments/create", { name: "inputs" });
    const run_id = (await ask("runs/create", { experiment_id }))["run"]!["info"]["run_id"] as string;
    const tags = ["z", "mlflow.data.context", "a"].map((key) => ({ key, value: `of ${key}` }));
    const dataset = { name: "rows", digest: "d", source_type: "local", source: "{}" };
    await ask("runs/log-inputs", { run_id, datasets: [{ dataset, tags }] });
    const { dataset_inputs } = (await ask(`runs/get?run_id=${run_id}`))["run"]!["inputs"] as { dataset_inputs: object[] };
    expect(dataset_inputs).toEqual([{ dataset, tags: [tags[2], tags[1], tags[0]] }]);
  } finally {
    await place.close();
  }
});
