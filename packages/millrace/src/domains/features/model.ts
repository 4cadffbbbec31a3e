import { z } from "zod";

/**
 * The definitions as plain data: what the authoring functions of `define.ts` return, what is stored, hashed and sent to threads.
 *
 * Names. A feature is called `<feature>_<window>` inside its view (`late_rate_1h`) and `<alias>__<feature>_<window>` in a row
 * that asks (`from_origin__late_rate_1h`), where the alias is the key under which the row binds the view. Two underscores
 * separate the alias and nothing else, so a full name can be taken apart again.
 */
const name = z
  .string()
  .max(63)
  .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, "must be lower-case words joined by single underscores, such as `late_rate`");
const column = z.string().min(1);

export const entitySchema = z.object({ kind: z.literal("entity"), name, keys: z.array(column).min(1).max(8) });

const windowNames = z.array(z.string()).min(1);

/**
 * One aggregate over the events of a window. `count` counts events; the others take one column and skip its nulls, and are
 * missing (NaN) when nothing is left. `last` is the value of the event that became known last.
 */
export const aggregateSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("count"), windows: windowNames.optional() }),
  z.object({ op: z.enum(["mean", "sum", "last", "min", "max"]), column, windows: windowNames.optional() }),
]);

export const featureViewSchema = z.object({
  kind: z.literal("feature_view"),
  name,
  entity: entitySchema,
  /** Columns of `from` that hold the entity's keys, in the order of `entity.keys`. */
  on: z.array(column).min(1),
  /** The SQL model whose rows are the events, with the SQL types of the columns that the view uses. */
  from: z.object({ name: z.string().min(1), columns: z.record(z.string(), z.string()) }),
  /** When the event happened. */
  time: column,
  /** When its outcome can be known, which decides who sees it: `time` unless said otherwise. */
  known: column,
  windows: z.array(z.object({ name: z.string().min(1), ms: z.number().int().positive() })).min(1),
  /** A list, so that the order of the columns they make survives any way of storing the definition. */
  features: z.array(z.object({ name, aggregate: aggregateSchema })).min(1),
});

/** A view bound to the columns of the row that asks, in the order of the entity's keys. */
export const boundViewSchema = z.object({ view: featureViewSchema, on: z.array(column).min(1) });

export type Entity = z.infer<typeof entitySchema>;
export type Aggregate = z.infer<typeof aggregateSchema>;
export type FeatureView = z.infer<typeof featureViewSchema>;
export type BoundView = z.infer<typeof boundViewSchema>;

/** What a row's alias may be: the same rule as for names of views and features. */
export const aliasSchema = name;

/** A key of an entity as given by a caller: text, or a number for numeric key columns. */
export type KeyValue = string | number;

/** SQL types whose values are small whole numbers, whose running sums therefore are exact in a double. */
export function isSmallInteger(sqlType: string): boolean {
  return /^(BOOLEAN|U?TINYINT|U?SMALLINT|U?INTEGER)$/.test(sqlType);
}

/** Whether a key column of this SQL type holds numbers (dates and timestamps count as epoch milliseconds) rather than text. */
export function isNumeric(sqlType: string): boolean {
  return /^(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|REAL|DOUBLE|(DECIMAL|NUMERIC)(\(.*\))?|DATE|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE|TZ)?)$/.test(
    sqlType,
  );
}
