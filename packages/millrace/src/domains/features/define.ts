import { z } from "zod";
import { AppError } from "#kit/app-error";
import { durationMs, durationName, type Duration } from "#kit/duration";
import { entitySchema, featureViewSchema, isNumeric, type Aggregate, type BoundView, type Entity, type FeatureView } from "./model.ts";

/** A typed handle on a SQL model, as generated into a project's `#models`: column names with their SQL types. */
export interface TableHandle {
  readonly kind: string;
  readonly name: string;
  readonly columns: Readonly<Record<string, string>>;
}

type NumberType =
  | `${"" | "U"}${"TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT"}`
  | "FLOAT"
  | "DOUBLE"
  | "DECIMAL"
  | `DECIMAL(${number},${number})`
  | "BOOLEAN";
type TimeType = "DATE" | `TIMESTAMP${string}`;

/** Columns of a handle; with a type, only those of that SQL type. A handle whose types the compiler does not know admits every column. */
export type ColumnOf<T extends TableHandle, Type extends string = string> = {
  [C in keyof T["columns"] & string]: string extends T["columns"][C] ? C : T["columns"][C] extends Type ? C : never;
}[keyof T["columns"] & string];

type TypedEntity<Keys extends readonly string[]> = Omit<Entity, "keys"> & { keys: Keys };
type AggregateOf<Column extends string> = Aggregate & { column?: Column };
type TypedBoundView<On extends string> = Omit<BoundView, "on"> & { on: On[] };

/** A feature view together with `at`, which binds it to a row that asks. */
export type DefinedFeatureView<Keys extends readonly string[] = readonly string[]> = FeatureView & {
  /** Binds the view to columns of the row that asks, in the order of the entity's keys: `departed.at("origin")`. */
  at<const On extends { readonly [I in keyof Keys]: string }>(...on: On): TypedBoundView<On[number]>;
};

interface FeatureViewOptions<T extends TableHandle, Keys extends readonly string[]> {
  entity: TypedEntity<Keys>;
  /** The SQL model whose rows are the events. */
  from: T;
  /** When the event happened. */
  time: ColumnOf<T, TimeType>;
  /** When its outcome becomes known; nobody sees the event before. Default: `time`. */
  known?: ColumnOf<T, TimeType>;
  /** How far back to look: `["1h", "7d"]` or milliseconds. */
  windows: readonly Duration[];
  features: Readonly<Record<string, AggregateOf<ColumnOf<T, NumberType>>>>;
}

/** `on` may be left out where the model has columns named like the entity's keys. */
type OnOption<T extends TableHandle, Keys extends readonly string[]> =
  Keys[number] extends ColumnOf<T>
    ? { on?: ColumnOf<T> | { readonly [I in keyof Keys]: ColumnOf<T> } }
    : { on: ColumnOf<T> | { readonly [I in keyof Keys]: ColumnOf<T> } };

interface AggregateOptions {
  /** The windows to compute, where not all of the view's are wanted. */
  windows?: readonly Duration[];
}

/** Names what features are about. Its key is a column of the same name unless `keys` says otherwise. */
export function entity<const Name extends string>(name: Name): TypedEntity<readonly [Name]>;
export function entity<const Keys extends readonly string[]>(name: string, options: { keys: Keys }): TypedEntity<Keys>;
export function entity(name: string, options: { keys: readonly string[] } = { keys: [name] }): TypedEntity<readonly string[]> {
  return parse(entitySchema, `Entity \`${name}\``, { kind: "entity", name, keys: options.keys });
}

/** Number of events in the window; 0 when there are none. */
export function count(options: AggregateOptions = {}): AggregateOf<never> {
  return { op: "count", ...windowNames(options) };
}

/** Mean of a column over the window (of a boolean: the share that is true), skipping nulls. */
export function mean<const Column extends string>(column: Column, options: AggregateOptions = {}): AggregateOf<Column> {
  return { op: "mean", column, ...windowNames(options) };
}

/** Sum of a column over the window, skipping nulls; missing when there is nothing to add. */
export function sum<const Column extends string>(column: Column, options: AggregateOptions = {}): AggregateOf<Column> {
  return { op: "sum", column, ...windowNames(options) };
}

/** The value that became known last within the window, skipping nulls. */
export function last<const Column extends string>(column: Column, options: AggregateOptions = {}): AggregateOf<Column> {
  return { op: "last", column, ...windowNames(options) };
}

