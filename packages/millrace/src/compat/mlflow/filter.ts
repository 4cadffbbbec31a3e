import { pythonText, type Token, tokensOf } from "./filter-tokens.ts";
import { invalid } from "./protocol.ts";

export type Entity = "metric" | "parameter" | "tag" | "attribute" | "dataset";

/** One comparison; the clauses of a filter all have to hold. */
export interface Clause {
  entity: Entity;
  key: string;
  op: "=" | "!=" | ">" | ">=" | "<" | "<=" | "LIKE" | "ILIKE" | "IN" | "NOT IN" | "IS NULL" | "IS NOT NULL";
  /** A list with IN, none with IS. Metrics have numbers, attributes what they are. */
  value: string | number | string[] | undefined;
}

/** What one kind of search lets a filter say (mlflow/utils/search_utils.py). */
export interface Grammar {
  /** Spellings of the entities that a name may begin with. */
  entities: Record<string, Entity>;
  /** How a refusal names them. */
  entityNames: string;
  attributes: Record<string, "text" | "number">;
  /** Text attributes that IN takes; undefined for all. */
  listKeys: readonly string[] | undefined;
  /** Numbers may stand in quotes. */
  quotedNumbers?: boolean;
  /** Entities that IS NULL and IS NOT NULL take. */
  nullable: readonly Entity[];
  /** Words of refusals, where a search has its own. */
  words?: {
    filter?: (filter: string) => string;
    operator?: (name: string, op: string, known: readonly string[]) => string;
    attribute?: (key: string, keys: string) => string;
  };
}

const numberOperators = [">", ">=", "!=", "=", "<", "<="] as const;
const textOperators = ["!=", "=", "LIKE", "ILIKE"] as const;
const datasetKeys = ["name", "digest", "context"];

/** Reads a filter. Throws MLflow's refusals. */
export function parseFilter(filter: string | undefined, grammar: Grammar): Clause[] {
  return comparisonsOf(filter, grammar.words?.filter).map(({ name, op, value }) => clauseOf(grammar, name, op, value));
}

/** One comparison as it is written: `value` is missing with IS NULL and IS NOT NULL. */
export interface Comparison {
  name: string;
  op: string;
  value: Token | undefined;
}

/** The comparisons that a filter joins with AND. Throws for what is none. */
export function comparisonsOf(filter: string | undefined, words?: (filter: string) => string): Comparison[] {
  if (!filter) return [];
  const refuse = (clauses: string) => invalid(words?.(filter) ?? `Invalid clause(s) in filter string: ${clauses}`);
  if (filter.trim() === "") throw invalid(`Invalid filter '${filter}'. Could not be parsed.`);
  const tokens = tokensOf(filter);
  const comparisons: Comparison[] = [];
  const strangers: string[] = [];
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at]!;
    const { op, width } = operatorAt(tokens, at + 1);
    if (token.kind === "word" && /^and$/i.test(token.text)) at++;
    else if (op === undefined) {
      strangers.push(token.text);
      at++;
    } else {
      const nullTest = op.startsWith("IS");
      const value = nullTest ? undefined : tokens[at + 1 + width];
      if (!nullTest && (value === undefined || value.kind === "word" || value.kind === "operator")) throw refuse(`'${[token.text, op].join(" ")}'`);
      if (token.kind !== "name") throw invalid(`Invalid comparison clause. Expected 'Identifier' found '${token.text}'`);
      comparisons.push({ name: token.text, op, value });
      at += 1 + width + (nullTest ? 0 : 1);
    }
  }
  if (strangers.length > 0) throw refuse(strangers.map((each) => `'${each}'`).join(", "));
  return comparisons;
}

function operatorAt(tokens: Token[], at: number): { op: string | undefined; width: number } {
  const word = (i: number) => (tokens[i]?.kind === "word" ? tokens[i].text.toUpperCase() : undefined);
  if (tokens[at]?.kind === "operator") return { op: tokens[at].text, width: 1 };
  const first = word(at);
  if (first === "LIKE" || first === "ILIKE" || first === "RLIKE") return { op: first, width: 1 };
  if (first === "IN" && tokens[at + 1]?.kind === "list") return { op: "IN", width: 1 };
  if (first === "NOT" && word(at + 1) === "IN" && tokens[at + 2]?.kind === "list") return { op: "NOT IN", width: 2 };
  if (first === "IS" && word(at + 1) === "NULL") return { op: "IS NULL", width: 2 };
  if (first === "IS" && word(at + 1) === "NOT" && word(at + 2) === "NULL") return { op: "IS NOT NULL", width: 3 };
  return { op: undefined, width: 0 };
}

function clauseOf(grammar: Grammar, name: string, op: string, value: Token | undefined): Clause {
  const { entity, key } = fieldOf(grammar, name);
  if (value === undefined) {
    if (!grammar.nullable.includes(entity)) {
      const kinds = grammar.nullable.includes("parameter") ? "tags and params" : "tags";
      throw invalid(`IS NULL / IS NOT NULL is only supported for ${kinds}, not for '${entity}' '${key}'`);
    }
    return { entity, key, op: op as Clause["op"], value: undefined }; // one of the two, from operatorAt
  }
  const numeric = entity === "metric" || (entity === "attribute" && grammar.attributes[key] === "number");
  const read = numeric ? numberValue(grammar, entity, key, value) : textValue(grammar, entity, key, value);
  const known: readonly string[] = numeric
    ? numberOperators
    : entity === "attribute" || entity === "dataset"
      ? [...textOperators, "IN", "NOT IN"]
      : textOperators;
  if (!known.includes(op))
    throw invalid(
      grammar.words?.operator?.(name, op, known) ?? `Invalid comparator '${op}' not one of '{${known.map((each) => `'${each}'`).join(", ")}}'`,
    );
  if (Array.isArray(read) !== (op === "IN" || op === "NOT IN"))
    throw invalid(`Invalid comparator '${op}' for the value of '${key}': lists go with IN and NOT IN.`);
  return { entity, key, op: op as Clause["op"], value: read }; // just asked
}

