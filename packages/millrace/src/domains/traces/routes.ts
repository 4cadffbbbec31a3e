import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import { deleteTraces } from "./delete-traces.ts";
import {
  type Attributes,
  type Span,
  spanKinds,
  spanStatuses,
  type Trace,
  traceIdSchema,
  traceLimits,
  type TracesServices,
  traceStatuses,
} from "./model.ts";
import { readTrace } from "./read-trace.ts";
import { searchTraces } from "./search-traces.ts";
import { plainValue, type TraceCondition } from "./trace-filter.ts";

/** The stores that traces share with runs. */
interface RouteServices {
  tracking: TracesServices;
}

const traceShape = z.object({
  id: z.string(),
  experiment: z.string(),
  name: z.string().nullable(),
  status: z.enum(traceStatuses),
  started: z.string(),
  ms: z.number().nullable(),
  spans: z.number(),
  run: z.string().nullable(),
  session: z.string().nullable(),
  user: z.string().nullable(),
  inputs: z.string().nullable(),
  outputs: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
});

const attributes = z.record(z.string(), z.unknown());
const spanShape = z.object({
  id: z.string(),
  parent: z.string().nullable(),
  /** How many spans are above it. */
  depth: z.number(),
  name: z.string(),
  kind: z.enum(spanKinds),
  status: z.enum(spanStatuses),
  message: z.string(),
  /** Epoch nanoseconds, as text: they are more than JSON's numbers hold. */
  startNs: z.string(),
  endNs: z.string().nullable(),
  ms: z.number().nullable(),
  attributes,
  events: z.array(z.object({ name: z.string(), timeNs: z.string(), attributes })),
  links: z.array(z.object({ trace: z.string(), span: z.string(), attributes })),
  resource: attributes,
  scope: z.object({ name: z.string(), version: z.string() }),
});
type SpanShape = z.infer<typeof spanShape>;

const shownShape = traceShape.extend({
  metadata: z.record(z.string(), z.string()),
  links: z.array(z.object({ kind: z.string(), id: z.string() })),
  assessments: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      kind: z.string(),
      value: z.unknown(),
      rationale: z.string().nullable(),
      source: z.string().nullable(),
      valid: z.boolean(),
    }),
  ),
  /** Each below the one it is a part of, in the order in which they began. */
  tree: z.array(spanShape),
});
type ShownTrace = z.infer<typeof shownShape>;

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), "must be a date or time such as 2026-11-20 or 2026-11-20T17:00:00Z");

const listInput = z.object({
  experiment: z.string().optional().describe("id of an experiment"),
  since: time.optional().describe("that began then or later"),
  until: time.optional().describe("that began before"),
  status: z.enum(traceStatuses).optional(),
  name: z.string().optional().describe("with % for any text"),
  slower: z.coerce.number().optional().describe("that took at least so many milliseconds"),
  session: z.string().optional(),
  user: z.string().optional(),
  run: z.string().optional().describe("made in this run, or linked to it"),
  tag: z.string().optional().describe("key=value, or a key alone"),
  metadata: z.string().optional().describe("key=value, or a key alone"),
  text: z.string().optional().describe("that some span says, in any case"),
  limit: z.coerce.number().int().min(1).max(traceLimits.tracesPerPage).default(20),
  cursor: z.string().optional().describe("as the page before gave it"),
});

