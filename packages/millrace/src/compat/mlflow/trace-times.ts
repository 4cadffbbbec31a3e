import { invalid } from "./protocol.ts";
import { invalidValue } from "./request.ts";

/** Protocol Buffers' Timestamp in JSON, as epoch milliseconds: RFC 3339 with up to nine digits after the second. */
export function readTimestamp(value: unknown, name: string): number {
  const match = typeof value === "string" ? /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)$/.exec(value) : null;
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]!.replace(" ", "T").toUpperCase()}${match[3]!.toUpperCase()}`); // both groups are there
  if (Number.isNaN(ms) || ms < 0) throw invalid(invalidValue(name, value, "it is no timestamp such as 2026-11-20T17:00:00.000Z"));
  return ms + Math.floor(Number((match![2] ?? "").padEnd(9, "0")) / 1e6);
}

/** Without a fraction where there is none, as Protocol Buffers writes it. */
export function writeTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** Protocol Buffers' Duration in JSON, such as `0.022s`, as milliseconds. */
export function readDuration(value: unknown, name: string): number {
  const match = typeof value === "string" ? /^(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (match === null) throw invalid(invalidValue(name, value, "it is no duration such as 0.250s"));
  return Number(match[1]) * 1_000 + Math.floor(Number((match[2] ?? "").padEnd(9, "0")) / 1e6);
}

export function writeDuration(ms: number): string {
  const rest = ms % 1_000;
  return `${Math.floor(ms / 1_000)}${rest === 0 ? "" : `.${String(rest).padStart(3, "0")}`}s`;
}
