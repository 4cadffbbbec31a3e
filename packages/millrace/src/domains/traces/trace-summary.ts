import { type Span, type SpanFacts, traceLimits } from "./model.ts";
import { parseLabels, type TraceRow } from "./store.ts";

export interface ReceivedSpan {
  span: Span;
  facts?: SpanFacts;
}

/** What spans tell of their trace before anything else is known of it. */
export function summaryOf(trace: string, experiment: string, received: ReceivedSpan[]): TraceRow {
  let root: ReceivedSpan | undefined;
  let [startNs, endNs] = [received[0]!.span.startNs, undefined as bigint | undefined]; // a trace comes with a span
  const row: TraceRow = { ...emptyRow, id: trace, experiment };
  let tags: Record<string, string> = {};
  for (const each of received) {
    const { span, facts = {} } = each;
    if (span.startNs < startNs) startNs = span.startNs;
    if (span.endNs !== undefined && (endNs === undefined || span.endNs > endNs)) endNs = span.endNs;
    if (span.parent === undefined && (root === undefined || rootOrder(span) < rootOrder(root.span))) root = each;
    row.session ??= cut(facts.session, traceLimits.keyLength);
    row.person ??= cut(facts.user, traceLimits.textLength);
    tags = { ...facts.tags, ...tags };
  }
  row.started_ms = milliseconds(startNs);
  row.ended_ms = endNs === undefined ? null : milliseconds(endNs);
  row.tags = JSON.stringify({ ...tags, ...root?.facts?.tags });
  return root === undefined ? row : withRoot(row, root);
}
const emptyRow: Omit<TraceRow, "id" | "experiment"> = {
  ...{ name: null, status: "running", started_ms: 0, ended_ms: null, run: null, session: null, person: null, request: null },
  ...{ inputs: null, outputs: null, tags: "{}", metadata: "{}", links: "[]", assessments: "[]", root: null, told: 0 },
  ...{ span_count: 0, size_bytes: 0 },
};

/**
 * What is known of a trace when spans came that tell `later`. Times grow to hold all spans, unless its program told them; what one
 * of the two leaves open the other fills. The order of deliveries makes no difference.
 */
export function withLater(standing: TraceRow, later: TraceRow): TraceRow {
  const told = standing.told === 1;
  const newRoot = later.root !== null && (standing.root === null || later.root < standing.root);
  const open = standing.status === "running" || (told && standing.status === "unset");
  const [first, second] = newRoot && !told ? [later, standing] : [standing, later];
  return {
    ...standing,
    name: first.name ?? second.name,
    status: newRoot && (!told || open) ? later.status : standing.status,
    started_ms: told ? standing.started_ms : Math.min(standing.started_ms, later.started_ms),
    ended_ms: told ? standing.ended_ms : latest(standing.ended_ms, later.ended_ms),
    session: standing.session ?? later.session,
    person: standing.person ?? later.person,
    inputs: first.inputs ?? second.inputs,
    outputs: first.outputs ?? second.outputs,
    tags: joinedTags(standing.tags, later.tags),
    root: newRoot ? later.root : standing.root,
  };
}

/** Orders spans without a parent: the one that began first stands for the trace, and of its versions the one that ended last. */
export function rootOrder({ startNs, id, endNs = 0n }: Span): string {
  return `${digits(startNs)} ${id} ${digits(latestNs - endNs)}`;
}
const latestNs = 2n ** 64n;

function digits(ns: bigint): string {
  return String(ns).padStart(20, "0");
}

/** A text as both databases keep it, cut to a length. */
export function cut(text: string | undefined, length: number): string | null {
  if (text === undefined) return null;
  return text.slice(0, length).replaceAll("\0", "\u{FFFD}"); // PostgreSQL's text has no NUL
}

function withRoot(row: TraceRow, { span, facts = {} }: ReceivedSpan): TraceRow {
  return {
    ...row,
    name: cut(facts.name ?? span.name, traceLimits.nameLength),
    status: span.endNs === undefined ? "running" : span.status === "error" ? "error" : "ok",
    inputs: cut(facts.inputs, traceLimits.previewLength),
    outputs: cut(facts.outputs, traceLimits.previewLength),
    root: rootOrder(span),
  };
}

/** The tags that are there, and of the later ones as many as there is room for. */
function joinedTags(standing: string, later: string): string {
  if (later === "{}" || later === standing) return standing;
  const there = parseLabels(standing);
  const added = Object.entries(parseLabels(later)).filter(([key]) => !Object.hasOwn(there, key));
  const room = Math.max(0, traceLimits.tagsPerTrace - Object.keys(there).length);
  return JSON.stringify({ ...Object.fromEntries(added.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, room)), ...there });
}

function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

function milliseconds(ns: bigint): number {
  return Number(ns / 1_000_000n);
}
