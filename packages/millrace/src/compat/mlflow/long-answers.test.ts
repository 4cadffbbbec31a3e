import { afterAll, beforeAll, expect, it } from "vitest";
import { logBatch, logMetrics, startRun } from "#domains/tracking";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

const runs = 250;
const points = 30_000;
const params = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`param ${i}`, `größer ${i} `.repeat(10)]));

let place: MlflowPlace;
let run: string;

beforeAll(async () => {
  place = await openMlflowPlace();
  await ask("POST", "runs/search", { experiment_ids: ["0"] }); // makes the experiment that a new MLflow has
  for (let i = 0; i < runs; i++) {
    run = (await startRun(place.tracking, { experiment: "0", name: `run ${i}`, startedMs: i })).id;
    await logBatch(place.tracking, { run, params, metrics: [{ key: "loss", value: i / 7, step: i }] });
  }
  for (let first = 0; first < points; first += 10_000)
    await logMetrics(place.tracking, {
      run,
      metrics: Array.from({ length: 10_000 }, (_, i) => ({ key: "long", value: (first + i) / 3, step: first + i, timeMs: 5 })),
    });
}, 60_000);
afterAll(() => place.close());

async function ask(method: "GET" | "POST", path: string, body?: object): Promise<{ headers: Headers; answer: Record<string, unknown> }> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${place.address}/api/2.0/mlflow/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  expect(response.status).toBe(200);
  return { headers: response.headers, answer: (await response.json()) as Record<string, unknown> }; // an object always
}

it("a page of many runs comes in pieces, with every run in order", async () => {
  const { headers, answer } = await ask("POST", "runs/search", { experiment_ids: ["0"], max_results: runs - 1 });
  expect(headers.get("transfer-encoding")).toBe("chunked");
  const found = answer["runs"] as { info: { run_name: string }; data: { params: object[]; metrics: { value: number }[] } }[]; // as MLflow says it
  expect(found.map(({ info }) => info.run_name)).toEqual(Array.from({ length: runs - 1 }, (_, i) => `run ${runs - 1 - i}`));
  expect(found[9]!.data.params).toEqual(Object.entries(params).map(([key, value]) => ({ key, value })));
  expect(found[9]!.data.metrics[0]!.value).toBe((runs - 10) / 7);
  const next = await ask("POST", "runs/search", { experiment_ids: ["0"], page_token: answer["next_page_token"] });
  expect((next.answer["runs"] as unknown[]).length).toBe(1);
  expect(next.headers.get("content-length")).not.toBeNull();
});

it("a whole history comes in pieces, with every point in order", async () => {
  const { headers, answer } = await ask("GET", `metrics/get-history?run_id=${run}&metric_key=long`);
  expect(headers.get("transfer-encoding")).toBe("chunked");
  expect(answer["metrics"]).toEqual(Array.from({ length: points }, (_, i) => ({ key: "long", value: i / 3, timestamp: 5, step: i })));
  const page = await ask("GET", `metrics/get-history?run_id=${run}&metric_key=long&max_results=20000`);
  const rest = await ask("GET", `metrics/get-history?run_id=${run}&metric_key=long&page_token=${String(page.answer["next_page_token"])}`);
  expect([...(page.answer["metrics"] as object[]), ...(rest.answer["metrics"] as object[])]).toEqual(answer["metrics"]);
});
