import type { Value } from "./jinja-values.ts";

/** Leaves a macro with a value of any type: what dbt's `return()` throws, and the macro around it catches. */
export class ReturnSignal extends Error {
  readonly value: Value;
  constructor(value: Value) {
    super("return");
    this.name = "ReturnSignal";
    this.value = value;
  }
}
