import { AppError } from "#kit/app-error";
import { likePattern } from "#kit/like-pattern";
import { type Sql, sql, sqlIn, sqlText } from "#kit/sql";
import type { Assessment, AttributeValue, Span } from "./model.ts";
import { parseAssessments, parseLabels, parseLinks, type TraceRow } from "./store.ts";
import { regularExpression } from "./text-test.ts";

const traceFields = {
  id: "id",
  name: "name",
  experiment: "experiment",
  status: "status",
  startedMs: "started_ms",
  endedMs: "ended_ms",
  durationMs: "(ended_ms - started_ms)",
  session: "session",
  user: "person",
  request: "request",
} as const;
export type TraceField = keyof typeof traceFields;

export type FilterOperator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "ilike" | "matches" | "in" | "not in" | "exists" | "missing";

/** `like` and `ilike` (any case) know `%` and `_`; `matches` takes a regular expression. What is not there meets `missing` alone. */
export interface FieldTest {
  op: FilterOperator;
  value?: string | number | (string | number)[];
}

/** `text` is all that a span says: its name, its attributes, its events and what went wrong. */
export type SpanTest = FieldTest & ({ field: "name" | "kind" | "status" | "text" } | { attribute: string });

export type TraceCondition =
  | (FieldTest & { field: TraceField })
  | (FieldTest & { tag: string })
  | (FieldTest & { metadata: string })
  /** The run in which it was made, and with `=` also a run it was linked to. */
  | (FieldTest & { run: true })
  | { link: string; id: string }
  /** Of the valid assessments of this name. */
  | (FieldTest & { assessment: Assessment["kind"]; name: string })
  /** Some span meets all of these. */
  | { span: SpanTest[] };

/** Conditions that all hold, taken apart: `where` narrows down in the database, the two tests decide. */
export interface TraceFilter {
  where: Sql;
  row(row: TraceRow): boolean;
  spans: ((spans: Span[]) => boolean) | undefined;
  /** Whether packed spans may hold what `spans` looks for: false saves unpacking them. */
  packed(bodies: Uint8Array[]): boolean;
}

/** Throws `invalid_argument` for a condition that makes no sense. */
function compileFilter(conditions: TraceCondition[]): TraceFilter {
  const rowTests = conditions.flatMap((condition) => ("span" in condition ? [] : [rowTest(condition)]));
  const spanTests = conditions.flatMap((condition) => ("span" in condition ? [spanTest(condition.span)] : []));
  return {
    where: conditions.reduce((joined, condition) => sql`${joined} and ${narrowing(condition)}`, everything),
    row: (row) => rowTests.every((holds) => holds(row)),
    spans: spanTests.length === 0 ? undefined : (spans) => spanTests.every((holds) => holds(spans)),
    packed: packedTest(conditions.flatMap((condition) => ("span" in condition ? condition.span : []))),
  };
}
const everything = sql`1 = 1`;

/** As `compileFilter`, within some experiments (ids; all where undefined). */
export function compileSearch(experiments: string[] | undefined, conditions: TraceCondition[] = []): TraceFilter {
  const filter = compileFilter(conditions);
  return experiments === undefined ? filter : { ...filter, where: sql`experiment in ${sqlIn(experiments)} and ${filter.where}` };
}

/** A field of a row, by which traces are also put in order. */
export function fieldOf(row: TraceRow, field: TraceField): string | number | null {
  if (field === "durationMs") return row.ended_ms === null ? null : row.ended_ms - row.started_ms;
  const column = traceFields[field] as Exclude<(typeof traceFields)[TraceField], "(ended_ms - started_ms)">; // asked for above
  return row[column];
}

/** Whether a value meets a test. */
export function compileTest({ op, value }: FieldTest, what: string): (actual: string | number | null | undefined) => boolean {
  if (op === "exists" || op === "missing") return (actual) => ((actual ?? undefined) !== undefined) === (op === "exists");
  const holds = valueTest({ op, ...(value !== undefined && { value }) }, what);
  return (actual) => actual !== null && actual !== undefined && holds(actual);
}

