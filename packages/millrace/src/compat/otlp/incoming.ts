import type { Attributes, Span, SpanKind, SpanStatus } from "#domains/traces";
import { spanKinds, spanStatuses } from "#domains/traces";

/** A span as a request has it, not looked at yet: ids in hexadecimal digits of any number. */
export type IncomingSpan = Span;

/** Parts of an OTLP request that both encodings share. */
export interface Incoming {
  resource: Attributes;
  scope: { name: string; version: string };
}

export const noScope = { name: "", version: "" };

/** Enums go by number; one from a later version of the protocol is taken for the first. */
export function kindOf(number: number): SpanKind {
  return spanKinds[number] ?? "unspecified";
}

export function statusOf(number: number): SpanStatus {
  return spanStatuses[number] ?? "unset";
}

/** Why a span cannot be taken; undefined for a good one. The ids are as the W3C's trace context has them. */
export function problemOf({ trace, id, parent, name, startNs, endNs }: IncomingSpan): string | undefined {
  if (!isId(trace, 32)) return `a trace id must be 16 bytes that are not all zero, not "${trace.slice(0, 40)}" (span "${name.slice(0, 100)}")`;
  if (!isId(id, 16)) return `a span id must be 8 bytes that are not all zero, not "${id.slice(0, 40)}" (span "${name.slice(0, 100)}")`;
  if (parent !== undefined && !/^[0-9a-f]{16}$/.test(parent)) return `a parent's id must be 8 bytes, not "${parent.slice(0, 40)}" (span ${id})`;
  if (startNs < 0n || startNs > latestNs || (endNs !== undefined && (endNs < 0n || endNs > latestNs))) return `a time is no time (span ${id})`;
  return undefined;
}
const latestNs = 2n ** 63n; // the year 2262

function isId(text: string, digits: number): boolean {
  return text.length === digits && /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text);
}
