import { closestName } from "#kit/close-names";
import type { FilterExpression, MacroDefinition, Parameter, Statement, Target, Template } from "./jinja-ast.ts";
import { tokenize } from "./jinja-lexer.ts";
import { parseExpression, parseFilter, parseTuple } from "./jinja-parse-expression.ts";
import { templateError, type TemplateSource } from "./jinja-source.ts";
import {
  advance,
  current,
  expectKind,
  expectOperator,
  isName,
  isOperator,
  nested,
  skipIf,
  unexpected,
  type TokenStream,
} from "./jinja-token-stream.ts";

/** Parses a whole template into its syntax tree. Throws `sql_error` with file, line, column and a caret where it is not Jinja. */
export function parseTemplate(source: TemplateSource): Template {
  const stream: TokenStream = { source, tokens: tokenize(source), index: 0, depth: 0, readNames: [] };
  const body = parseBody(stream, []);
  return { source, body };
}

/**
 * Reads statements up to one of the `until` tags and stops before that tag's name; without `until`, to the end of the file.
 */
function parseBody(stream: TokenStream, until: string[], opener?: { tag: string; at: number }): Statement[] {
  const body: Statement[] = [];
  for (;;) {
    const token = current(stream);
    if (token.kind === "end") {
      if (opener === undefined) return body;
      throw templateError({ source: stream.source, at: opener.at }, `This \`{% ${opener.tag} %}\` is never closed.`, {
        hint: `Close it with \`{% ${until.at(-1)} %}\`.`,
      });
    }
    advance(stream);
    if (token.kind === "data") body.push({ type: "data", text: token.text, at: token.at });
    else if (token.kind === "output_begin") {
      const value = parseTuple(stream);
      expectKind(stream, "output_end", "`}}`");
      body.push({ type: "output", value, at: token.at });
    } else {
      if (isName(stream, ...until)) return body;
      body.push(nested(stream, () => parseTag(stream)));
      expectKind(stream, "tag_end", "`%}`");
    }
  }
}

/** One tag: reads from its name to just before its closing `%}`. A new tag of dbt's is a new entry here. */
const tagParsers: Record<string, (stream: TokenStream, at: number) => Statement> = {
  if: parseIf,
  for: parseFor,
  set: parseSet,
  macro: (stream, at) => ({ type: "macro", macro: parseMacro(stream, at, "macro", "endmacro", ""), at }),
  test: (stream, at) => ({ type: "macro", macro: parseMacro(stream, at, "test", "endtest", "test_"), at }),
  data_test: (stream, at) => ({ type: "macro", macro: parseMacro(stream, at, "data_test", "enddata_test", "test_"), at }),
  call: parseCallBlock,
  filter: parseFilterBlock,
  with: parseWith,
  do: (stream, at) => ({ type: "do", value: parseTuple(stream), at }),
  break: (_stream, at) => ({ type: "break", at }),
  continue: (_stream, at) => ({ type: "continue", at }),
};

/** Tags of dbt and Jinja2 that are known but mean nothing here yet. */
const unsupportedTags = ["materialization", "snapshot", "docs", "include", "import", "from", "extends", "block", "autoescape", "print", "trans"];

function parseTag(stream: TokenStream): Statement {
  const token = expectKind(stream, "name", "the name of a tag");
  const parse = Object.hasOwn(tagParsers, token.text) ? tagParsers[token.text] : undefined;
  if (parse !== undefined) return parse(stream, token.at);
  if (unsupportedTags.includes(token.text))
    throw templateError({ source: stream.source, at: token.at }, `The tag \`${token.text}\` is not supported.`);
  const isEnd = token.text.startsWith("end") || token.text === "else" || token.text === "elif";
  const close = closestName(token.text, Object.keys(tagParsers));
  throw templateError(
    { source: stream.source, at: token.at },
    isEnd ? `\`${token.text}\` closes nothing here.` : `There is no tag \`${token.text}\`.`,
    {
      ...(close !== undefined && !isEnd && { hint: `Did you mean \`${close}\`?` }),
    },
  );
}

/** Reads the body behind a tag's head, up to and including the name of the tag that ends it, which it returns. */
function parseBlock(stream: TokenStream, opener: { tag: string; at: number }, until: string[]): { body: Statement[]; end: string } {
  skipIf(stream, "operator", ":");
  expectKind(stream, "tag_end", "`%}`");
  const body = parseBody(stream, until, opener);
  return { body, end: advance(stream).text };
}

function parseIf(stream: TokenStream, at: number): Statement {
  const branches: { test: ReturnType<typeof parseTuple>; body: Statement[] }[] = [];
  for (;;) {
    const test = parseTuple(stream, { conditional: false });
    const { body, end } = parseBlock(stream, { tag: "if", at }, ["elif", "else", "endif"]);
    branches.push({ test, body });
    if (end === "elif") continue;
    const otherwise = end === "else" ? parseBlock(stream, { tag: "if", at }, ["endif"]).body : [];
    return { type: "if", branches, otherwise, at };
  }
}

function parseFor(stream: TokenStream, at: number): Statement {
  const target = parseTarget(stream, "in");
  if (!skipIf(stream, "name", "in")) throw unexpected(stream, "`in`");
  const iterable = parseTuple(stream, { conditional: false, endName: "recursive" });
  const filter = skipIf(stream, "name", "if") ? parseExpression(stream) : undefined;
  const recursive = skipIf(stream, "name", "recursive");
  const { body, end } = parseBlock(stream, { tag: "for", at }, ["else", "endfor"]);
  const otherwise = end === "else" ? parseBlock(stream, { tag: "for", at }, ["endfor"]).body : [];
  return { type: "for", target, iterable, filter, recursive, body, otherwise, at };
}

