import type { Warehouse } from "#ports/warehouse";
import { quoteName, quoteText } from "#kit/sql-text";
import { AppError } from "#kit/app-error";
import type { Source } from "./define.ts";

export interface Batch {
  /** From 0, in time order; the same for ever as long as the file starts at the same time. */
  index: number;
  label: string;
  /** SQL condition that picks the batch's rows; empty for the whole file. */
  where: string;
}

/** Cuts a file into batches from the start of its first period up to `until` (or past its last row). Periods begin at midnight; weeks on Monday. */
export async function batchesOf(source: Source, relation: string, warehouse: Warehouse): Promise<Batch[]> {
  if (!source.batch) return [{ index: 0, label: "all rows", where: "" }];
  const { by, every, until } = source.batch;
  const column = quoteName(by);
  const [row] = await warehouse.rows(
    `select cast(date_trunc(${quoteText(every)}, min(${column})) as timestamp) as first, cast(max(${column}) as timestamp) as last from ${relation}`,
  );
  if (typeof row?.["first"] !== "string" || typeof row["last"] !== "string") {
    throw new AppError("corrupt_data", `Source "${source.name}" has no row with a value in ${by}.`, {
      hint: "Check the file, and the column named in `batch.by`.",
    });
  }
  const end = until === undefined ? Date.parse(row["last"]) + 1 : Date.parse(until);
  if (Number.isNaN(end))
    throw new AppError("invalid_definition", `Source "${source.name}": \`until\` is "${until}", which is not a date.`, {
      hint: "Write it as 2001-06-01.",
    });
  const batches: Batch[] = [];
  for (let from = Date.parse(row["first"]), index = 0; from < end; index++) {
    const to = Math.min(after(from, every), end);
    batches.push({
      index,
      label: new Date(from).toISOString().slice(0, 10),
      where: `where ${column} >= ${timestamp(from)} and ${column} < ${timestamp(to)}`,
    });
    from = to;
  }
  return batches;
}

/** SQL condition for the rows that batches leave for later: those at or after `until`. */
export function laterRows(source: Source): string {
  if (!source.batch?.until) return "where false";
  return `where ${quoteName(source.batch.by)} >= ${timestamp(Date.parse(source.batch.until))}`;
}

function after(ms: number, every: "day" | "week" | "month"): number {
  const date = new Date(ms);
  if (every === "month") return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  return ms + (every === "week" ? 7 : 1) * 86_400_000;
}

function timestamp(ms: number): string {
  return `timestamp ${quoteText(new Date(ms).toISOString().replace("T", " ").replace("Z", ""))}`;
}
