import { z } from "zod";

/** Inputs that come as texts where they stand in a query string. */

export function list<Item extends z.ZodType>(item: Item, most: number) {
  return z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(item).max(most));
}

export const flag = z.preprocess((value) => (value === "true" || value === "" ? true : value === "false" ? false : value), z.boolean());

export function whole(least: number, most: number) {
  return z.coerce.number().int().min(least).max(most);
}

/** Values of params and tags as texts, as they are stored; numbers and booleans are welcome. */
export const textsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));
export const changedTextsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String).nullable());
