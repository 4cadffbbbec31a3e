import type { Lake } from "#domains/lake";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { quoteName, quoteText } from "#kit/sql-text";
import type { Warehouse } from "#ports/warehouse";
import type { PinnedTable, TrainingSetRequest } from "./model.ts";

/**
 * A digest of the rows that a training set can see, so that a table version which only adds later rows makes no new training
 * set. Where the request has no end in time, every new version may change it: then the versions themselves count.
 */
export async function contentDigest({ lake, warehouse }: { lake: Lake; warehouse: Warehouse }, request: TrainingSetRequest): Promise<string> {
  const { examples, events, features, before, time, known = time } = request;
  if (before === undefined) return digestOf([examples, events]);
  const seen = new Map<string, { table: PinnedTable; columns: string[]; until: string }>();
  const look = (table: PinnedTable, columns: string[], until: string) => {
    const sorted = [...new Set(columns)].toSorted();
    seen.set(JSON.stringify([table, sorted, until]), { table, columns: sorted, until });
  };
  look(examples, [request.id, time, known, request.label, ...request.columns, ...Object.values(features).flatMap((bound) => bound.on)], known);
  for (const { view } of Object.values(features)) look(events[view.from.name] ?? examples, Object.keys(view.from.columns), view.known);
  const digests: unknown[] = [];
  for (const { table, columns, until } of seen.values()) {
    const hash = `hash(${columns.map(quoteName).join(", ")})`;
    const relation = await lake.relation(table.table, { version: table.version });
    const present = new Set((await lake.snapshot(table.table, { version: table.version })).columns.map(({ name }) => name));
    const lacking = columns.find((column) => !present.has(column));
    if (lacking !== undefined)
      throw new AppError("invalid_definition", `Table ${table.table} has no column "${lacking}", though the handle of its SQL model names one.`, {
        hint: "Make the handles anew: millrace build --types",
      });
    const [row] = await warehouse.rows(
      `select count(*) as n, cast(bit_xor(${hash}) as varchar) as x, cast(sum(${hash} >> 32) as varchar) as s from ${relation} where ${quoteName(until)} < cast(${quoteText(before)} as timestamp)`,
    );
    digests.push([table.table, columns, until, row]);
  }
  return digestOf(digests);
}
