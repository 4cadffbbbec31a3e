import type { RecordedStatus } from "./records.ts";

/** A text as a store has it; nothing is the empty one. */
export function text(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

/** Rows of `id, key, value` as a record for each id. */
export function textsOf(rows: { id: string; key: string; value: string | null }[]): (id: string) => Record<string, string> {
  const found = new Map<string, [string, string][]>();
  for (const { id, key, value } of rows) {
    const entries = found.get(id);
    if (entries === undefined) found.set(id, [[key, value ?? ""]]);
    else entries.push([key, value ?? ""]);
  }
  return (id) => Object.fromEntries(found.get(id) ?? []); // not by assignment: a key may be `__proto__`
}

/** The status by its name, or its number in files. */
export function recordedStatus(value: unknown): RecordedStatus {
  if (value === "FINISHED" || value === 3) return "FINISHED";
  if (value === "FAILED" || value === 4) return "FAILED";
  if (value === "KILLED" || value === 5) return "KILLED";
  return value === "SCHEDULED" || value === 2 ? "SCHEDULED" : "RUNNING";
}

/** A version's or a logged model's status by its name. */
export function modelStatus(value: unknown): "pending" | "ready" | "failed" {
  const name = text(value);
  if (name.startsWith("PENDING") || name.endsWith("PENDING")) return "pending";
  return name.startsWith("FAILED") || name.endsWith("FAILED") ? "failed" : "ready";
}
