import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExperiment } from "#domains/tracking";
import { recordSpans, type Span, tellTrace } from "#domains/traces";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
let experiment: string;
const beginMs = 1_795_168_800_000;

beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await createExperiment(place.tracking, { name: "measured" })).id;
  for (let i = 0; i < 4; i++) {
    const id = createHash("sha256").update(`measured ${i}`).digest("hex").slice(0, 32);
    await tellTrace(place.tracking, {
      ...{ id, experiment, name: `job ${i % 2}`, status: i === 3 ? "error" : "ok", startedMs: beginMs + i * 3_000, durationMs: 100 * i },
      ...{ session: `s${i % 2}`, tags: { team: i < 2 ? "air" : "sea" } },
      metadata: { "mlflow.trace.tokenUsage": JSON.stringify({ input_tokens: i, total_tokens: 3 * i }) },
      assessments: [i, i > 1, "yes", "other"].map((value, j) => ({
        ...{ id: `a-${i}-${j}`, name: "good", kind: "feedback" as const, value, createdMs: beginMs, updatedMs: beginMs, valid: j !== 2 },
      })),
    });
    const startNs = BigInt(beginMs + i * 3_000) * 1_000_000n;
    const span: Span = {
      ...{ trace: id, id: "00000000000000a1", parent: undefined, name: "ask", kind: "internal", status: "ok", message: "", startNs },
      ...{ endNs: startNs + 5_999_999n, events: [], links: [], resource: {}, scope: { name: "", version: "" } },
      attributes: { "mlflow.spanType": '"LLM"', "mlflow.llm.model": '"m1"', "mlflow.llm.cost": JSON.stringify({ total_cost: 0.5 }) },
    };
    await recordSpans(place.tracking, { experiment, spans: [{ span }] });
  }
});
afterAll(() => place.close());

async function ask(given: object): Promise<{ status: number; body: { data_points?: object[]; message?: string } }> {
  const init = { method: "POST", headers: { "content-type": "application/json" } };
  const body = JSON.stringify({ experiment_ids: [experiment], view_type: "TRACES", ...given });
  const response = await fetch(`${place.address}/api/3.0/mlflow/traces/metrics`, { ...init, body });
  return { status: response.status, body: (await response.json()) as { data_points?: object[]; message?: string } }; // what this API answers
}
const points = async (given: object) => (await ask(given)).body.data_points;
const by = (...kinds: string[]) => ({ aggregations: kinds.map((aggregation_type) => ({ aggregation_type })) });
const point = (metric_name: string, values: object, dimensions?: object) => ({ metric_name, ...(dimensions && { dimensions }), values });

describe("numbers of traces", () => {
  it("are counted, by what they are", async () => {
    const counted = { metric_name: "trace_count", ...by("COUNT") };
    expect(await points(counted)).toEqual([point("trace_count", { COUNT: 4 })]);
    expect(await points({ ...counted, dimensions: ["trace_status"] })).toEqual([
      point("trace_count", { COUNT: 1 }, { trace_status: "ERROR" }),
      point("trace_count", { COUNT: 3 }, { trace_status: "OK" }),
    ]);
    expect(await points({ ...counted, filters: ["trace.tag.team = 'air'", "trace.metadata.`mlflow.trace.session` = 's1'"] })).toEqual([
      point("trace_count", { COUNT: 1 }),
    ]);
    expect(await points({ ...counted, filters: ['trace.tag.team = "air"', 'trace.metadata.`mlflow.trace.session` = "s1"'] })).toEqual([
      point("trace_count", { COUNT: 1 }), // as MLflow's pages ask
    ]);
    expect(await points({ ...counted, filters: ["trace.status = 'NONE'"] })).toEqual([point("trace_count", { COUNT: 0 })]);
    expect(await points({ metric_name: "session_count", ...by("COUNT") })).toEqual([point("session_count", { COUNT: 2 })]);
  });

  it("are grouped by time, which begins with 1970", async () => {
    const range = { start_time_ms: beginMs, end_time_ms: beginMs + 6_000, time_interval_seconds: 5 };
    expect(await points({ metric_name: "trace_count", ...by("COUNT"), ...range })).toEqual([
      point("trace_count", { COUNT: 2 }, { time_bucket: "2026-11-20T10:00:00+00:00" }),
      point("trace_count", { COUNT: 1 }, { time_bucket: "2026-11-20T10:00:05+00:00" }),
    ]);
  });

  it("tell how long they took and what they used", async () => {
    const percentiles = [50, 99.9].map((percentile_value) => ({ aggregation_type: "PERCENTILE", percentile_value }));
    expect(await points({ metric_name: "latency", aggregations: [...by("AVG").aggregations, ...percentiles], dimensions: ["trace_name"] })).toEqual([
      point("latency", { AVG: 100, "P50.0": 100, "P99.9": 199.8 }, { trace_name: "job 0" }),
      point("latency", { AVG: 200, "P50.0": 200, "P99.9": 299.8 }, { trace_name: "job 1" }),
    ]);
    expect(await points({ metric_name: "total_tokens", ...by("SUM", "MAX") })).toEqual([point("total_tokens", { SUM: 18, MAX: 9 })]);
    expect(await points({ metric_name: "output_tokens", ...by("SUM") })).toBeUndefined();
  });
});

