import { templateError, type TemplateSource } from "./jinja-source.ts";

export type TokenKind =
  | "data"
  | "output_begin"
  | "output_end"
  | "tag_begin"
  | "tag_end"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "end";

/** `text` is the value for data and strings (unescaped), the spelling for the rest. `at` and `end` are offsets in the source. */
export interface Token {
  kind: TokenKind;
  text: string;
  at: number;
  end: number;
}

/**
 * Splits a Jinja template into tokens, with the whitespace rules of Jinja2's defaults as dbt uses them: a `-` inside a delimiter
 * strips the text beside it, blocks keep their newline, and one newline at the very end of the file is dropped.
 */
export function tokenize(source: TemplateSource): Token[] {
  const text = source.text.endsWith("\n") ? source.text.slice(0, -1) : source.text;
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    const opener = /\{[{%#]/g;
    opener.lastIndex = position;
    const start = opener.exec(text)?.index ?? -1;
    if (start < 0) {
      pushData(tokens, text.slice(position), position);
      break;
    }
    const sign = /[-+]/.test(text[start + 2] ?? "") ? text[start + 2]! : "";
    const data = text.slice(position, start);
    pushData(tokens, sign === "-" ? data.trimEnd() : data, position);
    const inner = start + 2 + sign.length;
    const raw = matchAt(/\{%[-+]?\s*raw\s*(-%\}\s*|%\})/y, text, start);
    if (text[start + 1] === "#") position = skipComment(source, text, start, inner);
    else if (raw !== undefined) position = readRaw(source, text, tokens, start, start + raw.length);
    else position = readTag(source, text, tokens, start, inner);
  }
  tokens.push({ kind: "end", text: "", at: text.length, end: text.length });
  return tokens;
}

function pushData(tokens: Token[], text: string, at: number): void {
  if (text !== "") tokens.push({ kind: "data", text, at, end: at + text.length });
}

function skipComment(source: TemplateSource, text: string, start: number, inner: number): number {
  const close = text.indexOf("#}", inner);
  if (close < 0) throw templateError({ source, at: start }, "This comment is never closed.", { hint: "Close it with `#}`." });
  const stripped = close > inner && text[close - 1] === "-";
  return stripped ? skipSpace(text, close + 2) : close + 2;
}

function readRaw(source: TemplateSource, text: string, tokens: Token[], start: number, from: number): number {
  const closing = /\{%([-+]?)\s*endraw\s*(-%\}\s*|\+?%\})/g;
  closing.lastIndex = from;
  const match = closing.exec(text);
  if (match === null) throw templateError({ source, at: start }, "This raw block is never closed.", { hint: "Close it with `{% endraw %}`." });
  const data = text.slice(from, match.index);
  pushData(tokens, match[1] === "-" ? data.trimEnd() : data, from);
  return match.index + match[0].length;
}

const closers: Record<string, string> = { "(": ")", "[": "]", "{": "}" };
const tokenPatterns: [TokenKind, RegExp][] = [
  ["float", /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy],
  ["integer", /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy],
  ["name", /[\p{L}_][\p{L}\p{N}\p{M}_]*/uy],
  ["string", /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y],
  ["operator", /\/\/|\*\*|==|!=|>=|<=|[-+*/%~[\](){}=<>.:|,;]/y],
];

/** Reads one `{{ … }}` or `{% … %}`; returns the offset behind it. A closing delimiter counts only where brackets are balanced. */
function readTag(source: TemplateSource, text: string, tokens: Token[], start: number, inner: number): number {
  const isOutput = text[start + 1] === "{";
  const name = isOutput ? "output" : "tag";
  const end = isOutput ? /-\}\}\s*|\}\}/y : /-%\}\s*|\+?%\}/y;
  const open: { closer: string; at: number }[] = [];
  tokens.push({ kind: `${name}_begin`, text: text.slice(start, inner), at: start, end: inner });
  let position = skipSpace(text, inner);
  while (position < text.length) {
    const closing = open.length === 0 ? matchAt(end, text, position) : undefined;
    if (closing !== undefined) {
      tokens.push({ kind: `${name}_end`, text: closing, at: position, end: position + closing.length });
      return position + closing.length;
    }
    const token = readToken(source, text, position, tokens.at(-1));
    if (token.kind === "operator") {
      if (token.text in closers) open.push({ closer: closers[token.text]!, at: position });
      else if (/^[)\]}]$/.test(token.text)) {
        const expected = open.pop()?.closer;
        if (expected !== token.text) {
          throw templateError({ source, at: position }, `Unexpected \`${token.text}\`${expected === undefined ? "" : `, expected \`${expected}\``}.`);
        }
      }
    }
    tokens.push(token);
    position = skipSpace(text, token.end);
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) throw templateError({ source, at: unclosed.at }, `This bracket is never closed (expected \`${unclosed.closer}\`).`);
  throw templateError({ source, at: start }, `This \`${isOutput ? "{{" : "{%"}\` is never closed.`, {
    hint: `Close it with \`${isOutput ? "}}" : "%}"}\`.`,
  });
}

function readToken(source: TemplateSource, text: string, at: number, previous: Token | undefined): Token {
  for (const [kind, pattern] of tokenPatterns) {
    if (kind === "float" && previous?.text === "." && previous.end === at) continue; // `pair.0.1` is two look-ups, not a number
    const match = matchAt(pattern, text, at);
    if (match === undefined) continue;
    return { kind, text: kind === "string" ? unescape(source, match.slice(1, -1), at) : match, at, end: at + match.length };
  }
  const character = String.fromCodePoint(text.codePointAt(at)!);
  const message = /['"]/.test(character) ? "This text is never closed." : `Unexpected character \`${character}\`.`;
  throw templateError({ source, at }, message, { ...(/['"]/.test(character) && { hint: `Close it with \`${character}\`.` }) });
}

const simpleEscapes: Record<string, string> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\u0007",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "\n": "",
};

/** Python's string escapes; an unknown escape stays as written. */
function unescape(source: TemplateSource, body: string, at: number): string {
  return body.replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|[\s\S])/g, (whole, escape: string) => {
    if (/^[xuU]./.test(escape) || /^[0-7]/.test(escape)) {
      const code = Number.parseInt(/^[0-7]/.test(escape) ? escape : escape.slice(1), /^[0-7]/.test(escape) ? 8 : 16);
      if (code > 0x10ffff) throw templateError({ source, at }, `\`${whole}\` is not a character.`);
      return String.fromCodePoint(code);
    }
    if (/^[xuU]$/.test(escape)) throw templateError({ source, at }, `The escape \`${whole}\` is cut short.`);
    return simpleEscapes[escape] ?? whole;
  });
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function skipSpace(text: string, at: number): number {
  return at + (matchAt(/\s*/y, text, at)?.length ?? 0);
}