function valueTest({ op, value }: FieldTest, what: string): (actual: string | number) => boolean {
  if (op === "in" || op === "not in") {
    if (!Array.isArray(value)) throw badTest(what, op, "a list");
    const wanted = new Set(value.map(String));
    return (actual) => wanted.has(String(actual)) === (op === "in");
  }
  if (value === undefined || Array.isArray(value)) throw badTest(what, op, "one value");
  if (op === "like" || op === "ilike" || op === "matches") {
    const holds = op === "matches" ? regularExpression(String(value)) : likePattern(String(value), { anyCase: op === "ilike" });
    return (actual) => holds(String(actual));
  }
  if (typeof value === "string") return (actual) => compare(op, String(actual), value);
  return (actual) => {
    const number = typeof actual === "number" ? actual : actual.trim() === "" ? Number.NaN : Number(actual);
    return !Number.isNaN(number) && compare(op, number, value);
  };
}

function compare<Value extends string | number>(op: FilterOperator, actual: Value, value: Value): boolean {
  switch (op) {
    case "=":
      return actual === value;
    case "!=":
      return actual !== value;
    case "<":
      return actual < value;
    case "<=":
      return actual <= value;
    case ">":
      return actual > value;
    default:
      return actual >= value; // the others have been answered before
  }
}

function rowTest(condition: Exclude<TraceCondition, { span: SpanTest[] }>): (row: TraceRow) => boolean {
  if ("field" in condition) {
    const holds = compileTest(condition, condition.field);
    return (row) => holds(fieldOf(row, condition.field));
  }
  if ("link" in condition) return (row) => parseLinks(row.links).some(({ kind, id }) => kind === condition.link && id === condition.id);
  if ("run" in condition) {
    const holds = compileTest(condition, "run");
    const linked = condition.op === "=" ? String(condition.value) : undefined;
    return (row) => holds(row.run) || (linked !== undefined && parseLinks(row.links).some(({ kind, id }) => kind === "run" && id === linked));
  }
  if ("assessment" in condition) return assessmentTest(condition);
  const key = "tag" in condition ? condition.tag : condition.metadata;
  const holds = compileTest(condition, key);
  return (row) => {
    const labels = parseLabels("tag" in condition ? row.tags : row.metadata);
    return holds(Object.hasOwn(labels, key) ? labels[key] : undefined);
  };
}

function assessmentTest(condition: FieldTest & { assessment: Assessment["kind"]; name: string }): (row: TraceRow) => boolean {
  const { op, assessment: kind, name } = condition;
  const holds = compileTest(condition, name);
  return (row) => {
    const valid = parseAssessments(row.assessments).filter((each) => each.valid && each.kind === kind && each.name === name);
    if (op === "exists" || op === "missing") return valid.length > 0 === (op === "exists");
    return valid.some(({ value }) => {
      if (typeof condition.value === "number") return (typeof value === "number" || typeof value === "boolean") && holds(Number(value));
      return holds(typeof value === "string" ? value : JSON.stringify(value));
    });
  };
}

function spanTest(tests: SpanTest[]): (spans: Span[]) => boolean {
  const compiled = tests.map((test): ((span: Span) => boolean) => {
    if ("attribute" in test) {
      const holds = compileTest(test, test.attribute);
      return ({ attributes }) => holds(Object.hasOwn(attributes, test.attribute) ? textOf(attributes[test.attribute]!) : undefined);
    }
    const holds = compileTest(test, `span.${test.field}`);
    return (span) => holds(test.field === "text" ? spanText(span) : span[test.field]);
  });
  return (spans) => spans.some((span) => compiled.every((holds) => holds(span)));
}

