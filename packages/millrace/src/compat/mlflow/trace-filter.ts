import type { FieldTest, FilterOperator, SpanTest, TraceCondition, TraceField, TraceOrder } from "#domains/traces";
import { type Comparison, comparisonsOf, listOf, unquoted } from "./filter.ts";
import { pythonText, quotedText, type Token, tokensOf } from "./filter-tokens.ts";
import { invalid } from "./protocol.ts";
import { nameTag, runKey, sessionKey, states, userKey } from "./trace-wire.ts";

/** What a name in a filter or order means: MLflow's entities, in their several spellings. */
type Entity = "attribute" | "tag" | "metadata" | "span" | "feedback" | "expectation" | "issue";
const entities: Record<string, Entity> = {
  ...{ attribute: "attribute", attributes: "attribute", trace: "attribute", tag: "tag", tags: "tag" },
  ...{ request_metadata: "metadata", metadata: "metadata", span: "span" },
  ...{ feedback: "feedback", expectation: "expectation", issue: "issue" },
};

const numbers: Record<string, TraceField> = {
  ...{ timestamp: "startedMs", timestamp_ms: "startedMs", execution_time: "durationMs", execution_time_ms: "durationMs" },
  ...{ end_time: "endedMs", end_time_ms: "endedMs" },
};
const texts: Record<string, TraceField> = { request_id: "id", status: "status", client_request_id: "request", name: "name" };
const searchKeys = [...Object.keys(numbers), ...Object.keys(texts), "run_id", "prompt", "text"];
const orderKeys = [...Object.keys(numbers), "experiment_id", "status", "request_id", "name", "run_id"];