/** What a name means: `metrics.acc`, tags.`a b`, or an attribute alone. */
export function fieldOf(grammar: Grammar, name: string): { entity: Entity; key: string } {
  const dot = /^(?:`[^`]*`|"[^"]*"|[^.])*?\./u.exec(name);
  const spelled = dot === null ? "attribute" : unquoted(dot[0].slice(0, -1), "`");
  const entity = Object.hasOwn(grammar.entities, spelled) ? grammar.entities[spelled] : undefined;
  if (entity === undefined) throw invalid(`Invalid entity type '${spelled}'. Valid values are ${grammar.entityNames}`);
  const key = unquoted(dot === null ? name : name.slice(dot[0].length), "`'\"");
  if (entity === "attribute" && !Object.hasOwn(grammar.attributes, key)) {
    const keys = quoteAll(Object.keys(grammar.attributes));
    throw invalid(grammar.words?.attribute?.(key, keys) ?? `Invalid attribute key '${key}' specified. Valid keys are '{${keys}}'`);
  }
  if (entity === "dataset" && !datasetKeys.includes(key))
    throw invalid(`Invalid dataset key '${key}' specified. Valid keys are '{${quoteAll(datasetKeys)}}'`);
  return { entity, key };
}

function numberValue(grammar: Grammar, entity: Entity, key: string, token: Token): number {
  if (token.kind === "number") return Number(token.text);
  if (grammar.quotedNumbers === true && (token.kind === "string" || token.text.startsWith('"'))) {
    const text = token.text.slice(1, -1);
    if (/^\s*-?\d+(\.\d+)?\s*$/.test(text)) return Number(text);
    throw invalid(`Invalid value for numeric attribute '${key}': '${text}'`);
  }
  throw invalid(`Expected numeric value type for ${entity === "metric" ? "metric" : `numeric attribute: ${key}`}. Found ${token.text}`);
}

function textValue(grammar: Grammar, entity: Entity, key: string, token: Token): string | string[] {
  if (token.kind === "string") return token.text.slice(1, -1);
  if (token.kind === "name") {
    if (/^"[^"]*"$/.test(token.text)) return token.text.slice(1, -1);
    throw invalid(
      `Parameter value is either not quoted or unidentified quote types used for string value ${token.text}. Use either single or double quotes.`,
    );
  }
  if (token.kind === "list" && entity === "dataset") return listOf(token.text);
  if (token.kind === "list" && entity === "attribute") {
    if (grammar.listKeys !== undefined && !grammar.listKeys.includes(key))
      throw invalid(`Only [${quoteAll(grammar.listKeys)}] attributes support comparison with a list of quoted string values.`);
    return listOf(token.text);
  }
  const what = entity === "attribute" ? "attributes" : entity === "dataset" ? "dataset attributes" : `${entity} (e.g. 'my-value')`;
  throw invalid(`Expected a quoted string value for ${what}. Got value ${token.text}`);
}

/** The texts of a list in parentheses. */
export function listOf(text: string): string[] {
  const inner = text.slice(1, -1).trim();
  const item = /\s*(?:'([^']*)'|"([^"]*)")\s*(,|$)/uy;
  const list: string[] = [];
  if (inner === "") throw invalid("While parsing a list in the query, expected a non-empty list of string values, but got empty list");
  while (item.lastIndex < inner.length) {
    const match = item.exec(inner);
    if (match === null)
      throw invalid(
        /^[\d\s,.'"-]*\d[\d\s,.'"-]*$/.test(inner) && !/,\s*,/.test(inner)
          ? `While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: ${text}`
          : "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.",
      );
    list.push(match[1] ?? match[2] ?? "");
  }
  return list;
}

export interface OrderField {
  entity: Entity;
  key: string;
  direction: "asc" | "desc";
}

/** Reads `key [ASC|DESC]`. */
export function parseOrder(order: string, grammar: Grammar): OrderField {
  const tokens = tokensOf(order);
  const [name, direction, ...more] = tokens;
  if (name?.kind !== "name" || more.length > 0 || (direction !== undefined && direction.kind !== "name"))
    throw invalid(`Invalid order_by clause '${order}'. Could not be parsed.`);
  const way = direction?.text.toLowerCase() ?? "asc";
  if (way !== "asc" && way !== "desc") throw invalid(`Invalid ordering key in order_by clause '${order}'.`);
  return { ...fieldOf(grammar, name.text), direction: way };
}

/** A name without its quotes. */
export function unquoted(text: string, quotes: string): string {
  const first = text[0] ?? "";
  return text.length >= 2 && quotes.includes(first) && text.endsWith(first) ? text.slice(1, -1) : text;
}

function quoteAll(names: readonly string[]): string {
  return names.map(pythonText).join(", ");
}