/** Words of the patterns that texts are searched for stand in the packed spans as they are: no escape of JSON falls into them. */
function packedTest(tests: SpanTest[]): TraceFilter["packed"] {
  const words = tests.flatMap((test): ({ exact: Buffer } | { exact?: undefined; folded: string })[] => {
    const { op, value } = test;
    if ((op !== "like" && op !== "ilike") || typeof value !== "string") return [];
    if ("field" in test && test.field !== "name" && test.field !== "text") return []; // packed as numbers
    const pieces = value.split(/[%_]/).filter((piece) => /^[\p{L}\p{N} -]+$/u.test(piece));
    return pieces.map((piece) => (op === "like" ? { exact: Buffer.from(piece) } : { folded: piece.toLowerCase() }));
  });
  if (words.length === 0) return () => true;
  const folds = words.some(({ exact }) => exact === undefined);
  return (bodies) => {
    const buffers = bodies.map((body) => Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    const texts = folds ? buffers.map((buffer) => buffer.toString("utf8").toLowerCase()) : [];
    return words.every((word) =>
      word.exact === undefined ? texts.some((text) => text.includes(word.folded)) : buffers.some((buffer) => buffer.includes(word.exact)),
    );
  };
}

/** All that a span says, as text. */
function spanText({ name, message, attributes, events }: Span): string {
  const said = [name, message];
  for (const [key, value] of Object.entries(attributes)) said.push(`${key}: ${textOf(value)}`);
  for (const event of events) {
    said.push(event.name);
    for (const [key, value] of Object.entries(event.attributes)) said.push(`${key}: ${textOf(value)}`);
  }
  return said.join("\n");
}

/** An attribute as text: itself, or JSON. */
export function textOf(value: AttributeValue): string {
  return typeof value === "string" ? value : JSON.stringify(plainValue(value));
}

/** An attribute as plain JSON: integers beyond the exact ones as text, bytes in base 64. */
export function plainValue(value: AttributeValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

/** What the database can tell of a condition beforehand: true for every trace that meets it, and for few others. */
function narrowing(condition: TraceCondition): Sql {
  if ("span" in condition) return everything;
  if ("link" in condition) return containing("links", JSON.stringify({ kind: condition.link, id: condition.id }));
  const { op, value } = condition;
  if ("field" in condition) {
    // A number does not compare with a text's column, nor the other way.
    const fits = op === "exists" || op === "missing" || (typeof value === "number") === condition.field.endsWith("Ms");
    return fits ? fieldNarrowing(sqlText(traceFields[condition.field]), condition) : everything;
  }
  if ("run" in condition) {
    if (op !== "=") return typeof value === "number" ? everything : fieldNarrowing(sqlText("run"), condition);
    return sql`(${fieldNarrowing(sqlText("run"), { op, value: String(value) })} or ${containing("links", JSON.stringify({ kind: "run", id: String(value) }))})`;
  }
  if ("assessment" in condition) return op === "missing" ? everything : containing("assessments", JSON.stringify(condition.name));
  const key = "tag" in condition ? condition.tag : condition.metadata;
  const pair = op === "=" && typeof value === "string" ? `${JSON.stringify(key)}:${JSON.stringify(value)}` : `${JSON.stringify(key)}:`;
  return op === "missing" ? everything : containing("tag" in condition ? "tags" : "metadata", pair);
}

function fieldNarrowing(column: Sql, { op, value }: FieldTest): Sql {
  if (JSON.stringify(value)?.includes(String.raw`\u0000`)) return everything; // PostgreSQL's text has no NUL
  if (op === "exists") return sql`${column} is not null`;
  if (op === "missing") return sql`${column} is null`;
  if (op === "in" && Array.isArray(value) && value.every((each) => typeof each === "string")) return sql`${column} in ${sqlIn(value)}`;
  if (op === "=" && typeof value === "string") return sql`${column} = ${value}`;
  // Databases differ in the case of LIKE, and in what a backslash means; one of them lets through too much, which is looked at again.
  if (op === "like" && typeof value === "string" && !value.includes("\\")) return sql`${column} like ${value}`;
  if (typeof value === "number" && Number.isFinite(value)) {
    if (op === ">" || op === ">=") return sql`${column} >= ${Math.floor(value)}`;
    if (op === "<" || op === "<=") return sql`${column} <= ${Math.ceil(value)}`;
    if (op === "=" && Number.isSafeInteger(value)) return sql`${column} = ${value}`;
  }
  return everything;
}

function containing(column: "tags" | "metadata" | "links" | "assessments", text: string): Sql {
  const pattern = `%${text.replaceAll(/[!%_]/g, "!$&")}%`;
  return sql`${sqlText(column)} like ${pattern} escape '!'`;
}

function badTest(what: string, op: FilterOperator, wanted: string): AppError {
  return new AppError("invalid_argument", `The condition on \`${what}\` with \`${op}\` needs ${wanted}.`, { details: { what, op } });
}
