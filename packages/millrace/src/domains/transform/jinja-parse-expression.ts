import type { BinaryOperator, CallArguments, CompareOperator, Expression, FilterExpression } from "./jinja-ast.ts";
import { templateError } from "./jinja-source.ts";
import {
  advance,
  current,
  expectKind,
  expectOperator,
  isName,
  isOperator,
  nested,
  peek,
  skipIf,
  unexpected,
  type TokenStream,
} from "./jinja-token-stream.ts";

/** Parses one expression. Without `conditional` a trailing `if` is left alone, as in the head of a `for`. */
export function parseExpression(stream: TokenStream, conditional = true): Expression {
  return nested(stream, () => (conditional ? parseConditional(stream) : parseOr(stream)));
}

/** Parses an expression, or a tuple where commas follow: `a, b`. `endName` is a word that may follow a trailing comma. */
export function parseTuple(stream: TokenStream, options: { conditional?: boolean; parenthesised?: boolean; endName?: string } = {}): Expression {
  const { at } = current(stream);
  const items: Expression[] = [];
  let isTuple = false;
  while (!isTupleEnd(stream, options.endName)) {
    items.push(parseExpression(stream, options.conditional ?? true));
    if (!skipIf(stream, "operator", ",")) break;
    isTuple = true;
  }
  if (isTuple) return { type: "tuple", items, at };
  if (items.length > 0) return items[0]!;
  if (options.parenthesised === true) return { type: "tuple", items, at };
  throw unexpected(stream, "an expression");
}

function isTupleEnd(stream: TokenStream, endName: string | undefined): boolean {
  const { kind } = current(stream);
  return kind === "output_end" || kind === "tag_end" || isOperator(stream, ")") || (endName !== undefined && isName(stream, endName));
}

function parseConditional(stream: TokenStream): Expression {
  let value = parseOr(stream);
  while (isName(stream, "if")) {
    const { at } = advance(stream);
    const test = parseOr(stream);
    const otherwise = skipIf(stream, "name", "else") ? nested(stream, () => parseConditional(stream)) : undefined;
    value = { type: "conditional", test, then: value, otherwise, at };
  }
  return value;
}

function parseOr(stream: TokenStream): Expression {
  let left = parseAnd(stream);
  while (isName(stream, "or")) {
    const { at } = advance(stream);
    left = { type: "logic", operator: "or", left, right: parseAnd(stream), at };
  }
  return left;
}

function parseAnd(stream: TokenStream): Expression {
  let left = parseNot(stream);
  while (isName(stream, "and")) {
    const { at } = advance(stream);
    left = { type: "logic", operator: "and", left, right: parseNot(stream), at };
  }
  return left;
}

function parseNot(stream: TokenStream): Expression {
  if (!isName(stream, "not")) return parseCompare(stream);
  const { at } = advance(stream);
  return { type: "unary", operator: "not", operand: nested(stream, () => parseNot(stream)), at };
}

const compareOperators: readonly string[] = ["==", "!=", "<", "<=", ">", ">="] satisfies CompareOperator[];

function parseCompare(stream: TokenStream): Expression {
  const { at } = current(stream);
  const first = parseSum(stream);
  const rest: { operator: CompareOperator; right: Expression }[] = [];
  for (;;) {
    const operator = readCompareOperator(stream);
    if (operator === undefined) break;
    rest.push({ operator, right: parseSum(stream) });
  }
  return rest.length === 0 ? first : { type: "compare", first, rest, at };
}

function readCompareOperator(stream: TokenStream): CompareOperator | undefined {
  const token = current(stream);
  if (token.kind === "operator" && compareOperators.includes(token.text)) return advance(stream).text as CompareOperator; // membership was just checked
  if (skipIf(stream, "name", "in")) return "in";
  if (isName(stream, "not") && peek(stream).kind === "name" && peek(stream).text === "in") {
    advance(stream);
    advance(stream);
    return "not in";
  }
  return undefined;
}

function parseSum(stream: TokenStream): Expression {
  return parseBinary(stream, ["+", "-"], parseConcat);
}

function parseConcat(stream: TokenStream): Expression {
  const { at } = current(stream);
  const parts = [parseProduct(stream)];
  while (skipIf(stream, "operator", "~")) parts.push(parseProduct(stream));
  return parts.length === 1 ? parts[0]! : { type: "concat", parts, at };
}

function parseProduct(stream: TokenStream): Expression {
  return parseBinary(stream, ["*", "/", "//", "%"], parsePower);
}