export const tracesRoutes = [
  route<RouteServices>()({
    name: "traces.list",
    method: "GET",
    path: "/api/traces",
    summary: "List the traces that programs sent (OpenTelemetry), newest first.",
    permission: "project:read",
    input: listInput,
    output: z.object({ traces: z.array(traceShape), nextCursor: z.string().nullable() }),
    errors: ["invalid_argument"],
    cli: { rows: "traces", columns: ["id", "name", "status", "started", "ms", "spans", "session"] },
    async handle({ tracking }, given) {
      const { experiment, limit, cursor } = given;
      const page = await searchTraces(tracking, {
        ...(experiment !== undefined && { experiments: [experiment] }),
        conditions: conditionsOf(given),
        limit,
        ...(cursor !== undefined && { cursor }),
      });
      return { traces: page.traces.map(shapeOf), nextCursor: page.nextCursor ?? null };
    },
  }),
  route<RouteServices>()({
    name: "traces.show",
    method: "GET",
    path: "/api/traces/{id}",
    summary: "Show a program's trace with its spans, each below the one it is a part of.",
    permission: "project:read",
    input: z.object({ id: traceIdSchema }),
    output: shownShape,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["id"], text: traceText },
    async handle({ tracking }, { id }) {
      const { trace, spans } = await readTrace(tracking, id);
      return {
        ...shapeOf(trace),
        spans: spans.length,
        metadata: trace.metadata,
        links: trace.links,
        assessments: trace.assessments.map(({ id: assessment, name, kind, value, rationale, source, valid }) => ({
          ...{ id: assessment, name, kind, value: value ?? null, valid },
          ...{ rationale: rationale ?? null, source: source === undefined ? null : `${source.kind} ${source.id}` },
        })),
        tree: treeOf(spans),
      };
    },
  }),
  route<RouteServices>()({
    name: "traces.delete",
    method: "DELETE",
    path: "/api/traces",
    summary: "Delete traces for good: one by its id, or an experiment's that began before a time.",
    permission: "project:run",
    input: z.object({
      id: traceIdSchema.optional(),
      experiment: z.string().optional().describe("id of an experiment; with --before"),
      before: time.optional(),
    }),
    output: z.object({ deleted: z.number() }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["id"] },
    async handle({ tracking }, { id, experiment, before }) {
      if ((id === undefined) === (before === undefined) || (before !== undefined && experiment === undefined)) {
        throw new AppError("invalid_argument", "Say which traces: an id, or an experiment and a time.", {
          hint: "millrace traces delete ID, or millrace traces delete --experiment ID --before 2026-01-01",
        });
      }
      const which = id === undefined ? { experiment: experiment!, untilMs: Date.parse(before!) - 1 } : { ids: [id] }; // both are there
      const deleted = await deleteTraces(tracking, which);
      if (id !== undefined && deleted.length === 0) throw new AppError("not_found", `There is no trace "${id}".`, { hint: "millrace traces list" });
      return { deleted: deleted.length };
    },
  }),
];

function conditionsOf(given: z.infer<typeof listInput>): TraceCondition[] {
  const { since, until, status, name, slower, session, user, run, tag, metadata, text } = given;
  return [
    ...(since === undefined ? [] : [{ field: "startedMs" as const, op: ">=" as const, value: Date.parse(since) }]),
    ...(until === undefined ? [] : [{ field: "startedMs" as const, op: "<" as const, value: Date.parse(until) }]),
    ...(status === undefined ? [] : [{ field: "status" as const, op: "=" as const, value: status }]),
    ...(name === undefined ? [] : [{ field: "name" as const, op: "like" as const, value: name }]),
    ...(slower === undefined ? [] : [{ field: "durationMs" as const, op: ">=" as const, value: slower }]),
    ...(session === undefined ? [] : [{ field: "session" as const, op: "=" as const, value: session }]),
    ...(user === undefined ? [] : [{ field: "user" as const, op: "=" as const, value: user }]),
    ...(run === undefined ? [] : [{ run: true as const, op: "=" as const, value: run }]),
    ...(tag === undefined ? [] : [labelCondition(tag, (key, test) => ({ tag: key, ...test }))]),
    ...(metadata === undefined ? [] : [labelCondition(metadata, (key, test) => ({ metadata: key, ...test }))]),
    ...(text === undefined ? [] : [{ span: [{ field: "text" as const, op: "ilike" as const, value: `%${text}%` }] }]),
  ];
}

