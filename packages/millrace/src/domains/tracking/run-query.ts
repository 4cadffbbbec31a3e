import { AppError } from "#kit/app-error";
import { queryTokens, type Token, unreadable } from "./query-tokens.ts";
import { foundText, type Value, valueAt, valueName, type ValueRange } from "./query-value.ts";
import { fieldNamed, fieldText, likelyField, type RunField } from "./run-fields.ts";
import { conditionsOf, type Operator, type RunCondition, type RunFilter } from "./run-filter.ts";

export interface QueryContext {
  /** What `7d ago` counts from. */
  nowMs: number;
  /** Names such as metrics.auc that runs have, for suggestions. */
  knownFields?: () => Iterable<string>;
}

const queryLength = 20_000;
const nesting = 50;
/** Each condition is asked of every run, and each text of every name, note and value: a query must not keep others waiting. */
const conditionsAtMost = 200;
const textsAtMost = 10;

/**
 * Reads the query language of runs.
 *
 *     query     = and { OR and }
 *     and       = not { [AND] not }
 *     not       = NOT not | "(" query ")" | condition | text
 *     condition = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | field [NOT] ( LIKE | ILIKE ) text
 *               | field [NOT] IN "(" value { "," value } ")" | field [NOT] BETWEEN value AND value | field IS [NOT] NULL
 *     field     = ( metrics | params | tags | inputs ) "." key | attribute
 *     text      = words or quoted text, looked for in names, notes, params and tags
 *
 * An empty query is every run. Throws `invalid_argument` with the position, what was expected there, and the name that was meant.
 */
export function parseRunQuery(query: string, context: QueryContext): RunFilter {
  if (query.length > queryLength)
    throw new AppError("invalid_argument", `The query has ${query.length} characters; at most ${queryLength} are read.`, {
      hint: "Shorten its lists.",
    });
  const reader: QueryReader = { query, context, tokens: queryTokens(query), at: 0, depth: 0 };
  if (reader.tokens[0]!.kind === "end") return { and: [] };
  const filter = readOr(reader);
  const rest = reader.tokens[reader.at]!;
  if (rest.kind !== "end") throw unreadable(query, rest.at, "AND, OR or the end", foundText(rest));
  const conditions = conditionsOf(filter);
  if (conditions.length > conditionsAtMost)
    throw new AppError("invalid_argument", `The query has ${conditions.length} conditions; at most ${conditionsAtMost} are read.`, {
      hint: "IN takes a list.",
    });
  if (conditions.filter((each) => "text" in each).length > textsAtMost)
    throw new AppError("invalid_argument", `The query looks for more than ${textsAtMost} words.`, {
      hint: "Put words that belong together in quotes.",
    });
  return filter;
}

interface QueryReader {
  query: string;
  context: QueryContext;
  tokens: Token[];
  at: number;
  depth: number;
}

function readOr(reader: QueryReader): RunFilter {
  const parts = [readAnd(reader)];
  while (takeWord(reader, "OR")) parts.push(readAnd(reader));
  return parts.length === 1 ? parts[0]! : { or: parts };
}

function readAnd(reader: QueryReader): RunFilter {
  const parts = [readNot(reader)];
  for (;;) {
    const { kind } = reader.tokens[reader.at]!;
    if (!takeWord(reader, "AND") && (kind === "end" || kind === ")" || kind === "," || kind === "operator" || isWord(reader, "OR"))) break;
    parts.push(readNot(reader));
  }
  return parts.length === 1 ? parts[0]! : { and: parts };
}

function readNot(reader: QueryReader): RunFilter {
  const token = reader.tokens[reader.at]!;
  if (++reader.depth > nesting)
    throw unreadable(reader.query, token.at, `at most ${nesting} levels of parentheses and NOT`, "more", "Flatten the query.");
  const filter = takeWord(reader, "NOT") ? { not: readNot(reader) } : readPrimary(reader, token);
  reader.depth--;
  return filter;
}

function readPrimary(reader: QueryReader, token: Token): RunFilter {
  if (token.kind === "(") {
    reader.at++;
    const inner = readOr(reader);
    expect(reader, ")", "AND, OR or a closing parenthesis");
    return inner;
  }
  if (token.kind === "quoted" && reader.tokens[reader.at + 1]!.kind === "operator")
    throw unreadable(reader.query, token.at, "a field before the operator", foundText(token), fieldHint(reader, token.text));
  if (token.kind === "quoted" && token.text !== "") {
    reader.at++;
    return { text: token.text };
  }
  if ((token.kind === "word" && !isWord(reader, "AND", "OR")) || token.kind === "field") return readCondition(reader, token);
  throw unreadable(reader.query, token.at, "a condition, or text to look for", foundText(token));
}

/** A condition; a word that begins none is text to look for. */
function readCondition(reader: QueryReader, token: Token): RunFilter {
  const field = fieldNamed(token.text, token.key);
  const name = reader.query.slice(token.at, token.end);
  reader.at++;
  if (field === undefined) {
    if (!beginsOperator(reader) && token.kind === "word" && !/^inputs?\./i.test(name)) return { text: token.text };
    throw unreadable(reader.query, token.at, "a field", `\`${name}\``, fieldHint(reader, name));
  }
  const operator = readOperator(reader, field);
  if (operator !== undefined) return operator;
  if ("attribute" in field) return { text: token.text };
  throw unreadable(
    reader.query,
    reader.tokens[reader.at]!.at,
    `an operator after ${fieldText(field)}`,
    foundText(reader.tokens[reader.at]!),
    operatorHint,
  );
}

const operatorHint =
  "Operators are = != < <= > >=, [NOT] LIKE, [NOT] ILIKE, [NOT] IN (…), [NOT] BETWEEN … AND …, IS [NOT] NULL. Put text to look for in quotes.";

