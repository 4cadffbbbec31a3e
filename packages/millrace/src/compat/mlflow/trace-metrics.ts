import { type TraceCondition, walkTraces } from "#domains/traces";
import { aggregate, type Aggregation, type AggregationKind, aggregations as kinds, createGroups } from "./aggregate.ts";
import { endpoint, type Handler } from "./endpoint.ts";
import { comparisonsOf, unquoted } from "./filter.ts";
import { pythonText, quotedText } from "./filter-tokens.ts";
import { invalid } from "./protocol.ts";
import { type Fields, integer, missing, needText, objects, texts } from "./request.ts";
import { type Fact, factsOf, measures, spanType, type View, views } from "./trace-measures.ts";
import { nameTag, runKey, sessionKey, states, userKey } from "./trace-wire.ts";

const pointsAtMost = 1_000;

/** Numbers of traces, spans or assessments over time and by what they are. */
const query: Handler = async ({ tracking }, fields) => {
  if (fields["experiment_ids"] === undefined || fields["experiment_ids"] === null) throw missing("experiment_ids");
  const experiments = texts(fields, "experiment_ids");
  const asked = readQuery(fields);
  const { view, metric, intervalMs, startMs, endMs, dimensions, filters } = asked;
  const groups = createGroups();
  const seen = new Set<string>();
  for await (const { trace, spans } of walkTraces(tracking, { experiments, conditions: filters.conditions, spans: view === "SPANS" })) {
    for (const fact of factsOf(view, metric, trace, spans)) {
      if (fact.value === undefined || fact.rangeMs < startMs || fact.rangeMs > endMs || !filters.holds(fact)) continue;
      const of = dimensions.map((name) => fact.dimension(name));
      if (of.includes(undefined)) continue;
      const keys = [...(intervalMs === undefined ? [] : [Math.floor(fact.timeMs / intervalMs) * intervalMs]), ...of] as (string | number)[]; // just asked
      if (typeof fact.value === "string") {
        const distinct = JSON.stringify([...keys, fact.value]);
        if (seen.has(distinct)) continue;
        seen.add(distinct);
      }
      groups.add(keys, typeof fact.value === "string" ? 1 : fact.value);
    }
  }
  return answerOf(asked, groups.list());
};

export const traceMetricRoutes = endpoint("POST", "traces/metrics", "project:read", query, "3.0");

interface Query {
  view: View;
  metric: string;
  aggregations: Aggregation[];
  dimensions: string[];
  filters: Filters;
  intervalMs: number | undefined;
  startMs: number;
  endMs: number;
  limit: number;
}

function readQuery(fields: Fields): Query {
  const view = readOne(fields, "view_type", views);
  const metric = needText(fields, "metric_name");
  const aggregations = objects(fields, "aggregations").map(readAggregation);
  if (aggregations.length === 0) throw missing("aggregations");
  const known = measures[view];
  if (!Object.hasOwn(known, metric)) throw invalid(`metric_name must be one of ${list(Object.keys(known))}, got '${metric}'`);
  const measure = known[metric]!; // just asked
  const wrong = aggregations.map(({ kind }) => kind).filter((kind) => !measure.aggregations.includes(kind));
  if (wrong.length > 0)
    throw invalid(`Found invalid aggregation_type(s): ${sorted(wrong)}. Supported aggregation types: ${sorted(measure.aggregations)}`);
  const dimensions = texts(fields, "dimensions");
  const strange = dimensions.filter((name) => !measure.dimensions.includes(name));
  if (strange.length > 0) throw invalid(`Found invalid dimension(s): ${sorted(strange)}. Supported dimensions: ${sorted(measure.dimensions)}`);
  const seconds = integer(fields, "time_interval_seconds") ?? 0;
  const [startMs, endMs] = [integer(fields, "start_time_ms"), integer(fields, "end_time_ms")];
  if (seconds < 0) throw invalid(`time_interval_seconds must be positive, got ${seconds}`);
  if (seconds > 0 && (startMs === undefined || endMs === undefined))
    throw invalid("start_time_ms and end_time_ms are required if time_interval_seconds is set");
  return {
    ...{ view, metric, aggregations, dimensions, filters: readFilters(texts(fields, "filters"), view) },
    intervalMs: seconds === 0 ? undefined : seconds * 1_000,
    startMs: startMs ?? Number.NEGATIVE_INFINITY,
    endMs: endMs ?? Number.POSITIVE_INFINITY,
    limit: Math.min(integer(fields, "max_results") ?? pointsAtMost, pointsAtMost),
  };
}

/** A value of an enumeration, by its name or its number, which begins with 1. */
function readOne<Name extends string>(fields: Fields, field: string, names: readonly Name[]): Name {
  const value = fields[field];
  if (value === undefined || value === null) throw missing(field);
  const name = names.find((each, i) => each === value || i + 1 === value);
  if (name === undefined) throw invalid(`${field} must be one of ${list(names)}, got '${String(value)}'`);
  return name;
}

function readAggregation(given: Fields): Aggregation {
  const kind: AggregationKind = readOne(given, "aggregation_type", kinds);
  const percentile = given["percentile_value"];
  if (kind !== "PERCENTILE") {
    if (percentile !== undefined && percentile !== null)
      throw invalid(`Percentile value is only allowed for PERCENTILE aggregation type, got ${kind}`);
    return { kind };
  }
  if (typeof percentile !== "number") throw invalid("Percentile value is required for PERCENTILE aggregation");
  if (!(percentile >= 0 && percentile <= 100)) throw invalid(`Percentile value must be between 0 and 100, got ${percentile}`);
  return { kind, percentile };
}

