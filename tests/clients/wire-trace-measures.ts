/** What MLflow tells of many traces in numbers, as scenarios whose answers are compared. */
import { type Json, type Scenario } from "./wire.ts";
import { because } from "./wire-setup.ts";
import { idOf, some, start, traces } from "./wire-trace-setup.ts";

const percentile = (percentile_value: number): Json => ({ aggregation_type: "PERCENTILE", percentile_value });

const measureFilters = [
  "trace.status = 'OK'",
  "trace.status = 'NOTHING'",
  "trace.tag.number = '3'",
  'trace.tag.number = "3"',
  'span.name = "tool"',
  "trace.tag.`mlflow.traceName` = 'job 1'",
  "trace.metadata.own = 'x'",
  "trace.metadata.`mlflow.trace.session` = 's1'",
  "trace.metadata.`mlflow.trace.user` = 'ann'",
  "span.name = 'tool'",
  "span.status = 'UNSET'",
  "span.type = 'TOOL'",
  "assessment.name = 'said 1'",
  "assessment.type = 'expectation'",
  "trace.status != 'OK'",
  "trace.status = 3",
  "trace.status.more = 'OK'",
  "trace.tag = 'x'",
  "trace.nothing = 'x'",
  "nothing.name = 'x'",
  "status = 'OK'",
  "trace.status = 'OK' AND trace.tag.number = '3'",
  "",
];

export const measureScenarios: Record<string, Scenario> = {
  "traces are measured": async (wire) => {
    const experiment = await some(wire, "traces are measured");
    for (let i = 0; i < 5; i++) {
      const assessments = `${traces}/${idOf(`traces are measured ${i}`)}/assessments`;
      const source = { source_type: "HUMAN", source_id: "ann" };
      for (const value of [i, i > 2, "yes", "no", "other", null, [i, "a"]])
        await wire.post(assessments, { assessment: { assessment_name: `said ${i % 2}`, source, feedback: { value } } });
      await wire.post(assessments, { assessment: { assessment_name: "expected", source, expectation: { value: i / 2 } } });
      await start(wire, experiment, idOf(`counted ${i}`), {
        tags: { "mlflow.traceName": "counted" },
        trace_metadata: { "mlflow.trace.tokenUsage": JSON.stringify({ input_tokens: i, output_tokens: 2 * i, total_tokens: 3 * i }) },
      });
    }
    const ask = (given: { [key: string]: Json }, by = wire) => by.post(`${traces}/metrics`, { experiment_ids: [experiment], ...given });
    const all = [...["AVG", "MIN", "MAX"].map((aggregation_type): Json => ({ aggregation_type })), ...[0, 25, 50, 99.9].map(percentile)];
    const count = [{ aggregation_type: "COUNT" }];
    const within = { start_time_ms: 1_795_168_801_000, end_time_ms: 1_795_168_803_000 };
    const counted = { view_type: "TRACES", metric_name: "trace_count", aggregations: count };
    for (const dimensions of [[], ["trace_name"], ["trace_status"], ["trace_status", "trace_name"]]) await ask({ ...counted, dimensions });
    await ask({ ...counted, ...within });
    await ask({ ...counted, ...within, time_interval_seconds: 2, dimensions: ["trace_name"] });
    await ask({ ...counted, dimensions: ["trace_name"], max_results: 1 });
    await ask({ ...counted, metric_name: "session_count" });
    for (const metric_name of ["latency", "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens"])
      await ask({ view_type: "TRACES", metric_name, aggregations: all, dimensions: ["trace_name"] });
    await ask({ view_type: "TRACES", metric_name: "total_tokens", aggregations: [{ aggregation_type: "SUM" }] });
    for (const dimensions of [[], ["span_name"], ["span_type", "span_status"], ["span_model_name"]])
      await ask({ view_type: "SPANS", metric_name: "span_count", aggregations: count, dimensions });
    await ask({ view_type: "SPANS", metric_name: "span_count", aggregations: count, ...within, time_interval_seconds: 1 });
    await ask({ view_type: "SPANS", metric_name: "latency", aggregations: all, dimensions: ["span_name"] });
    await ask({ view_type: "SPANS", metric_name: "total_cost", aggregations: [{ aggregation_type: "SUM" }], dimensions: ["span_model_name"] });
    for (const dimensions of [[], ["assessment_name"], ["assessment_value"], ["assessment_name", "assessment_value"]])
      await ask({ view_type: "ASSESSMENTS", metric_name: "assessment_count", aggregations: count, dimensions });
    await ask({ view_type: "ASSESSMENTS", metric_name: "assessment_value", aggregations: all, dimensions: ["assessment_name"] });
    for (const filter of measureFilters) {
      await ask({ ...counted, filters: [filter] });
      await ask({ view_type: "SPANS", metric_name: "span_count", aggregations: count, filters: [filter] });
      await ask({ view_type: "ASSESSMENTS", metric_name: "assessment_count", aggregations: count, filters: [filter] });
    }
    await ask({ ...counted, filters: ["trace.status = 'OK'", "trace.tag.number = '3'"] });
    await ask({ ...counted, time_interval_seconds: 5 });
    await ask({ ...counted, aggregations: [{ aggregation_type: "SUM" }] });
    await ask({ ...counted, metric_name: "nothing" });
    await ask({ ...counted, dimensions: ["span_name"] });
    await ask({ ...counted, experiment_ids: [] });
    for (const missing of ["view_type", "metric_name", "aggregations"]) await ask({ ...counted, [missing]: null });
    await ask({ ...counted, aggregations: [percentile(101)] }, wire.unlike(because.page));
    await ask({ ...counted, view_type: "NOTHING" }, wire.unlike("a view that is not there is refused"));
  },
  "two filters of traces are compared": async (wire) => {
    const experiment = await some(wire, "two filters of traces are compared");
    const compare = (filter_string1: Json, filter_string2: Json, base_filter?: string) =>
      wire.post(`${traces}/calculate-filter-correlation`, {
        ...{ experiment_ids: [experiment], filter_string1, filter_string2 },
        ...(base_filter !== undefined && { base_filter }),
      });
    await compare("name = 'job 1'", "tag.number = '9'");
    await compare("name LIKE 'job%'", "status != 'UNKNOWN'");
    await compare("name = 'job 1'", "name = 'job 1'", "name = 'job 1'");
    await compare("nothing.name = 'job 1'", "name = 'job 1'");
    await compare("", "name = 'job 1'");
    await compare(3, "name = 'job 1'");
    await compare("name = 'job 1'", null);
    await wire.post(`${traces}/calculate-filter-correlation`, { filter_string1: "name = 'a'", filter_string2: "name = 'b'" });
  },
};
