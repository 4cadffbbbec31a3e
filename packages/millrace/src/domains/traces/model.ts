import { z } from "zod";
import type { Clock } from "#kit/clock";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";

export interface TracesServices {
  state: Database;
  blobs: BlobStore;
  clock: Clock;
}

/** What one trace may hold. Text past a length is refused, but for previews, which are cut. */
export const traceLimits = {
  keyLength: 250,
  nameLength: 4_096,
  textLength: 8_000,
  previewLength: 1_000,
  tagsPerTrace: 1_000,
  linksPerTrace: 1_000,
  assessmentsPerTrace: 1_000,
  assessmentBytes: 1_000_000,
  spansPerTrace: 100_000,
  bytesPerTrace: 256 * 1024 * 1024,
  tracesPerPage: 1_000,
} as const;

/** OpenTelemetry's attribute values: integers are `bigint`, so that a double without a fraction stays a double. */
export type AttributeValue = string | boolean | bigint | number | null | Uint8Array | AttributeValue[] | { [key: string]: AttributeValue };
export type Attributes = Record<string, AttributeValue>;

export const spanKinds = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
export type SpanKind = (typeof spanKinds)[number];
export const spanStatuses = ["unset", "ok", "error"] as const;
export type SpanStatus = (typeof spanStatuses)[number];

export interface SpanEvent {
  name: string;
  timeNs: bigint;
  attributes: Attributes;
}

export interface SpanLink {
  trace: string;
  span: string;
  attributes: Attributes;
}

/** One piece of work of a program, as OpenTelemetry has it. Times are epoch nanoseconds. */
export interface Span {
  /** 32 hexadecimal digits. */
  trace: string;
  /** 16 hexadecimal digits. */
  id: string;
  parent: string | undefined;
  name: string;
  kind: SpanKind;
  status: SpanStatus;
  /** What went wrong, with the status `error`. */
  message: string;
  startNs: bigint;
  /** Undefined while the work goes on. */
  endNs: bigint | undefined;
  attributes: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
  /** The program that did it. */
  resource: Attributes;
  /** The library that told of it. */
  scope: { name: string; version: string };
}

/** What a span tells of its whole trace. Name, inputs, outputs and status are taken from the span without a parent. */
export interface SpanFacts {
  name?: string;
  inputs?: string;
  outputs?: string;
  session?: string;
  user?: string;
  tags?: Record<string, string>;
}

export const traceStatuses = ["running", ...spanStatuses] as const;
export type TraceStatus = (typeof traceStatuses)[number];

const idPattern = /^[a-zA-Z0-9][\w-]{0,255}$/;
export const traceIdSchema = z.string().regex(idPattern, "must be letters, digits, - and _, at most 256");
const text = z.string().max(traceLimits.textLength);
const keySchema = z
  .string()
  .min(1)
  .max(traceLimits.keyLength)
  .regex(/^[^\p{Cc}]+$/u, "must not hold control characters");
export const labelsSchema = z.record(keySchema, text);

export const assessmentKinds = ["feedback", "expectation", "issue"] as const;
/** What somebody thinks of a trace, or of one span of it. */
export const assessmentSchema = z.object({
  id: traceIdSchema,
  name: z.string().min(1).max(traceLimits.keyLength),
  kind: z.enum(assessmentKinds),
  value: z.json().optional(),
  error: z.object({ code: text, message: z.string().optional(), stack: z.string().optional() }).optional(),
  /** Who says so: a person, code, a model. */
  source: z.object({ kind: z.string().max(traceLimits.keyLength), id: z.string().max(traceLimits.keyLength) }).optional(),
  span: z.string().max(traceLimits.keyLength).optional(),
  rationale: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
  createdMs: z.int().min(0),
  updatedMs: z.int().min(0),
  /** Id of the assessment that this one replaces. */
  overrides: z.string().optional(),
  /** False once another overrides it. */
  valid: z.boolean().default(true),
});
export type Assessment = z.infer<typeof assessmentSchema>;

/** Something that a trace belongs to, beside the run in which it was made. */
export const linkSchema = z.object({ kind: z.string().min(1).max(50), id: z.string().min(1).max(500) });
export type TraceLink = z.infer<typeof linkSchema>;

/** The facts of a trace as its program tells them itself. */
export const tellTraceSchema = z.object({
  id: traceIdSchema,
  experiment: z.string().min(1),
  name: z.string().max(traceLimits.nameLength).optional(),
  status: z.enum(traceStatuses).default("unset"),
  startedMs: z.int().min(0),
  durationMs: z.int().min(0).optional(),
  run: z.string().max(256).optional(),
  session: z.string().max(traceLimits.keyLength).optional(),
  user: z.string().max(traceLimits.textLength).optional(),
  /** The id that the caller gave its request. */
  request: z.string().max(traceLimits.keyLength).optional(),
  inputs: z.string().optional(),
  outputs: z.string().optional(),
  tags: labelsSchema.default({}),
  metadata: labelsSchema.default({}),
  assessments: z.array(assessmentSchema).max(traceLimits.assessmentsPerTrace).default([]),
});
export type TellTrace = z.input<typeof tellTraceSchema>;

export interface Trace {
  id: string;
  experiment: string;
  name: string | undefined;
  status: TraceStatus;
  startedMs: number;
  durationMs: number | undefined;
  /** The run in which it was made. */
  run: string | undefined;
  session: string | undefined;
  user: string | undefined;
  request: string | undefined;
  /** Previews of what went in and came out, cut. */
  inputs: string | undefined;
  outputs: string | undefined;
  /** May change; metadata may only grow. */
  tags: Record<string, string>;
  metadata: Record<string, string>;
  links: TraceLink[];
  /** In the order in which they were made. */
  assessments: Assessment[];
  spanCount: number;
  sizeBytes: number;
  /** Its program told its facts (`tellTrace`): spans only fill what it left open. */
  told: boolean;
}