interface Filters {
  /** Of the traces. */
  conditions: TraceCondition[];
  /** Of the spans, or of the assessments. */
  holds(fact: Fact): boolean;
}

const entities: Record<string, { view: View | undefined; keyed: Record<string, boolean> }> = {
  trace: { view: undefined, keyed: { status: false, tag: true, metadata: true } },
  span: { view: "SPANS", keyed: { name: false, status: false, type: false } },
  assessment: { view: "ASSESSMENTS", keyed: { name: false, type: false } },
};

/** Each filter is one comparison with `=`, such as `trace.tag.team = 'air'`. */
function readFilters(filters: string[], view: View): Filters {
  const conditions: TraceCondition[] = [];
  const tests: ((fact: Fact) => boolean)[] = [];
  for (const filter of filters) {
    const [comparison, ...more] = comparisonsOf(filter);
    if (comparison === undefined || more.length > 0) throw invalid(`Invalid filter: '${filter}'. Expected one filter clause.`);
    const { of, entity, key } = nameIn(comparison.name);
    if (comparison.op !== "=") throw invalid(`Invalid comparator: '${comparison.op}', only '=' operator is supported`);
    const value = comparison.value && quotedText(comparison.value);
    if (value === undefined)
      throw invalid(`Expected a quoted string value for ${entity} value (e.g. 'my-value'). Got value ${comparison.value?.text ?? "nothing"}`);
    const only = entities[of]!.view; // one of the names, just asked
    if (only === undefined) conditions.push(traceCondition(entity, key, value));
    else if (only !== view) throw invalid(`Filtering by ${of} is only supported for ${only} view type, got ${view}`);
    else tests.push((fact) => partOf(fact, of, entity) === value);
  }
  return { conditions, holds: (fact) => tests.every((test) => test(fact)) };
}

function nameIn(name: string): { of: string; entity: string; key: string } {
  const [, spelled, entity, key] = /^([^.]*)\.([^.]*)(?:\.(.*))?$/su.exec(name) ?? [];
  if (spelled === undefined || entity === undefined)
    throw invalid(`Invalid identifier ${pythonText(name)}. Columns should be specified as 'trace.<key>', 'span.<key>', 'assessment.<key>'.`);
  const of = unquoted(spelled, "`");
  if (!Object.hasOwn(entities, of)) throw invalid(`Invalid view type '${of}'. Valid values are dict_keys(${list(Object.keys(entities))})`);
  const { keyed } = entities[of]!; // just asked
  if (!Object.hasOwn(keyed, entity))
    throw invalid(`Invalid entity '${entity}' specified for view type '${of}'. Valid entities are ${list(Object.keys(keyed))}`);
  if (keyed[entity]! && key === undefined) throw invalid(`Filtering by ${entity} requires a key, e.g. '${of}.${entity}.<key> = <value>'`);
  if (!keyed[entity]! && key !== undefined) throw invalid(`Filtering by ${entity} does not require a key, use '${of}.${entity}' instead`);
  return { of, entity, key: unquoted(key ?? "", "`'\"") };
}

function traceCondition(entity: string, key: string, value: string): TraceCondition {
  const test = { op: "=", value } as const;
  if (entity === "status") return { field: "status", op: "=", value: ownStatus.get(value) ?? value };
  if (entity === "tag") return key === nameTag ? { field: "name", ...test } : { tag: key, ...test };
  if (key === sessionKey) return { field: "session", ...test };
  if (key === userKey) return { field: "user", ...test };
  return key === runKey ? { run: true, ...test } : { metadata: key, ...test };
}
const ownStatus = new Map(Object.entries(states).map(([own, state]) => [state, own]));

function partOf({ span, assessment }: Fact, of: string, entity: string): string | undefined {
  if (of === "assessment") return entity === "name" ? assessment?.name : assessment?.kind;
  if (span === undefined) return undefined;
  return entity === "name" ? span.name : entity === "status" ? span.status.toUpperCase() : spanType(span);
}

function answerOf({ metric, aggregations, dimensions, intervalMs, limit }: Query, groups: { keys: (string | number)[]; values: number[] }[]): object {
  const names = [...(intervalMs === undefined ? [] : ["time_bucket"]), ...dimensions];
  const whole = groups.length === 0 && names.length === 0 ? [{ keys: [], values: [] }] : groups; // nothing counts as 0
  const points = whole.slice(0, Math.max(0, limit)).flatMap(({ keys, values }) => {
    const numbers = aggregations.flatMap((each): [string, number][] => {
      const number = aggregate(each, values);
      return number === undefined ? [] : [[labelOf(each), number]];
    });
    if (numbers.length === 0) return [];
    const of = names.map((name, i): [string, string] => [name, typeof keys[i] === "number" ? bucketText(keys[i]) : keys[i]!]); // as many as names
    return [{ metric_name: metric, ...(of.length > 0 && { dimensions: Object.fromEntries(of) }), values: Object.fromEntries(numbers) }];
  });
  return points.length === 0 ? {} : { data_points: points };
}

function bucketText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "+00:00");
}

/** `P50.0` of percentiles, as Python writes the number. */
function labelOf({ kind, percentile }: Aggregation): string {
  return percentile === undefined ? kind : `P${Number.isInteger(percentile) ? percentile.toFixed(1) : String(percentile)}`;
}

function list(names: readonly string[]): string {
  return `[${names.map(pythonText).join(", ")}]`;
}

function sorted(names: readonly string[]): string {
  return list([...new Set(names)].toSorted());
}
