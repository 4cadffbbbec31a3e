import { templateError, type TemplateSource } from "./jinja-source.ts";
import { ValueFault, type Value } from "./jinja-values.ts";

/** What is being written, in pieces that know the place in the template they come from. */
export interface Output {
  pieces: { text: string; source: TemplateSource; at: number }[];
}

/** Names in force. Looked up outward; `set` writes to the innermost. `resolve` supplies names on demand (the globals of dbt). */
export interface Scope {
  names: Map<string, Value>;
  parent: Scope | undefined;
  resolve?: (name: string) => Value | undefined;
}

/** A filter gets the value, then the arguments of the call; by the run `map`, `select` and their kin find others by name. */
export type FilterFunction = (value: Value, args: Value[], named: Map<string, Value>, run: Run) => Value;
export type TestFunction = (value: Value, args: Value[], named: Map<string, Value>, run: Run) => boolean;

export interface Limits {
  /** Expressions and statements evaluated. */
  steps: number;
  /** Macro calls within macro calls. */
  depth: number;
  /** Characters written. */
  output: number;
}

export const defaultLimits: Limits = { steps: 5_000_000, depth: 100, output: 16_000_000 };

/** The state of one rendering. */
export interface Run {
  filters: Record<string, FilterFunction>;
  tests: Record<string, TestFunction>;
  limits: Limits;
  steps: number;
  written: number;
  /** Where evaluation stands, for errors. */
  source: TemplateSource;
  at: number;
  /** The macros being called, outermost first. */
  calls: { name: string; source: TemplateSource; at: number }[];
}

export function lookUp(scope: Scope, name: string): Value | undefined {
  for (let inner: Scope | undefined = scope; inner !== undefined; inner = inner.parent) {
    const value = inner.names.get(name);
    if (value !== undefined) return value;
    const resolved = inner.resolve?.(name);
    if (resolved !== undefined) return resolved;
  }
  return undefined;
}

export function innerScope(parent: Scope): Scope {
  return { names: new Map(), parent };
}

/** Counts one step and notes the place; throws when the template has used up its steps. */
export function step(run: Run, at: number): void {
  run.at = at;
  if (++run.steps > run.limits.steps) {
    throw new ValueFault(`The template takes more than ${run.limits.steps} steps.`, "Look for a loop over far too many items.");
  }
}

export function write(run: Run, output: Output, text: string, at: number): void {
  if (text === "") return;
  run.written += text.length;
  if (run.written > run.limits.output) throw new ValueFault(`The template writes more than ${run.limits.output} characters.`);
  output.pieces.push({ text, source: run.source, at });
}

export function textOf(output: Output): string {
  return output.pieces.map((piece) => piece.text).join("");
}

/** Gives a fault of the values its place: file, line, column, and the macros on the way there. */
export function located(run: Run, fault: ValueFault): Error {
  const within = run.calls
    .toReversed()
    .map((call) => `macro \`${call.name}\`, called from ${call.source.file}:${call.source.text.slice(0, call.at).split("\n").length}`);
  return templateError({ source: run.source, at: run.at }, fault.message, {
    ...(fault.hint !== undefined && { hint: fault.hint }),
    within,
    cause: fault,
  });
}
