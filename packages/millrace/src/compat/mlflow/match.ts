import { likePattern } from "#kit/like-pattern";
import type { Clause, OrderField } from "./filter.ts";
import { invalid } from "./protocol.ts";

/** What a filter can ask of one thing. */
export interface Searchable {
  attributes: Record<string, string | number | undefined>;
  tags: Record<string, string>;
  params?: Record<string, string>;
  metrics?: Record<string, number>;
}

/** Whether every clause holds. What is not there matches nothing but IS NULL. */
export function matches(thing: Searchable, clauses: Clause[]): boolean {
  return clauses.every((clause) => holds(clause, fieldOf(thing, clause)));
}

export function holds({ op, value }: Clause, actual: string | number | undefined): boolean {
  if (op === "IS NULL" || op === "IS NOT NULL") return (actual === undefined) === (op === "IS NULL");
  if (actual === undefined || value === undefined) return false;
  if (Array.isArray(value)) return value.includes(String(actual)) === (op === "IN");
  switch (op) {
    case "=":
      return actual === value;
    case "!=":
      return actual !== value;
    case ">":
      return actual > value;
    case ">=":
      return actual >= value;
    case "<":
      return actual < value;
    case "<=":
      return actual <= value;
    case "LIKE":
      return likePattern(String(value))(String(actual));
    case "ILIKE":
      return likePattern(String(value), { anyCase: true })(String(actual));
    case "IN":
    case "NOT IN":
      return false; // only with a list
  }
}

function fieldOf(thing: Searchable, { entity, key }: { entity: string; key: string }): string | number | undefined {
  const fields = { metric: thing.metrics, parameter: thing.params, tag: thing.tags, attribute: thing.attributes }[entity];
  return fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** Orders things by fields; those without one come last in either direction. */
export function inOrder<Thing extends Searchable>(things: Thing[], order: OrderField[]): Thing[] {
  return things.toSorted((a, b) => {
    for (const term of order) {
      const sign = compare(fieldOf(a, term), fieldOf(b, term), term.direction === "asc" ? 1 : -1);
      if (sign !== 0) return sign;
    }
    return 0;
  });
}

function compare(a: string | number | undefined, b: string | number | undefined, way: 1 | -1): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return (a < b ? -1 : 1) * way;
}

/** One page of a list that is whole in memory. Tokens are opaque: the position of the next thing. */
export function pageOf<Thing>(things: Thing[], token: string | undefined, limit: number): { page: Thing[]; next: string | undefined } {
  const start = token ? Number(/^p(\d{1,12})$/.exec(Buffer.from(token, "base64url").toString())?.[1] ?? Number.NaN) : 0;
  if (Number.isNaN(start)) throw invalid("Invalid page token, could not base64-decode");
  const end = start + limit;
  return { page: things.slice(start, end), next: end < things.length ? Buffer.from(`p${end}`).toString("base64url") : undefined };
}
