import { AppError } from "#kit/app-error";

/** A piece of a query. `at` and `end` are positions in its text, from 0. */
export interface Token {
  /** `field`: a name with a quoted key, as in metrics."val loss"; `end` comes last. */
  kind: "word" | "field" | "quoted" | "operator" | "(" | ")" | "," | "end";
  /** Quotes taken off. */
  text: string;
  /** Of a field: its key; `text` is then what stands before the dot. */
  key?: string;
  at: number;
  end: number;
}

const space = /\s+/uy;
const word = /[^\s()'"`,=<>!]+/uy;
const operator = /==|!=|<>|<=|>=|=|<|>/uy;

/** Splits a query. Throws `invalid_argument` for a quote that is not closed and a character that means nothing. */
export function queryTokens(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const char = query[at]!;
    const mark = char === "(" || char === ")" || char === ",";
    const next: Token | undefined = mark
      ? { kind: char, text: char, at, end: at + 1 }
      : (wordAt(query, at) ?? quotedAt(query, at) ?? operatorAt(query, at));
    const gap = next === undefined ? match(space, query, at) : undefined;
    if (next !== undefined) tokens.push(next);
    else if (gap === undefined)
      throw unreadable(query, at, "a condition, or text to look for", JSON.stringify(char), "Put text with such characters in quotes.");
    at = next?.end ?? at + gap!.length;
  }
  return [...tokens, { kind: "end", text: "", at: query.length, end: query.length }];
}

/** The error of a query, an order or a list of fields that cannot be read on at a position. */
export function unreadable(query: string, at: number, expected: string, found: string, hint?: string): AppError {
  return new AppError(
    "invalid_argument",
    `Cannot read "${query.length > 200 ? `${query.slice(0, 200)}…` : query}" at character ${at + 1}: expected ${expected}, found ${found}.`,
    {
      hint: hint ?? "An example: metrics.auc > 0.8 AND (params.kind = 'trees' OR tags.team IS NULL)",
      details: { position: at + 1, expected, found },
    },
  );
}

function wordAt(query: string, at: number): Token | undefined {
  const text = match(word, query, at);
  if (text === undefined) return undefined;
  const key = text.endsWith(".") ? quotedAt(query, at + text.length) : undefined;
  if (key === undefined) return { kind: "word", text, at, end: at + text.length };
  return { kind: "field", text: text.slice(0, -1), key: key.text, at, end: key.end };
}

/** A quote within quotes is doubled. */
function quotedAt(query: string, at: number): Token | undefined {
  const quote = query[at]!;
  if (quote !== "'" && quote !== '"' && quote !== "`") return undefined;
  for (let end = query.indexOf(quote, at + 1); end >= 0; end = query.indexOf(quote, end + 2)) {
    if (query[end + 1] !== quote) return { kind: "quoted", text: query.slice(at + 1, end).replaceAll(quote + quote, quote), at, end: end + 1 };
  }
  throw unreadable(query, at, `a closing ${quote}`, "the end", `A ${quote} within the text is written twice.`);
}

function operatorAt(query: string, at: number): Token | undefined {
  const text = match(operator, query, at);
  return text === undefined ? undefined : { kind: "operator", text: text === "==" ? "=" : text === "<>" ? "!=" : text, at, end: at + text.length };
}

function match(pattern: RegExp, query: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(query)?.[0];
}