it("numbers of spans: how many, how long, at what cost", async () => {
  const spans = { view_type: "SPANS", filters: ["span.type = 'LLM'"] };
  expect(await points({ ...spans, metric_name: "span_count", ...by("COUNT"), dimensions: ["span_type", "span_status"] })).toEqual([
    point("span_count", { COUNT: 4 }, { span_type: "LLM", span_status: "OK" }),
  ]);
  expect(await points({ ...spans, metric_name: "latency", ...by("MAX") })).toEqual([point("latency", { MAX: 5 })]);
  expect(await points({ ...spans, metric_name: "total_cost", ...by("SUM"), dimensions: ["span_model_name"] })).toEqual([
    point("total_cost", { SUM: 2 }, { span_model_name: "m1" }),
  ]);
  expect(await points({ ...spans, metric_name: "total_cost", ...by("SUM"), start_time_ms: beginMs + 9_000 })).toEqual([
    point("total_cost", { SUM: 0.5 }),
  ]);
});

it("numbers of assessments: those that are valid, with true and yes as 1", async () => {
  const assessments = { view_type: "ASSESSMENTS", dimensions: ["assessment_name"] };
  expect(await points({ ...assessments, metric_name: "assessment_count", ...by("COUNT") })).toEqual([
    point("assessment_count", { COUNT: 12 }, { assessment_name: "good" }),
  ]);
  expect(await points({ ...assessments, metric_name: "assessment_value", ...by("AVG", "MAX") })).toEqual([
    point("assessment_value", { AVG: 1, MAX: 3 }, { assessment_name: "good" }),
  ]);
  expect(await points({ view_type: "ASSESSMENTS", metric_name: "assessment_count", ...by("COUNT"), dimensions: ["assessment_value"] })).toEqual([
    point("assessment_count", { COUNT: 4 }, { assessment_value: '"other"' }),
    ...["0.0", "1.0", "2.0", "3.0"].map((value) => point("assessment_count", { COUNT: 1 }, { assessment_value: value })),
    ...["false", "true"].map((value) => point("assessment_count", { COUNT: 2 }, { assessment_value: value })),
  ]);
});

it.each([
  [{ metric_name: "trace_count" }, "Missing value for required parameter 'aggregations'"],
  [{ ...by("COUNT") }, "Missing value for required parameter 'metric_name'"],
  [{ metric_name: "trace_count", ...by("SUM") }, "Found invalid aggregation_type(s): ['SUM']. Supported aggregation types: ['COUNT']"],
  [
    { metric_name: "latency", ...by("AVG"), dimensions: ["span_name"] },
    "Found invalid dimension(s): ['span_name']. Supported dimensions: ['trace_name']",
  ],
  [{ metric_name: "latency", ...by("PERCENTILE") }, "Percentile value is required for PERCENTILE aggregation"],
  [{ metric_name: "trace_count", ...by("COUNT"), time_interval_seconds: 5 }, "start_time_ms and end_time_ms are required"],
  [{ metric_name: "trace_count", ...by("COUNT"), filters: ["trace.status != 'OK'"] }, "only '=' operator is supported"],
  [
    { metric_name: "trace_count", ...by("COUNT"), filters: ["span.name = 'a'"] },
    "Filtering by span is only supported for SPANS view type, got TRACES",
  ],
])("refuses %j", async (given, message) => {
  const { status, body } = await ask(given);
  expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
});
