import { z } from "zod";
import type { Clock } from "#kit/clock";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";

export interface TrackingServices {
  state: Database;
  blobs: BlobStore;
  clock: Clock;
}

/** What one run may hold. A call past a limit is refused whole and leaves nothing. */
export const trackingLimits = {
  keyLength: 250,
  nameLength: 500,
  paramLength: 16_000,
  tagLength: 100_000,
  noteLength: 1_000_000,
  paramsPerRun: 10_000,
  tagsPerRun: 10_000,
  metricKeysPerRun: 20_000,
  pointsPerCall: 100_000,
  runsPerPage: 50_000,
  pointsPerPage: 100_000,
  artifactPathLength: 1_000,
} as const;

/** Names of metrics, params and tags: any text without control characters. */
export const keySchema = z
  .string()
  .min(1)
  .max(trackingLimits.keyLength)
  .regex(/^[^\p{Cc}]+$/u, "must not hold control characters");
/** Ids from elsewhere (an imported store) are kept as they are. */
export const idSchema = z.string().regex(/^[a-zA-Z0-9][\w-]{0,255}$/, "must be letters, digits, - and _, at most 256");
const nameSchema = z
  .string()
  .min(1)
  .max(trackingLimits.nameLength)
  .regex(/^[^\p{Cc}]+$/u, "must not hold control characters");
const timeSchema = z.int().min(0);
export const paramsSchema = z.record(keySchema, z.string().max(trackingLimits.paramLength));
export const tagsSchema = z.record(keySchema, z.string().max(trackingLimits.tagLength));
/** Null takes a tag away. */
export const changedTagsSchema = z.record(keySchema, tagsSchema.valueType.nullable());
const jsonSchema = z.record(z.string(), z.json());

export const newExperimentSchema = z.object({
  id: idSchema.optional(),
  /** Without an `id`: it gets the whole number after the greatest that is one. */
  numbered: z.boolean().default(false),
  /** Unique; `/` makes folders. */
  name: nameSchema,
  description: z.string().max(trackingLimits.noteLength).default(""),
  tags: tagsSchema.default({}),
});
export type NewExperiment = z.input<typeof newExperimentSchema>;

export interface Experiment {
  id: string;
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs: number | undefined;
}

/** What is not known may be null or left out. */
const knownText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

/** Code that ran. `diff` is the digest of the uncommitted changes, kept as a blob (see `artifactKey`). */
export const sourceSchema = z.object({
  commit: knownText,
  dirty: z
    .boolean()
    .nullish()
    .transform((dirty) => dirty ?? undefined),
  diff: knownText,
  branch: knownText,
  repository: knownText,
  entry: knownText,
});
export type RunSource = z.infer<typeof sourceSchema>;

/** Data that went in: a table at a version, or anything else with a name and a digest. */
export const runInputSchema = z.object({
  name: z.string().min(1).max(trackingLimits.nameLength),
  table: z.string().optional(),
  version: z.int().min(0).optional(),
  digest: z.string().max(500).optional(),
  /** What it was used for, such as `train`. */
  use: z.string().max(250).optional(),
  facts: jsonSchema.optional(),
});
export type RunInput = z.infer<typeof runInputSchema>;

/** What came out: a table version, a model folder, or anything else with a name. */
export const runOutputSchema = z.object({
  kind: z.enum(["table", "model", "file", "other"]),
  name: z.string().min(1).max(trackingLimits.nameLength),
  version: z.int().min(0).optional(),
  digest: z.string().max(500).optional(),
  facts: jsonSchema.optional(),
});
export type RunOutput = z.infer<typeof runOutputSchema>;

export const endStatuses = ["finished", "failed", "killed"] as const;
/** `scheduled`: it waits to begin. */
export const runStatuses = ["running", "scheduled", ...endStatuses] as const;
export type RunStatus = (typeof runStatuses)[number];
export type EndStatus = (typeof endStatuses)[number];

/** Whether a run of this status is over. */
export function isEnded(status: RunStatus): status is EndStatus {
  return status !== "running" && status !== "scheduled";
}

export const newRunSchema = z.object({
  /** Given by a step that may be retried, or by an importer; otherwise a new one is made. */
  id: idSchema.optional(),
  /** The experiment's id. */
  experiment: idSchema,
  name: nameSchema.optional(),
  parent: idSchema.optional(),
  /** Who started it. */
  actor: z.string().max(500).optional(),
  startedMs: timeSchema.optional(),
  params: paramsSchema.default({}),
  tags: tagsSchema.default({}),
  source: sourceSchema.prefault({}),
  /** As `describeEnvironment` gives it; any JSON object. */
  environment: jsonSchema.default({}),
  inputs: z.array(runInputSchema).max(1_000).default([]),
  note: z.string().max(trackingLimits.noteLength).default(""),
});
export type NewRun = z.input<typeof newRunSchema>;

/** One value of a metric. NaN and ±Infinity are values like any other. */
export interface MetricPoint {
  key: string;
  value: number;
  /** Default 0. */
  step?: number;
  /** Default: now. */
  timeMs?: number;
}

export interface MetricValue {
  value: number;
  step: number;
  timeMs: number;
}

export interface Run {
  id: string;
  experiment: string;
  name: string;
  parent: string | undefined;
  actor: string | undefined;
  status: RunStatus;
  startedMs: number;
  endedMs: number | undefined;
  deletedMs: number | undefined;
  params: Record<string, string>;
  tags: Record<string, string>;
  /** Latest value of each metric: the greatest (step, time, value), NaN below every number. */
  metrics: Record<string, MetricValue>;
}

/** A run with what only its own page needs. */
export interface RunDetail extends Run {
  source: RunSource;
  environment: Record<string, unknown>;
  inputs: RunInput[];
  outputs: RunOutput[];
  note: string;
}

export interface Artifact {
  path: string;
  /** What names the bytes in the store (see `artifactKey`); undefined for a folder. */
  content: string | undefined;
  /** SHA-256 of the bytes; undefined for a folder, and while it is not known of bytes that went to the store directly. */
  digest: string | undefined;
  sizeBytes: number;
  mediaType: string | undefined;
  createdMs: number;
}

/** A model as files: `path` within its folder. */
export interface ModelFolder {
  /** SHA-256 over the files' paths and digests, the format and the signature. */
  digest: string;
  format: string;
  signature: ModelSignature;
  files: { path: string; digest: string; sizeBytes: number }[];
}

export const signatureSchema = z.object({
  inputs: z.array(z.object({ name: z.string(), type: z.string() }).catchall(z.json())),
  outputs: z.array(z.object({ name: z.string(), type: z.string() }).catchall(z.json())),
});
export type ModelSignature = z.infer<typeof signatureSchema>;