/** Left-associative, unlike Python's: Jinja2 reads `2 ** 3 ** 2` as 64. */
function parsePower(stream: TokenStream): Expression {
  return parseBinary(stream, ["**"], (inner) => parseUnary(inner, true));
}

function parseBinary(stream: TokenStream, operators: BinaryOperator[], operand: (stream: TokenStream) => Expression): Expression {
  let left = operand(stream);
  for (;;) {
    const operator = operators.find((candidate) => isOperator(stream, candidate));
    if (operator === undefined) return left;
    const { at } = advance(stream);
    left = { type: "binary", operator, left, right: operand(stream), at };
  }
}

function parseUnary(stream: TokenStream, withFilters: boolean): Expression {
  const token = current(stream);
  let value: Expression;
  if (token.kind === "operator" && (token.text === "-" || token.text === "+")) {
    advance(stream);
    value = { type: "unary", operator: token.text, operand: nested(stream, () => parseUnary(stream, false)), at: token.at };
  } else value = parsePrimary(stream);
  value = parsePostfix(stream, value);
  return withFilters ? parseFiltersAndTests(stream, value) : value;
}

const literals: Record<string, boolean | null> = { true: true, True: true, false: false, False: false, none: null, None: null };

function parsePrimary(stream: TokenStream): Expression {
  const token = current(stream);
  const { at } = token;
  switch (token.kind) {
    case "name": {
      advance(stream);
      if (Object.hasOwn(literals, token.text)) return { type: "constant", value: literals[token.text]!, at };
      for (const names of stream.readNames) names.add(token.text);
      return { type: "name", name: token.text, at };
    }
    case "string": {
      let value = "";
      while (current(stream).kind === "string") value += advance(stream).text; // adjacent texts are one, as in Python
      return { type: "constant", value, at };
    }
    case "integer":
      advance(stream);
      return { type: "constant", value: BigInt(token.text.replaceAll("_", "")), at };
    case "float":
      advance(stream);
      return { type: "constant", value: Number(token.text.replaceAll("_", "")), at };
    case "operator":
      if (token.text === "(") {
        advance(stream);
        const value = parseTuple(stream, { parenthesised: true });
        expectOperator(stream, ")");
        return value;
      }
      if (token.text === "[") return { type: "list", items: parseListItems(stream), at };
      if (token.text === "{") return parseDict(stream);
      break;
    default:
  }
  throw unexpected(stream, "an expression");
}

function parseListItems(stream: TokenStream): Expression[] {
  expectOperator(stream, "[");
  const items: Expression[] = [];
  while (!isOperator(stream, "]")) {
    if (items.length > 0) expectOperator(stream, ",");
    if (isOperator(stream, "]")) break;
    items.push(parseExpression(stream));
  }
  expectOperator(stream, "]");
  return items;
}

function parseDict(stream: TokenStream): Expression {
  const { at } = expectOperator(stream, "{");
  const items: { key: Expression; value: Expression }[] = [];
  while (!isOperator(stream, "}")) {
    if (items.length > 0) expectOperator(stream, ",");
    if (isOperator(stream, "}")) break;
    const key = parseExpression(stream);
    expectOperator(stream, ":");
    items.push({ key, value: parseExpression(stream) });
  }
  expectOperator(stream, "}");
  return { type: "dict", items, at };
}

function parsePostfix(stream: TokenStream, start: Expression): Expression {
  let value = start;
  for (;;) {
    if (isOperator(stream, ".")) value = parseAttribute(stream, value);
    else if (isOperator(stream, "[")) value = parseItem(stream, value);
    else if (isOperator(stream, "(")) value = parseCall(stream, value);
    else return value;
  }
}

function parseAttribute(stream: TokenStream, target: Expression): Expression {
  advance(stream);
  const token = current(stream);
  if (token.kind === "integer") {
    advance(stream);
    return { type: "item", target, index: { type: "constant", value: BigInt(token.text.replaceAll("_", "")), at: token.at }, at: token.at };
  }
  const name = expectKind(stream, "name", "the name of an attribute");
  return { type: "attribute", target, name: name.text, at: name.at };
}

function parseItem(stream: TokenStream, target: Expression): Expression {
  const { at } = expectOperator(stream, "[");
  const items: Expression[] = [];
  do {
    if (isOperator(stream, "]") && items.length > 0) break;
    items.push(parseSubscript(stream));
  } while (skipIf(stream, "operator", ","));
  expectOperator(stream, "]");
  return { type: "item", target, index: items.length === 1 ? items[0]! : { type: "tuple", items, at }, at };
}

