import type { TemplateSource } from "./jinja-source.ts";

/** The syntax tree of a template. Every node carries `at`, the offset in its source that an error about it should point to. */
export interface Template {
  source: TemplateSource;
  body: Statement[];
}

export type Expression = { at: number } & (
  | { type: "constant"; value: null | boolean | bigint | number | string }
  | { type: "name"; name: string }
  | { type: "list" | "tuple"; items: Expression[] }
  | { type: "dict"; items: { key: Expression; value: Expression }[] }
  | { type: "attribute"; target: Expression; name: string }
  | { type: "item"; target: Expression; index: Expression }
  | { type: "slice"; start: Expression | undefined; stop: Expression | undefined; step: Expression | undefined }
  | { type: "call"; target: Expression; args: CallArguments }
  | FilterFields
  | { type: "test"; target: Expression; name: string; args: CallArguments }
  | { type: "unary"; operator: "not" | "-" | "+"; operand: Expression }
  | { type: "binary"; operator: BinaryOperator; left: Expression; right: Expression }
  | { type: "logic"; operator: "and" | "or"; left: Expression; right: Expression }
  | { type: "compare"; first: Expression; rest: { operator: CompareOperator; right: Expression }[] }
  | { type: "concat"; parts: Expression[] }
  | { type: "conditional"; test: Expression; then: Expression; otherwise: Expression | undefined }
);

/** `target` is undefined at the start of the chain of `{% filter … %}` and `{% set x | … %}`, where the block's text takes its place. */
interface FilterFields {
  type: "filter";
  target: Expression | undefined;
  name: string;
  args: CallArguments;
}
export type FilterExpression = FilterFields & { at: number };

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";
export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export interface CallArguments {
  positional: Expression[];
  named: { name: string; value: Expression }[];
  splat: Expression | undefined;
  namedSplat: Expression | undefined;
}

/** What a value is assigned to: a name, `a, b`, or the attribute of a namespace. */
export type Target = { at: number } & (
  | { type: "name"; name: string }
  | { type: "tuple"; items: Target[] }
  | { type: "attribute"; name: string; attribute: string }
);

export interface Parameter {
  name: string;
  fallback: Expression | undefined;
}

/** A macro or the body of a call block; `uses` tells which of the implicit names its body reads, which decides what it accepts. */
export interface MacroDefinition {
  name: string;
  parameters: Parameter[];
  body: Statement[];
  uses: { varargs: boolean; kwargs: boolean; caller: boolean };
}

export type Statement = { at: number } & (
  | { type: "data"; text: string }
  | { type: "output"; value: Expression }
  | { type: "if"; branches: { test: Expression; body: Statement[] }[]; otherwise: Statement[] }
  | {
      type: "for";
      target: Target;
      iterable: Expression;
      filter: Expression | undefined;
      recursive: boolean;
      body: Statement[];
      otherwise: Statement[];
    }
  | { type: "set"; target: Target; value: Expression }
  | { type: "set_block"; target: Target; filter: FilterExpression | undefined; body: Statement[] }
  | { type: "macro"; macro: MacroDefinition }
  | { type: "call_block"; call: Expression; caller: MacroDefinition }
  | { type: "filter_block"; filter: FilterExpression; body: Statement[] }
  | { type: "with"; assignments: { target: Target; value: Expression }[]; body: Statement[] }
  | { type: "do"; value: Expression }
  | { type: "break" | "continue" }
);
