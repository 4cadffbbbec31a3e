import { z } from "zod";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { parseArgument } from "#kit/parse-argument";
import { idSchema, keySchema, type Run, trackingLimits, type TrackingServices } from "./model.ts";
import type { RunColumns } from "./run-columns.ts";
import { runAttributes } from "./run-fields.ts";
import { checkFilterDepth, type RunFilter, matchingRuns, runFilterSchema } from "./run-filter.ts";
import { searchedColumns } from "./searched-columns.ts";
import { firstInOrder, keysOfRun, type OrderTerm } from "./run-order.ts";
import { parseRun, runRows } from "./store.ts";

const direction = z.enum(["asc", "desc"]).default("asc");
const nulls = z.enum(["first", "last"]).default("last");
const as = z.enum(["text", "number", "natural"]).default("text");
export const orderSchema = z.union([
  z.strictObject({ metric: keySchema, direction, nulls }),
  z.strictObject({ param: keySchema, as, direction, nulls }),
  z.strictObject({ tag: keySchema, as, direction, nulls }),
  z.strictObject({ attribute: z.enum(runAttributes), direction, nulls }),
]);

export const runSearchSchema = z.object({
  /** Ids; default: all. */
  experiments: z.array(idSchema).optional(),
  filter: runFilterSchema.optional(),
  /** Runs without the field come last in either direction, before them NaN. Equal ones: newest start first, then by id. */
  orderBy: z.array(orderSchema).max(20).default([]),
  view: z.enum(["active", "deleted", "all"]).default("active"),
  limit: z.int().min(1).max(trackingLimits.runsPerPage).default(100),
  /** As the page before gave it, asked with the same order. */
  cursor: z.string().max(100_000).optional(),
});
export type RunSearch = z.input<typeof runSearchSchema>;

export interface RunPage {
  runs: Run[];
  /** How many runs the filter matches, on all pages. */
  total: number;
  /** For the next page; undefined on the last. Runs that start meanwhile shift nothing. */
  nextCursor: string | undefined;
}

export const tieBreak: OrderTerm[] = [
  { attribute: "startedMs", direction: "desc" },
  { attribute: "id", direction: "asc" },
];

/** Finds runs. Throws `invalid_argument` for a bad filter, or a cursor of another order. Budget: 100 of 100,000 runs in under 50 ms (`bench/tracking`). */
export async function searchRuns(services: TrackingServices, search: RunSearch): Promise<RunPage> {
  const { ids, ...rest } = await findRuns(services, search);
  return { runs: await readRuns(services, ids), ...rest };
}

/** As `searchRuns`, but only finds the runs: they are read with `readRuns`, as many at a time as the caller wants in memory. */
export async function findRuns({ state }: TrackingServices, search: RunSearch): Promise<Omit<RunPage, "runs"> & { ids: string[] }> {
  checkFilterDepth(search.filter);
  const { experiments, filter, orderBy, view, limit, cursor } = parseArgument(runSearchSchema, "search", search);
  const wanted: RunFilter = {
    and: [
      ...(view === "all" ? [] : [{ attribute: "deletedMs" as const, op: view === "deleted" ? ("exists" as const) : ("missing" as const) }]),
      ...(experiments === undefined ? [] : [{ attribute: "experiment" as const, op: "in" as const, value: experiments }]),
      ...(filter === undefined ? [] : [filter]),
    ],
  };
  const columns = await searchedColumns(state, wanted, orderBy);
  const matching = slotsOf(matchingRuns(columns, wanted));
  const { slots, nextCursor } = pageOf(columns, matching, { orderBy, limit, cursor });
  return { ids: slots.map((slot) => columns.id(slot)), total: matching.length, nextCursor };
}

/** Runs in the order of their ids in the list; those that are gone are left out. */
export async function readRuns({ state }: TrackingServices, ids: string[]): Promise<Run[]> {
  const rows = new Map((await runRows(state, ids)).map((row) => [row.id, row]));
  return ids.flatMap((id) => (rows.has(id) ? [parseRun(rows.get(id)!)] : []));
}

/** The slots of one page in order, and the cursor of the next. Throws `invalid_argument` for a cursor of another order. */
export function pageOf(
  columns: RunColumns,
  matching: Int32Array,
  { orderBy, limit, cursor }: { orderBy: OrderTerm[]; limit: number; cursor: string | undefined },
): { slots: number[]; nextCursor: string | undefined } {
  const order: OrderTerm[] = [...orderBy, ...tieBreak];
  const after = cursor === undefined ? undefined : readCursor(cursor, order);
  const page = firstInOrder(columns, matching, order, limit + 1, after);
  const slots = page.slice(0, limit);
  return { slots, nextCursor: page.length > limit ? writeCursor(columns, slots.at(-1)!, order) : undefined };
}

export function slotsOf(bits: Uint8Array): Int32Array {
  const slots = new Int32Array(bits.reduce((sum, bit) => sum + bit, 0));
  for (let slot = 0, at = 0; slot < bits.length; slot++) if (bits[slot] === 1) slots[at++] = slot;
  return slots;
}

const cursorSchema = z.object({ order: z.string(), keys: z.array(z.union([z.number(), z.string(), z.null()])) });

function writeCursor(columns: RunColumns, slot: number, order: OrderTerm[]): string {
  // JSON has no NaN and no infinities, so those travel as text; a first letter tells text from number.
  const keys = keysOfRun(columns, slot, order).map((key) =>
    key === undefined ? null : typeof key === "string" ? `s${key}` : Number.isFinite(key) ? key : `n${key}`,
  );
  return Buffer.from(JSON.stringify({ order: digestOf(order).slice(0, 16), keys })).toString("base64url");
}

function readCursor(cursor: string, order: OrderTerm[]): (number | string | undefined)[] {
  const parsed = cursorSchema.safeParse(parseJson(Buffer.from(cursor, "base64url").toString()));
  if (!parsed.success || parsed.data.order !== digestOf(order).slice(0, 16) || parsed.data.keys.length !== order.length)
    throw new AppError("invalid_argument", "The cursor is not one of a page with this order.", { hint: "Ask for the first page, without a cursor." });
  return parsed.data.keys.map((key) => {
    if (key === null) return undefined;
    if (typeof key === "number") return key;
    return key.startsWith("s") ? key.slice(1) : Number(key.slice(1));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller reports a bad cursor
  }
}
