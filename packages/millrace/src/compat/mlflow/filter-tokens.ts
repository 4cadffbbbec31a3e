import { invalid } from "./protocol.ts";

/** `name` is a dotted name, parts of it quoted or not, as in metrics.`val loss`; text in double quotes may also be a value. */
export type Token =
  | { kind: "name" | "string" | "operator" | "word" | "list"; text: string }
  | { kind: "number"; text: string; whole: boolean }
  | { kind: "other"; text: string };

const part = /[\p{L}_][\p{L}\p{N}_$#@]*|`[^`]*`|"[^"]*"/u.source;
const laterPart = /[\p{L}\p{N}_$#@]+|`[^`]*`|"[^"]*"|'[^']*'/u.source;
const patterns: [Token["kind"] | "space", RegExp][] = [
  ["space", /\s+/uy],
  ["number", /-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE]-?\d+)?(?![\p{L}_])/uy],
  ["string", /'(?:[^'\\]|''|\\[\s\S])*'/uy],
  ["name", new RegExp(`(?:${part})(?:\\.(?:${laterPart}))*`, "uy")],
  ["operator", /[<>=~!]+/uy],
];
const words = /^(?:and|or|not|in|is|null|like|ilike|rlike|between|true|false)$/i;

/** Splits a filter of MLflow's search into tokens. Throws for quotes and parentheses that do not end, and for a second statement. */
export function tokensOf(filter: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < filter.length) {
    const [kind, text] = filter[at] === "(" ? (["list", parenthesis(filter, at)] as const) : next(filter, at);
    at += text.length;
    if (kind === "space") continue;
    if (kind === "number") tokens.push({ kind, text, whole: /^-?\d+$/.test(text) });
    else if (kind === "other" && text === ";") {
      if (filter.slice(at).trim() !== "")
        throw invalid(`Search filter contained multiple expression ${pythonText(filter)}. Provide AND-ed expression list.`);
      tokens.push({ kind, text });
    } else tokens.push({ kind: kind === "name" && words.test(text) ? "word" : kind, text });
  }
  return tokens;
}

/** The text of a value in single or double quotes; undefined for what is none. */
export function quotedText({ kind, text }: Token): string | undefined {
  return kind === "string" || (kind === "name" && /^"[^"]*"$/.test(text)) ? text.slice(1, -1) : undefined;
}

function next(filter: string, at: number): [Token["kind"] | "space", string] {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(filter);
    if (match !== null) return [kind, match[0]];
  }
  return ["other", String.fromCodePoint(filter.codePointAt(at)!)]; // `at` is within the text
}

function parenthesis(filter: string, from: number): string {
  let depth = 0;
  let quote = "";
  for (let at = from; at < filter.length; at++) {
    const char = filter[at]!;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === "'" || char === '"' || char === "`") quote = char;
    else if (char === "(") depth++;
    else if (char === ")" && --depth === 0) return filter.slice(from, at + 1);
  }
  throw invalid(`Invalid clause(s) in filter string: '${filter.slice(from)}'`);
}

/** A text as Python's repr writes it, near enough for messages. */
export function pythonText(text: string): string {
  return text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replaceAll("'", String.raw`\'`)}'`;
}
