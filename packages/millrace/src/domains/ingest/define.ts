import { z } from "zod";
import { AppError } from "#kit/app-error";

const name = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, "use lower-case letters, digits and underscores, starting with a letter");

export const sourceSchema = z.strictObject({
  kind: z.literal("source"),
  name,
  /** A path from the project's folder, or inside an installed package. */
  files: z.string().min(1),
  format: z.enum(["parquet", "csv", "json"]),
  /** Cuts the file into batches by a time column; each is ingested once, as one table version. */
  batch: z.strictObject({ by: z.string(), every: z.enum(["day", "week", "month"]), until: z.string().optional() }).optional(),
  /** Adds a column of this name with the row's position in the file: an id for rows that have none. */
  rowNumber: z.string().optional(),
});

export const topicSchema = z.strictObject({
  kind: z.literal("topic"),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, "use lower-case letters, digits and dashes, starting with a letter"),
  key: z.string(),
  time: z.string(),
  /** Columns of an event with their SQL types. */
  columns: z.record(z.string(), z.string()),
  /** The table that keeps the events. */
  table: z.string().optional(),
});

export type Source = z.output<typeof sourceSchema>;
export type Topic = z.output<typeof topicSchema>;

export interface SourceOptions {
  /** A Parquet, CSV or JSON file: a path from the project's folder, or inside an installed package. */
  files: string;
  /** The file's format; known from its ending otherwise. */
  format?: Source["format"];
  /** Batches of a file that is ordered in time. Rows at or after `until` are left for later. */
  batch?: { by: string; every: "day" | "week" | "month"; until?: string };
  /** Name of a column to add with the row's position in the file. */
  rowNumber?: string;
}

/** What comes in from files: it is kept, batch by batch, as the table `raw.<name>`. Throws `invalid_definition`. */
export function source(name: string, options: SourceOptions): Source {
  const ending = options.files.split(".").at(-1);
  const format = options.format ?? (ending === "csv" ? "csv" : ending === "json" || ending === "jsonl" ? "json" : "parquet");
  return check(sourceSchema, `Source "${name}"`, { kind: "source", name, ...options, format });
}

export interface TopicOptions<Columns extends Record<string, string>> {
  /** The model whose rows have the shape of the events. */
  of: { columns: Columns };
  /** Column whose value keeps events in order: those of one key stay in one partition. */
  key: keyof Columns & string;
  /** Column with the time at which the event happens, which is when it can be known. */
  time: keyof Columns & string;
  /** Columns the event carries; all of the model's otherwise. */
  columns?: readonly (keyof Columns & string)[];
  /** Keep the events as the table `raw.<name>` as well, where models can read them. */
  keep?: boolean;
}

/** What comes in as a stream of events: JSON objects on a topic of the log. Throws `invalid_definition`. */
export function topic<const Columns extends Record<string, string>>(name: string, options: TopicOptions<Columns>): Topic {
  const names = options.columns ?? Object.keys(options.of.columns);
  const columns = Object.fromEntries(names.map((column) => [column, options.of.columns[column]]));
  for (const needed of [options.key, options.time]) {
    if (!(needed in columns))
      throw new AppError("invalid_definition", `Topic "${name}" needs its column ${needed} among the event's columns (${names.join(", ")}).`);
  }
  return check(topicSchema, `Topic "${name}"`, {
    kind: "topic",
    name,
    key: options.key,
    time: options.time,
    columns,
    ...(options.keep && { table: `raw.${name.replaceAll("-", "_")}` }),
  });
}

function check<Schema extends z.ZodType>(schema: Schema, what: string, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError("invalid_definition", `${what} cannot be used: ${issue!.path.join(".") || "it"}: ${issue!.message}.`);
}
