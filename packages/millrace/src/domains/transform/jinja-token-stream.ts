import type { AppError } from "#kit/app-error";
import type { Token, TokenKind } from "./jinja-lexer.ts";
import { templateError, type TemplateSource } from "./jinja-source.ts";

/** What the parser reads from: the tokens, where it stands, and what it has noted on the way. */
export interface TokenStream {
  source: TemplateSource;
  tokens: Token[];
  index: number;
  /** How deep expressions and blocks are nested right now; bounded so that a hostile template cannot exhaust the stack. */
  depth: number;
  /** One set per macro being parsed: the names its body reads. */
  readNames: Set<string>[];
}

const maxDepth = 150;

export function current(stream: TokenStream): Token {
  return stream.tokens[stream.index]!; // the last token is `end`, which nothing advances past
}

export function peek(stream: TokenStream): Token {
  return stream.tokens[stream.index + 1] ?? current(stream);
}

export function advance(stream: TokenStream): Token {
  const token = current(stream);
  if (token.kind !== "end") stream.index++;
  return token;
}

export function isOperator(stream: TokenStream, text: string): boolean {
  const token = current(stream);
  return token.kind === "operator" && token.text === text;
}

export function isName(stream: TokenStream, ...texts: string[]): boolean {
  const token = current(stream);
  return token.kind === "name" && texts.includes(token.text);
}

/** Advances past an operator or name when it is the given one. */
export function skipIf(stream: TokenStream, kind: "operator" | "name", text: string): boolean {
  const matches = kind === "operator" ? isOperator(stream, text) : isName(stream, text);
  if (matches) advance(stream);
  return matches;
}

export function expectOperator(stream: TokenStream, text: string): Token {
  if (!isOperator(stream, text)) throw unexpected(stream, `\`${text}\``);
  return advance(stream);
}

export function expectKind(stream: TokenStream, kind: TokenKind, expected: string): Token {
  if (current(stream).kind !== kind) throw unexpected(stream, expected);
  return advance(stream);
}

export function unexpected(stream: TokenStream, expected: string): AppError {
  const token = current(stream);
  return templateError({ source: stream.source, at: token.at }, `Expected ${expected}, found ${describe(token)}.`);
}

function describe(token: Token): string {
  const named: Partial<Record<TokenKind, string>> = {
    end: "the end of the file",
    output_end: "`}}`",
    tag_end: "`%}`",
    string: "a text",
    integer: `the number ${token.text}`,
    float: `the number ${token.text}`,
  };
  return named[token.kind] ?? `\`${token.text}\``;
}

/** Runs a part of the parse one level deeper. */
export function nested<T>(stream: TokenStream, parse: () => T): T {
  if (stream.depth >= maxDepth) {
    throw templateError({ source: stream.source, at: current(stream).at }, `This is nested more than ${maxDepth} levels deep.`);
  }
  stream.depth++;
  try {
    return parse();
  } finally {
    stream.depth--;
  }
}