function parseSet(stream: TokenStream, at: number): Statement {
  const target = parseTarget(stream);
  if (skipIf(stream, "operator", "=")) return { type: "set", target, value: parseTuple(stream), at };
  const filter = parseFilterChain(stream);
  const { body } = parseBlock(stream, { tag: "set", at }, ["endset"]);
  return { type: "set_block", target, filter, body, at };
}

function parseFilterChain(stream: TokenStream): FilterExpression | undefined {
  let filter: FilterExpression | undefined;
  while (skipIf(stream, "operator", "|")) filter = parseFilter(stream, filter);
  return filter;
}

function parseFilterBlock(stream: TokenStream, at: number): Statement {
  let filter = parseFilter(stream, undefined);
  while (skipIf(stream, "operator", "|")) filter = parseFilter(stream, filter);
  const { body } = parseBlock(stream, { tag: "filter", at }, ["endfilter"]);
  return { type: "filter_block", filter, body, at };
}

function parseWith(stream: TokenStream, at: number): Statement {
  const assignments: { target: Target; value: ReturnType<typeof parseExpression> }[] = [];
  while (current(stream).kind !== "tag_end") {
    if (assignments.length > 0) expectOperator(stream, ",");
    const target = parseTarget(stream);
    expectOperator(stream, "=");
    assignments.push({ target, value: parseExpression(stream) });
  }
  const { body } = parseBlock(stream, { tag: "with", at }, ["endwith"]);
  return { type: "with", assignments, body, at };
}

function parseMacro(stream: TokenStream, at: number, tag: string, end: string, prefix: string): MacroDefinition {
  const name = prefix + expectKind(stream, "name", "the name of the macro").text;
  return parseDefinition(stream, name, () => parseParameters(stream), { tag, at }, end);
}

function parseCallBlock(stream: TokenStream, at: number): Statement {
  let call: ReturnType<typeof parseExpression> | undefined;
  const head = () => {
    const parameters = isOperator(stream, "(") ? parseParameters(stream) : [];
    call = parseExpression(stream);
    if (call.type !== "call") throw templateError({ source: stream.source, at: call.at }, "A call block needs a call, such as `{% call name() %}`.");
    return parameters;
  };
  const caller = parseDefinition(stream, "caller", head, { tag: "call", at }, "endcall");
  return { type: "call_block", call: call!, caller, at }; // `head` has run and set it
}

function parseDefinition(
  stream: TokenStream,
  name: string,
  head: () => Parameter[],
  opener: { tag: string; at: number },
  end: string,
): MacroDefinition {
  const names = new Set<string>();
  stream.readNames.push(names);
  const parameters = head();
  const { body } = parseBlock(stream, opener, [end]);
  stream.readNames.pop();
  return { name, parameters, body, uses: { varargs: names.has("varargs"), kwargs: names.has("kwargs"), caller: names.has("caller") } };
}

function parseParameters(stream: TokenStream): Parameter[] {
  expectOperator(stream, "(");
  const parameters: Parameter[] = [];
  while (!isOperator(stream, ")")) {
    if (parameters.length > 0) expectOperator(stream, ",");
    if (isOperator(stream, ")")) break;
    const name = expectKind(stream, "name", "the name of a parameter");
    const fallback = skipIf(stream, "operator", "=") ? parseExpression(stream) : undefined;
    if (fallback === undefined && parameters.at(-1)?.fallback !== undefined) {
      throw templateError({ source: stream.source, at: name.at }, `The parameter \`${name.text}\` has no default but follows one that has.`);
    }
    parameters.push({ name: name.text, fallback });
  }
  expectOperator(stream, ")");
  return parameters;
}

/** Parses what is assigned to: `name`, `namespace.name`, `a, b` or `(a, b)`. `endName` ends a list with a trailing comma. */
function parseTarget(stream: TokenStream, endName?: string): Target {
  const { at } = current(stream);
  const items: Target[] = [];
  let isTuple = false;
  do {
    if (items.length > 0 && ((endName !== undefined && isName(stream, endName)) || isOperator(stream, "="))) break;
    items.push(parseSingleTarget(stream));
    if (isOperator(stream, ",")) isTuple = true;
  } while (current(stream).kind === "operator" && skipIf(stream, "operator", ","));
  return isTuple ? { type: "tuple", items, at } : items[0]!;
}

const reservedNames = ["true", "false", "none", "True", "False", "None"];

function parseSingleTarget(stream: TokenStream): Target {
  if (skipIf(stream, "operator", "(")) {
    const target = nested(stream, () => parseTarget(stream));
    expectOperator(stream, ")");
    return target;
  }
  const name = expectKind(stream, "name", "a name to assign to");
  if (reservedNames.includes(name.text)) throw templateError({ source: stream.source, at: name.at }, `\`${name.text}\` cannot be assigned to.`);
  if (!skipIf(stream, "operator", ".")) return { type: "name", name: name.text, at: name.at };
  return { type: "attribute", name: name.text, attribute: expectKind(stream, "name", "the name of an attribute").text, at: name.at };
}
