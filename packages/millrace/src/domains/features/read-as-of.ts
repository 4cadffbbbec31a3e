import { AppError } from "#kit/app-error";
import { quoteName, quoteText } from "#kit/sql-text";
import type { Warehouse, WarehouseRow } from "#ports/warehouse";
import { createOnlineFeatures } from "./online-features.ts";
import { explainFeatures, type FeatureExplanation } from "./explain-features.ts";
import { isNumeric, type FeatureView, type KeyValue } from "./model.ts";
import { windowLayout } from "./window-layout.ts";

export interface ReadServices {
  warehouse: Warehouse;
  /** The rows of a SQL model as SQL for a FROM clause. */
  relationOf(model: string): Promise<string>;
}

/**
 * A key's features as of a moment, from the view's own table: what the training join would give a row that asks then. Reads the
 * events of the longest window before the moment, and no others. Throws `invalid_argument` for keys that do not fit the entity.
 */
export async function readAsOf(
  { warehouse, relationOf }: ReadServices,
  view: FeatureView,
  key: KeyValue[],
  atMs: number,
): Promise<FeatureExplanation[]> {
  const { keys } = view.entity;
  if (key.length !== keys.length) {
    throw new AppError(
      "invalid_argument",
      `Feature view \`${view.name}\` is about ${keys.join(" + ")}; ${key.length} of ${keys.length} values were given.`,
      { hint: `Give one value for each of: ${keys.join(", ")}.` },
    );
  }
  const columns = Object.keys(view.from.columns);
  const known = quoteName(view.known);
  const conditions = view.on.map((column, i) => `${quoteName(column)} = ${literal(view, column, key[i]!)}`);
  const rows = await warehouse.rows(
    `select ${columns.map((column) => select(view, column)).join(", ")} from ${await relationOf(view.from.name)}
     where ${conditions.join(" and ")} and ${known} >= ${timestamp(atMs - windowLayout(view).longestMs)} and ${known} < ${timestamp(atMs)} order by ${known}`,
  );
  const online = createOnlineFeatures({ it: { view, on: view.on } });
  for (const row of rows as WarehouseRow[]) online.update(view.name, row);
  return explainFeatures(online.state(view.name), key, atMs);
}

/** Times as epoch milliseconds, so that a row reads like an event. */
function select(view: FeatureView, column: string): string {
  const name = quoteName(column);
  return /^(DATE|TIMESTAMP)/.test(view.from.columns[column] ?? "") ? `epoch_ms(${name}) as ${name}` : name;
}

function literal(view: FeatureView, column: string, value: KeyValue): string {
  if (!isNumeric(view.from.columns[column] ?? "")) return quoteText(String(value));
  const number = Number(value);
  if (!Number.isFinite(number))
    throw new AppError("invalid_argument", `Key ${column} of feature view \`${view.name}\` is a number; "${value}" is none.`);
  return String(number);
}

function timestamp(ms: number): string {
  return `make_timestamp(${Math.round(ms * 1_000)})`;
}