function parseSubscript(stream: TokenStream): Expression {
  const { at } = current(stream);
  const part = () => (isOperator(stream, ":") || isOperator(stream, "]") || isOperator(stream, ",") ? undefined : parseExpression(stream));
  const start = part();
  if (!skipIf(stream, "operator", ":")) {
    if (start === undefined) throw unexpected(stream, "an index");
    return start;
  }
  const stop = part();
  const step = skipIf(stream, "operator", ":") ? part() : undefined;
  return { type: "slice", start, stop, step, at };
}

function parseCall(stream: TokenStream, target: Expression): Expression {
  const { at } = current(stream);
  return { type: "call", target, args: parseCallArguments(stream), at: target.type === "name" || target.type === "attribute" ? target.at : at };
}

function parseCallArguments(stream: TokenStream): CallArguments {
  const args: CallArguments = { positional: [], named: [], splat: undefined, namedSplat: undefined };
  const start = expectOperator(stream, "(");
  const refuse = (reason: string) => templateError({ source: stream.source, at: current(stream).at }, reason);
  let first = true;
  while (!isOperator(stream, ")")) {
    if (current(stream).kind === "end") throw templateError({ source: stream.source, at: start.at }, "This call is never closed.");
    if (!first) expectOperator(stream, ",");
    if (isOperator(stream, ")")) break;
    first = false;
    if (skipIf(stream, "operator", "*")) {
      if (args.splat !== undefined || args.namedSplat !== undefined) throw refuse("A call takes one `*` argument, before `**`.");
      args.splat = parseExpression(stream);
    } else if (skipIf(stream, "operator", "**")) {
      if (args.namedSplat !== undefined) throw refuse("A call takes one `**` argument.");
      args.namedSplat = parseExpression(stream);
    } else if (current(stream).kind === "name" && peek(stream).kind === "operator" && peek(stream).text === "=") {
      if (args.namedSplat !== undefined) throw refuse("A named argument cannot follow `**`.");
      const name = advance(stream).text;
      advance(stream);
      if (args.named.some((other) => other.name === name)) throw refuse(`The argument \`${name}\` is given twice.`);
      args.named.push({ name, value: parseExpression(stream) });
    } else {
      if (args.named.length > 0 || args.splat !== undefined || args.namedSplat !== undefined) {
        throw refuse("A positional argument cannot follow a named one.");
      }
      args.positional.push(parseExpression(stream));
    }
  }
  expectOperator(stream, ")");
  return args;
}

function parseFiltersAndTests(stream: TokenStream, start: Expression): Expression {
  let value = start;
  for (;;) {
    if (isOperator(stream, "|")) {
      advance(stream);
      value = parseFilter(stream, value);
    } else if (isName(stream, "is")) value = parseTest(stream, value);
    else if (isOperator(stream, "(")) value = parseCall(stream, value);
    else return value;
  }
}

/** Parses a filter's name and arguments; the `|` before it has been read. */
export function parseFilter(stream: TokenStream, target: Expression | undefined): FilterExpression {
  const { at } = current(stream);
  const name = dottedName(stream, "the name of a filter");
  return { type: "filter", target, name, args: isOperator(stream, "(") ? parseCallArguments(stream) : noArguments(), at };
}

function parseTest(stream: TokenStream, target: Expression): Expression {
  advance(stream);
  const negated = skipIf(stream, "name", "not");
  const { at } = current(stream);
  const name = dottedName(stream, "the name of a test");
  let args = noArguments();
  if (isOperator(stream, "(")) args = parseCallArguments(stream);
  else if (startsTestArgument(stream)) {
    if (isName(stream, "is")) throw templateError({ source: stream.source, at: current(stream).at }, "Tests cannot be chained with `is`.");
    args.positional.push(parsePostfix(stream, parsePrimary(stream)));
  }
  const test: Expression = { type: "test", target, name, args, at };
  return negated ? { type: "unary", operator: "not", operand: test, at } : test;
}

/** A word after a test's name is its argument, except those that go on with the expression; `if` is one, as dbt's Jinja has it. */
function startsTestArgument(stream: TokenStream): boolean {
  const { kind } = current(stream);
  if (kind === "name") return !isName(stream, "else", "or", "and");
  return kind === "string" || kind === "integer" || kind === "float" || isOperator(stream, "[") || isOperator(stream, "{");
}

function dottedName(stream: TokenStream, expected: string): string {
  let name = expectKind(stream, "name", expected).text;
  while (skipIf(stream, "operator", ".")) name += `.${expectKind(stream, "name", expected).text}`;
  return name;
}

function noArguments(): CallArguments {
  return { positional: [], named: [], splat: undefined, namedSplat: undefined };
}
