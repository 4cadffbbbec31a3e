import { type Assessment, type Attributes, plainValue, type Span, type Trace } from "#domains/traces";
import type { AggregationKind } from "./aggregate.ts";
import { cut } from "./limits.ts";
import { withConventions } from "./trace-conventions.ts";
import { states } from "./trace-wire.ts";

/** What traces are measured by (mlflow/store/tracking/utils/sql_trace_metrics_utils.py): their own facts, their spans, or what was said of them. */
export const views = ["TRACES", "SPANS", "ASSESSMENTS"] as const;
export type View = (typeof views)[number];

interface Measure {
  aggregations: readonly AggregationKind[];
  dimensions: readonly string[];
}
const counted = ["COUNT"] as const;
const spread = ["AVG", "MIN", "MAX", "PERCENTILE"] as const;
const summed = ["SUM", ...spread] as const;
const tokens: Measure = { aggregations: summed, dimensions: ["trace_name"] };
const cost: Measure = { aggregations: summed, dimensions: ["span_model_name", "span_model_provider"] };

export const measures: Record<View, Record<string, Measure>> = {
  TRACES: {
    trace_count: { aggregations: counted, dimensions: ["trace_name", "trace_status"] },
    session_count: { aggregations: counted, dimensions: [] },
    latency: { aggregations: spread, dimensions: ["trace_name"] },
    ...{ input_tokens: tokens, output_tokens: tokens, total_tokens: tokens },
    ...{ cache_read_input_tokens: tokens, cache_creation_input_tokens: tokens },
  },
  SPANS: {
    span_count: { aggregations: counted, dimensions: ["span_name", "span_type", "span_status", "span_model_name", "span_model_provider"] },
    latency: { aggregations: spread, dimensions: ["span_name", "span_status"] },
    ...{ input_cost: cost, output_cost: cost, total_cost: cost },
  },
  ASSESSMENTS: {
    assessment_count: { aggregations: counted, dimensions: ["assessment_name", "assessment_value"] },
    assessment_value: { aggregations: spread, dimensions: ["assessment_name"] },
  },
};

/** One thing that is measured. */
export interface Fact {
  /** When it happened, for what it is grouped by. */
  timeMs: number;
  /** The time that has to be within the range asked for: spans are counted with their traces, and cost when they begin. */
  rangeMs: number;
  /** Undefined where the thing has none: it does not count then. A text where distinct ones are counted. */
  value: number | string | undefined;
  dimension(name: string): string | undefined;
  /** Of which it is asked in filters. */
  span?: Span;
  assessment?: Assessment;
}

export function factsOf(view: View, metric: string, trace: Trace, spans: Span[]): Fact[] {
  if (view === "TRACES") return [traceFact(metric, trace)];
  if (view === "SPANS") return spans.map((span) => spanFact(metric, trace, span));
  return trace.assessments.filter(({ valid }) => valid).map((assessment) => assessmentFact(metric, trace, assessment));
}

function traceFact(metric: string, trace: Trace): Fact {
  const time = { timeMs: trace.startedMs, rangeMs: trace.startedMs };
  const dimension = (name: string) => (name === "trace_name" ? trace.name : states[trace.status]);
  if (metric === "trace_count") return { ...time, value: 1, dimension };
  if (metric === "session_count") return { ...time, value: trace.session, dimension };
  return { ...time, value: metric === "latency" ? trace.durationMs : numberIn(parsed(trace.metadata[usageKey]), metric), dimension };
}
const usageKey = "mlflow.trace.tokenUsage";

function spanFact(metric: string, trace: Trace, span: Span): Fact {
  const startMs = Number(span.startNs / 1_000_000n);
  const attributes = withConventions(span.attributes);
  const dimension = (name: string): string | undefined => {
    if (name === "span_name") return span.name;
    if (name === "span_type") return spanType(span);
    if (name === "span_status") return span.status.toUpperCase();
    return nameIn(attributes, name === "span_model_name" ? "mlflow.llm.model" : "mlflow.llm.provider");
  };
  const ended = span.endNs === undefined ? undefined : Number((span.endNs - span.startNs) / 1_000_000n);
  if (metric === "span_count") return { timeMs: startMs, rangeMs: trace.startedMs, value: 1, dimension, span };
  if (metric === "latency") return { timeMs: startMs, rangeMs: trace.startedMs, value: ended, dimension, span };
  return { timeMs: startMs, rangeMs: startMs, value: numberIn(plainValue(attributes["mlflow.llm.cost"] ?? null), metric), dimension, span };
}

/** MLflow's type of a span, such as LLM or TOOL. */
export function spanType({ attributes }: Span): string {
  return nameIn(withConventions(attributes), "mlflow.spanType") ?? "UNKNOWN";
}

function assessmentFact(metric: string, { startedMs }: Trace, assessment: Assessment): Fact {
  const dimension = (name: string) => (name === "assessment_name" ? assessment.name : pythonJson(assessment.value ?? null));
  const value = metric === "assessment_count" ? 1 : score(assessment.value);
  return { timeMs: startedMs, rangeMs: startedMs, value, dimension, assessment };
}

/** What was said as a number: yes and no, and true and false, are 1 and 0. */
function score(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (value === true || value === "yes") return 1;
  return value === false || value === "no" ? 0 : undefined;
}

/** JSON as Python writes it, where every number that came over the wire is a double. */
function pythonJson(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, each]) => `${JSON.stringify(key)}: ${pythonJson(each)}`)
    .join(", ")}}`;
}

function nameIn(attributes: Attributes, key: string): string | undefined {
  const name = attributes[key];
  return typeof name === "string" ? cut(name, 500) : undefined;
}

function numberIn(value: unknown, key: string): number | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const number = (value as Record<string, unknown>)[key];
  return typeof number === "number" ? number : undefined;
}

function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json);
  } catch {
    return undefined; // what a client wrote there
  }
}