function readOperator(reader: QueryReader, field: RunField): RunFilter | undefined {
  const token = reader.tokens[reader.at]!;
  if (token.kind === "operator") {
    reader.at++;
    return compare(field, token.text as Comparison, readValue(reader, field)); // the tokens know no others
  }
  if (takeWord(reader, "IS")) {
    const op = takeWord(reader, "NOT") ? "exists" : "missing";
    if (!takeWord(reader, "NULL")) throw unreadable(reader.query, here(reader).at, "NULL or NOT NULL after IS", foundText(here(reader)));
    return { ...field, op };
  }
  const negated = isWord(reader, "NOT") && isWordAt(reader, reader.at + 1, "IN", "LIKE", "ILIKE", "BETWEEN");
  if (negated) reader.at++;
  const op = (name: "in" | "like" | "ilike" | "between"): Operator => (negated ? `not ${name}` : name);
  if (takeWord(reader, "LIKE")) return { ...field, op: op("like"), value: readPattern(reader, field) };
  if (takeWord(reader, "ILIKE")) return { ...field, op: op("ilike"), value: readPattern(reader, field) };
  if (takeWord(reader, "IN")) return { ...field, op: op("in"), value: readList(reader, field) };
  if (!takeWord(reader, "BETWEEN")) return undefined;
  const { from } = readValue(reader, field);
  if (!takeWord(reader, "AND")) throw unreadable(reader.query, here(reader).at, `AND and ${valueName(field)}`, foundText(here(reader)));
  const { at } = here(reader);
  const { to } = readValue(reader, field);
  if (typeof from !== typeof to)
    throw unreadable(reader.query, at, `${typeof from === "number" ? "a number" : "a text"}, as before AND`, `\`${to}\``);
  return { ...field, op: op("between"), value: [from, to] };
}

type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** A day is a stretch of time: after it is after its end, up to it includes it. */
function compare(field: RunField, op: Comparison, { from, to }: ValueRange): RunCondition {
  if (from !== to && !Number.isNaN(from) && (op === "=" || op === "!="))
    return { ...field, op: op === "=" ? "between" : "not between", value: [from, to] };
  return { ...field, op, value: op === ">" || op === "<=" ? to : from };
}

function readValue(reader: QueryReader, field: RunField): ValueRange {
  const range = valueAt(reader.query, reader.tokens, reader.at, field, reader.context.nowMs);
  reader.at += range.width;
  return range;
}

function readPattern(reader: QueryReader, field: RunField): string {
  const token = here(reader);
  if (isNumeric(field))
    throw unreadable(reader.query, token.at, `= != < <= > >=, IN or BETWEEN with ${fieldText(field)}`, "LIKE", "Patterns are for text.");
  if (token.kind !== "word" && token.kind !== "quoted")
    throw unreadable(reader.query, token.at, "a pattern in quotes, where % is any text and _ any character", foundText(token));
  reader.at++;
  return token.text;
}

function readList(reader: QueryReader, field: RunField): Value[] {
  expect(reader, "(", "a list in parentheses after IN");
  const values: Value[] = [];
  do {
    const { at } = here(reader);
    const { from, to } = readValue(reader, field);
    if (from !== to && !Number.isNaN(from))
      throw unreadable(reader.query, at, "moments in the list", "a day", "Ask with = or BETWEEN: a day is a stretch of time.");
    values.push(from);
  } while (take(reader, ","));
  expect(reader, ")", "a comma or a closing parenthesis");
  return values;
}

function isNumeric(field: RunField): boolean {
  return "metric" in field || ("attribute" in field && field.attribute.endsWith("Ms"));
}

/** Whether what follows a word that is no field makes it a field someone meant. */
function beginsOperator(reader: QueryReader): boolean {
  if (here(reader).kind === "operator") return true;
  const at = isWord(reader, "NOT") ? reader.at + 1 : reader.at;
  const next = reader.tokens[at + 1]?.kind;
  if (isWordAt(reader, at, "LIKE", "ILIKE")) return next === "quoted";
  if (isWordAt(reader, at, "IN")) return next === "(";
  if (isWordAt(reader, at, "BETWEEN")) return isWordAt(reader, at + 2, "AND");
  return (
    isWord(reader, "IS") &&
    (isWordAt(reader, reader.at + 1, "NULL") || (isWordAt(reader, reader.at + 1, "NOT") && isWordAt(reader, reader.at + 2, "NULL")))
  );
}

function fieldHint({ context }: QueryReader, name: string): string {
  const meant = likelyField(name, context.knownFields?.() ?? []);
  if (meant !== undefined) return `Did you mean ${meant}?`;
  return "Fields are metrics.…, params.…, tags.…, inputs.name, inputs.digest, id, name, status, actor, started, ended, duration, parent, experiment, folder and note.";
}

function here(reader: QueryReader): Token {
  return reader.tokens[reader.at]!; // the last token is the end, which nothing takes
}

function isWordAt(reader: QueryReader, at: number, ...words: string[]): boolean {
  const token = reader.tokens[at];
  return token?.kind === "word" && words.includes(token.text.toUpperCase());
}

function isWord(reader: QueryReader, ...words: string[]): boolean {
  return isWordAt(reader, reader.at, ...words);
}

function takeWord(reader: QueryReader, word: string): boolean {
  const found = isWord(reader, word);
  if (found) reader.at++;
  return found;
}

function take(reader: QueryReader, kind: Token["kind"]): boolean {
  const found = here(reader).kind === kind;
  if (found) reader.at++;
  return found;
}

function expect(reader: QueryReader, kind: Token["kind"], wanted: string): void {
  if (!take(reader, kind)) throw unreadable(reader.query, here(reader).at, wanted, foundText(here(reader)));
}
