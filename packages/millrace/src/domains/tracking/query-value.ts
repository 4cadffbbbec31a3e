import { closestName } from "#kit/close-names";
import { runStatuses } from "./model.ts";
import { type Token, unreadable } from "./query-tokens.ts";
import { dayMs, isoTime, lengthMs } from "./query-times.ts";
import { fieldText, type RunField } from "./run-fields.ts";

export type Value = string | number;

/** What a value of a query stands for; a day is all of its moments. */
export interface ValueRange {
  from: Value;
  to: Value;
  /** Tokens that were read. */
  width: number;
}

const reserved = /^(?:and|or|not|null)$/i;
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const notFinite: Record<string, number> = { nan: Number.NaN, inf: Infinity, infinity: Infinity, "-inf": -Infinity, "-infinity": -Infinity };

/** Reads the value at `tokens[at]` as its field wants it: a number, a moment, a length of time, a status or a text. Throws `invalid_argument`. */
export function valueAt(query: string, tokens: Token[], at: number, field: RunField, nowMs: number): ValueRange {
  const token = tokens[at]!;
  const wanted = valueName(field);
  if (token.kind !== "word" && token.kind !== "quoted") throw unreadable(query, token.at, wanted, foundText(token));
  if (token.kind === "word" && reserved.test(token.text))
    throw unreadable(
      query,
      token.at,
      wanted,
      foundText(token),
      /^null$/i.test(token.text) ? "Ask with IS NULL." : `As a text it stands in quotes: '${token.text}'.`,
    );
  const single = (value: Value): ValueRange => ({ from: value, to: value, width: 1 });
  const bad = (hint?: string) => unreadable(query, token.at, `${wanted} for ${fieldText(field)}`, foundText(token), hint);
  if ("metric" in field) {
    const number = token.kind === "word" ? (metricNumber(token.text) ?? undefined) : undefined;
    if (number === undefined) throw bad(token.kind === "quoted" ? "Metrics are numbers: leave the quotes out." : undefined);
    return single(number);
  }
  if (!("attribute" in field)) return single(token.kind === "word" && !("input" in field) ? (finiteNumber(token.text) ?? token.text) : token.text);
  if (field.attribute === "status") {
    const status = runStatuses.find((each) => each === token.text.toLowerCase());
    if (status === undefined) throw bad(closest(token.text, runStatuses));
    return single(status);
  }
  if (field.attribute === "durationMs") {
    const ms = lengthMs(token.text);
    if (ms === undefined) throw bad();
    return single(ms);
  }
  if (field.attribute.endsWith("Ms")) return timeAt(tokens, at, nowMs) ?? fail(bad());
  return single(token.text);
}

/** How a value of a field is called, for errors. */
export function valueName(field: RunField): string {
  if ("metric" in field) return "a number";
  if (!("attribute" in field)) return "input" in field ? "a text" : "a text or a number";
  if (field.attribute === "status") return `a status (${runStatuses.join(", ")})`;
  if (field.attribute === "durationMs") return "a length of time such as 90s, 5m or 1h30m";
  return field.attribute.endsWith("Ms") ? "a time such as 2026-03-01, 2026-03-01T10:00, today or `7d ago`" : "a text";
}

export function foundText(token: Token): string {
  return token.kind === "end" ? "the end" : token.kind === "quoted" ? `'${token.text}'` : `\`${token.text}\``;
}

function finiteNumber(text: string): number | undefined {
  return decimal.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function metricNumber(text: string): number | undefined {
  if (decimal.test(text)) return Number(text);
  const name = text.toLowerCase();
  return Object.hasOwn(notFinite, name) ? notFinite[name] : undefined;
}

function timeAt(tokens: Token[], at: number, nowMs: number): ValueRange | undefined {
  const { kind, text } = tokens[at]!;
  const time = isoTime(text);
  if (time !== undefined) return { from: time.fromMs, to: time.toMs, width: 1 };
  const word = kind === "word" ? text.toLowerCase() : "";
  if (word === "now") return { from: nowMs, to: nowMs, width: 1 };
  if (word === "today" || word === "yesterday") {
    const from = Math.floor(nowMs / dayMs) * dayMs - (word === "today" ? 0 : dayMs);
    return { from, to: from + dayMs - 1, width: 1 };
  }
  const ago = lengthMs(text);
  const isAgo = word !== "" && tokens[at + 1]?.kind === "word" && tokens[at + 1]!.text.toLowerCase() === "ago";
  return ago !== undefined && isAgo ? { from: nowMs - ago, to: nowMs - ago, width: 2 } : undefined;
}

function closest(text: string, known: readonly string[]): string | undefined {
  const name = closestName(text, known);
  return name === undefined ? undefined : `Did you mean \`${name}\`?`;
}

function fail(error: Error): never {
  throw error;
}