type LabelTest = { op: "exists" } | { op: "="; value: string };

function labelCondition(given: string, make: (key: string, test: LabelTest) => TraceCondition): TraceCondition {
  const at = given.indexOf("=");
  return at < 0 ? make(given, { op: "exists" }) : make(given.slice(0, at), { op: "=", value: given.slice(at + 1) });
}

function shapeOf(trace: Trace): z.infer<typeof traceShape> {
  return {
    id: trace.id,
    experiment: trace.experiment,
    name: trace.name ?? null,
    status: trace.status,
    started: new Date(trace.startedMs).toISOString(),
    ms: trace.durationMs ?? null,
    spans: trace.spanCount,
    run: trace.run ?? null,
    session: trace.session ?? null,
    user: trace.user ?? null,
    inputs: trace.inputs ?? null,
    outputs: trace.outputs ?? null,
    tags: trace.tags,
  };
}

/** Spans in the order of a walk through their tree. One whose parent has not come stands at the top, and so does one that is its own ancestor. */
function treeOf(spans: Span[]): SpanShape[] {
  const ids = new Set(spans.map(({ id }) => id));
  const below = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = span.parent !== undefined && ids.has(span.parent) ? span.parent : "";
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [span]);
    else siblings.push(span);
  }
  const tree: SpanShape[] = [];
  const placed = new Set<string>();
  const place = (from: Span[]) => {
    const stack = from.map((span) => ({ span, depth: 0 })).reverse();
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { span, depth } = next;
      if (placed.has(span.id)) continue;
      placed.add(span.id);
      tree.push(spanOf(span, depth));
      for (const child of (below.get(span.id) ?? []).toReversed()) stack.push({ span: child, depth: depth + 1 });
    }
  };
  place(below.get("") ?? []);
  for (const span of spans) if (!placed.has(span.id)) place([span]);
  return tree;
}

function spanOf(span: Span, depth: number): SpanShape {
  const { id, name, kind, status, message, startNs, endNs, scope } = span;
  return {
    ...{ id, parent: span.parent ?? null, depth, name, kind, status, message, scope },
    startNs: String(startNs),
    endNs: endNs === undefined ? null : String(endNs),
    ms: endNs === undefined ? null : Number(endNs - startNs) / 1e6,
    attributes: plain(span.attributes),
    events: span.events.map((event) => ({ name: event.name, timeNs: String(event.timeNs), attributes: plain(event.attributes) })),
    links: span.links.map((link) => ({ trace: link.trace, span: link.span, attributes: plain(link.attributes) })),
    resource: plain(span.resource),
  };
}

function plain(given: Attributes): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, plainValue(value)]));
}

function traceText(trace: ShownTrace): string {
  const head = [
    `trace    ${trace.id}  ${trace.name ?? ""}  ${trace.status}${trace.ms === null ? "" : `, ${trace.ms} ms`}`,
    `started  ${trace.started}`,
    ...(trace.run === null ? [] : [`run      ${trace.run}`]),
    ...(trace.session === null ? [] : [`session  ${trace.session}`]),
    ...(trace.user === null ? [] : [`user     ${trace.user}`]),
    ...(trace.inputs === null ? [] : [`inputs   ${trace.inputs}`]),
    ...(trace.outputs === null ? [] : [`outputs  ${trace.outputs}`]),
    ...Object.entries(trace.tags).map(([key, value]) => `tag      ${key} = ${value}`),
    ...trace.assessments.map(({ name, kind, value }) => `${kind.padEnd(8)} ${name} = ${JSON.stringify(value)}`),
  ];
  const spans = trace.tree.map(
    ({ depth, name, status, ms, message }) =>
      `${"  ".repeat(depth)}${name}  ${ms === null ? "not ended" : `${ms.toFixed(3)} ms`}${status === "error" ? `  error: ${message}` : ""}`,
  );
  return [...head, "", ...spans].join("\n");
}