const numberOperators = [">", ">=", "!=", "=", "<", "<="];
const labelOperators = ["!=", "=", "LIKE", "ILIKE", "RLIKE", "IS NULL", "IS NOT NULL"];
const textOperators = ["!=", "=", "IN", "NOT IN", "LIKE", "ILIKE", "RLIKE"];
const assessmentOperators = ["!=", "=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "RLIKE", "IS NULL", "IS NOT NULL"];
const operators: Record<string, FilterOperator> = {
  ...{ "=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", LIKE: "like", ILIKE: "ilike", RLIKE: "matches" },
  ...{ IN: "in", "NOT IN": "not in", "IS NULL": "missing", "IS NOT NULL": "exists" },
};

/** A filter of `search_traces` as conditions (mlflow/utils/search_utils.py, SearchTraceUtils). Throws MLflow's refusals. */
export function readTraceFilter(filter: string | undefined): TraceCondition[] {
  const conditions: TraceCondition[] = [];
  const span: SpanTest[] = []; // all that is asked of spans is asked of one
  for (const comparison of comparisonsOf(filter)) {
    const { entity, key } = nameIn(comparison.name, searchKeys);
    if (entity === "span" || (entity === "attribute" && key === "text")) span.push(spanTest(entity === "span" ? key : "content", comparison));
    else conditions.push(entity === "attribute" ? attributeCondition(key, comparison) : otherCondition(entity, key, comparison));
  }
  return span.length > 0 ? [...conditions, { span }] : conditions;
}

/** Orders of `search_traces`. */
export function readTraceOrder(orders: string[]): TraceOrder[] {
  const seen = new Set<string>();
  const terms = orders.map((order): TraceOrder => {
    const [name, way, ...more] = tokensOf(order);
    if (name?.kind !== "name" || more.length > 0 || (way !== undefined && way.kind !== "name"))
      throw invalid(`Invalid order_by clause '${order}'. Could not be parsed.`);
    const direction = way?.text.toLowerCase() ?? "asc";
    if (direction !== "asc" && direction !== "desc") throw invalid(`Invalid ordering key in order_by clause '${order}'.`);
    const term = orderOf(name.text);
    if (seen.has(JSON.stringify(term))) throw invalid(`\`order_by\` contains duplicate fields: [${orders.map(pythonText).join(", ")}]`);
    seen.add(JSON.stringify(term));
    return { ...term, direction };
  });
  const newestFirst = terms.length === 1 && JSON.stringify(terms) === JSON.stringify([{ field: "startedMs", direction: "desc" }]);
  return newestFirst ? [] : terms; // that is the order without one, whose pages stay in place
}

function orderOf(name: string): TraceOrder {
  const { entity, key } = nameIn(name, orderKeys);
  if (entity === "attribute") {
    if (key === "run_id") return { run: true };
    return { field: numbers[key] ?? (key === "experiment_id" ? "experiment" : texts[key]!) }; // one of the keys, just asked
  }
  if (entity === "tag") return key === nameTag ? { field: "name" } : { tag: key };
  if (entity === "metadata") return key === sessionKey ? { field: "session" } : key === runKey ? { run: true } : { metadata: key };
  throw invalid(`Invalid identifier type '${entity}'`);
}

function nameIn(name: string, keys: string[]): { entity: Entity; key: string } {
  const dot = /^(?:`[^`]*`|"[^"]*"|[^.])*?\./u.exec(name);
  const spelled = dot === null ? "attribute" : unquoted(dot[0].slice(0, -1), "`");
  const entity = Object.hasOwn(entities, spelled) ? entities[spelled] : undefined;
  if (entity === undefined) throw invalid(`Invalid entity type '${spelled}'. Valid values are ${JSON.stringify(Object.keys(entities))}`);
  const key = unquoted(dot === null ? name : name.slice(dot[0].length), "`'\"");
  if (entity === "attribute" && !keys.includes(key))
    throw invalid(`Invalid attribute key '${key}' specified. Valid keys are '{${keys.map(pythonText).join(", ")}}'`);
  return { entity, key };
}

function attributeCondition(key: string, comparison: Comparison): TraceCondition {
  if (key === "prompt") return promptCondition(comparison);
  // For MLflow these two are metadata and a tag: no lists.
  if (key === "run_id") return { run: true, ...textTest(comparison, labelOperators) };
  if (key === "name") return { field: "name", ...textTest(comparison, labelOperators) };
  if (Object.hasOwn(numbers, key)) return { field: numbers[key]!, ...numberTest(key, comparison) }; // just asked
  const test = textTest(comparison, textOperators);
  if (key === "status") return { field: "status", ...mapped(test, (text) => ownStatus.get(text) ?? text) };
  if (key === "request_id") return { field: "id", ...mapped(test, (text) => text.replace(/^tr-(?=[0-9a-f]{32}$)/, "")) };
  return { field: texts[key]!, ...test }; // one of the keys, just asked
}
const ownStatus = new Map(Object.entries(states).map(([own, state]) => [state, own]));

function otherCondition(entity: Exclude<Entity, "attribute" | "span">, key: string, comparison: Comparison): TraceCondition {
  switch (entity) {
    case "tag": {
      if (key === "mlflow.linkedPrompts") return promptCondition(comparison);
      const test = textTest(comparison, labelOperators);
      return key === nameTag ? { field: "name", ...test } : { tag: key, ...test };
    }
    case "metadata": {
      const test = textTest(comparison, labelOperators);
      if (key === sessionKey) return { field: "session", ...test };
      if (key === userKey) return { field: "user", ...test };
      return key === runKey ? { run: true, ...test } : { metadata: key, ...test };
    }
    case "issue":
      if (key !== "id") throw invalid(`Invalid issue attribute '${key}'. Supported attributes: id`);
      return { assessment: "issue", name: String(textTest(comparison, ["="]).value), op: "exists" };
    case "feedback":
    case "expectation":
      if (key === "") throw invalid("Assessment field name cannot be empty");
      return { assessment: entity, name: key, ...assessmentTest(entity, comparison) };
  }
}

function promptCondition(comparison: Comparison): TraceCondition {
  const { value } = textTest(comparison, ["="]);
  if (typeof value !== "string" || value.split("/").length !== 2)
    throw invalid(`Invalid prompts filter value '${String(value)}'. Expected format: prompt = "name/version"`);
  return { link: promptLink, id: value };
}
/** Kind of the links from traces to the prompts they used; their ids are `name/version`. */
export const promptLink = "prompt";

function spanTest(key: string, comparison: Comparison): SpanTest {
  if (key === "content") return { field: "text", ...textTest(comparison, ["LIKE", "ILIKE"]) };
  const test = textTest(comparison, textOperators);
  if (key === "name") return { field: "name", ...test };
  if (key === "type") return { attribute: "mlflow.spanType", ...test };
  if (key === "status") return { field: "status", ...mapped(test, (text) => text.toLowerCase()) };
  const attribute = key.startsWith("attributes.") ? unquoted(key.slice("attributes.".length), "`") : undefined;
  if (attribute === undefined)
    throw invalid(`Invalid span attribute '${key}'. Supported attributes: name, status, type, attributes.<attribute_name>.`);
  if (attribute === "") throw invalid("Span attribute name cannot be empty after 'attributes.'");
  return { attribute, ...test };
}

function textTest({ name, op, value }: Comparison, known: string[]): FieldTest {
  checkOperator(op, known);
  if (value === undefined) return { op: operators[op]! }; // just asked
  const given = textOf(name, value);
  if (Array.isArray(given) !== (op === "IN" || op === "NOT IN")) throw invalid(`Invalid comparator '${op}' for the value of '${name}'.`);
  return { op: operators[op]!, value: given };
}

function numberTest(key: string, { op, value }: Comparison): FieldTest {
  checkOperator(op, numberOperators);
  const number =
    value?.kind === "number" ? Number(value.text) : Number(/^['"]\s*(-?\d+(?:\.\d+)?)\s*['"]$/.exec(value?.text ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(number)) throw invalid(`Expected numeric value type for numeric attribute: ${key}. Found ${value?.text ?? "nothing"}`);
  return { op: operators[op]!, value: number }; // just asked
}

/** Sizes are of numbers, all else of texts. */
function assessmentTest(entity: string, { op, value }: Comparison): FieldTest {
  checkOperator(op, assessmentOperators);
  if (value === undefined) return { op: operators[op]! };
  const numeric = op.startsWith(">") || op.startsWith("<");
  if (numeric !== (value.kind === "number") || (!numeric && value.kind === "list")) {
    throw invalid(
      numeric
        ? `Expected a numeric value for ${entity} when using comparator '${op}'. Got value ${value.text}`
        : `Expected a quoted string value for ${entity} (e.g. 'my-value'). Got value ${value.text}`,
    );
  }
  return { op: operators[op]!, value: numeric ? Number(value.text) : String(textOf(entity, value)) };
}

function checkOperator(op: string, known: string[]): void {
  if (!known.includes(op)) throw invalid(`Invalid comparator '${op}' not one of '{${known.map(pythonText).join(", ")}}'`);
}

function textOf(name: string, token: Token): string | string[] {
  const text = quotedText(token);
  if (text !== undefined) return text;
  if (token.kind === "list") return listOf(token.text);
  throw invalid(`Expected a quoted string value for ${name} (e.g. 'my-value'). Got value ${token.text}`);
}

function mapped(test: FieldTest, map: (text: string) => string): FieldTest {
  const { value } = test;
  if (typeof value === "string") return { ...test, value: map(value) };
  return Array.isArray(value) ? { ...test, value: value.map((each) => map(String(each))) } : test;
}