/** Smallest value within the window, skipping nulls. */
export function min<const Column extends string>(column: Column, options: AggregateOptions = {}): AggregateOf<Column> {
  return { op: "min", column, ...windowNames(options) };
}

/** Largest value within the window, skipping nulls. */
export function max<const Column extends string>(column: Column, options: AggregateOptions = {}): AggregateOf<Column> {
  return { op: "max", column, ...windowNames(options) };
}

/**
 * Defines features once for the training join, the online read and the stream. A row that asks at time t sees the events with
 * t − window ≤ known < t, never one that becomes known at t itself. Throws `invalid_definition`.
 */
export function featureView<const T extends TableHandle, const Keys extends readonly string[]>(
  name: string,
  options: FeatureViewOptions<T, Keys> & OnOption<T, Keys>,
): DefinedFeatureView<Keys> {
  const { entity: about, from } = options;
  // `on` may be one column, a tuple of them, or left out; the conditional types above have checked which.
  const given = options.on as string | readonly string[] | undefined;
  const on = given === undefined ? [...about.keys] : typeof given === "string" ? [given] : [...given];
  const known = options.known ?? options.time;
  const measured = Object.values<Aggregate>(options.features).flatMap((aggregate) => (aggregate.op === "count" ? [] : [aggregate.column]));
  const used = new Set<string>([...on, options.time, known, ...measured]);
  const definition = parse(featureViewSchema, `Feature view \`${name}\``, {
    kind: "feature_view",
    name,
    entity: about,
    on,
    from: { name: from.name, columns: Object.fromEntries(Object.entries(from.columns).filter(([column]) => used.has(column))) },
    time: options.time,
    known,
    windows: options.windows.map((window) => ({ name: durationName(window), ms: durationMs(window) })),
    features: Object.entries(options.features).map(([feature, aggregate]) => ({ name: feature, aggregate })),
  });
  check(definition, used);
  return { ...definition, at: (...columns) => bind(definition, columns) };
}

function bind<On extends readonly string[]>(view: FeatureView, on: On): TypedBoundView<On[number]> {
  if (on.length !== view.entity.keys.length) {
    throw new AppError(
      "invalid_definition",
      `Feature view \`${view.name}\` is about ${view.entity.keys.join(" + ")} but is bound to ${on.length} column(s).`,
      { hint: `Give \`at()\` one column for each of: ${view.entity.keys.join(", ")}.` },
    );
  }
  return { view, on: [...on] };
}

function check(view: FeatureView, used: ReadonlySet<string>): void {
  const fail = (message: string, hint: string) => new AppError("invalid_definition", `Feature view \`${view.name}\` ${message}`, { hint });
  const columns = view.from.columns;
  for (const column of used) {
    if (!(column in columns))
      throw fail(`uses column \`${column}\`, which \`${view.from.name}\` does not have.`, "Correct the name, or add the column to the SQL model.");
  }
  if (view.on.length !== view.entity.keys.length) {
    throw fail(`gives ${view.on.length} column(s) in \`on\` for the keys ${view.entity.keys.join(", ")}.`, "Give `on` one column a key.");
  }
  const windows = new Set(view.windows.map((window) => window.name));
  if (windows.size !== view.windows.length || new Set(view.windows.map((window) => window.ms)).size !== view.windows.length) {
    throw fail("has the same window twice.", "Keep one of them.");
  }
  for (const { name: feature, aggregate } of view.features) {
    const unknown = aggregate.windows?.find((window) => !windows.has(window));
    if (unknown !== undefined)
      throw fail(`asks for window ${unknown} in \`${feature}\` but has only ${[...windows].join(", ")}.`, "Add the window to the view's `windows`.");
    if (aggregate.op !== "count" && !isNumeric(columns[aggregate.column]!)) {
      throw fail(
        `takes the ${aggregate.op} of \`${aggregate.column}\`, which is ${columns[aggregate.column]}.`,
        "Choose a column of numbers or booleans.",
      );
    }
  }
}

function windowNames(options: AggregateOptions): { windows?: string[] } {
  return options.windows === undefined ? {} : { windows: options.windows.map(durationName) };
}

function parse<Schema extends z.ZodType>(schema: Schema, what: string, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError("invalid_definition", `${what} cannot be used: ${z.prettifyError(result.error).replaceAll("\n", " ")}.`);
}
