import { z } from "zod";
import type { Clock } from "#kit/clock";
import type { Database } from "#ports/database";

export interface LineageServices {
  state: Database;
  clock: Clock;
}

/**
 * What can stand in the graph, and how it is named:
 * `source`, `table` and `sql-model` by their own name (`raw.flights`), `column` as `raw.flights.delay`, `table-version` as
 * `raw.flights@7`, `feature-view` as `departed`, `feature` as `departed.late_rate_1h`, `feature-view-version` as `departed@2`,
 * `training-set` and `run` by id, `model-version` as `late-arrival@3`, `endpoint` as `late-arrival`.
 */
export const nodeKinds = [
  "source",
  "table",
  "column",
  "table-version",
  "sql-model",
  "feature-view",
  "feature",
  "feature-view-version",
  "training-set",
  "run",
  "model-version",
  "endpoint",
] as const;
export type NodeKind = (typeof nodeKinds)[number];

const nameSchema = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^\p{Cc}]+$/u, "must not hold control characters");
/** A name that gets `@version` behind it. */
const versionedNameSchema = nameSchema.refine((name) => !name.includes("@"), "must not hold @");
const versionSchema = z.int().min(0);

/** Where a column or feature comes from: `value` flows into it, `filter` only decides which rows it has (joins, conditions, grouping, order). */
export const columnSourceSchema = z.object({ table: versionedNameSchema, column: nameSchema, kind: z.enum(["value", "filter"]).default("value") });
export type ColumnSource = z.infer<typeof columnSourceSchema>;

export const tableVersionSchema = z.object({ table: versionedNameSchema, version: versionSchema });

export const tableRecordSchema = z.object({
  table: versionedNameSchema,
  version: versionSchema,
  /** What made it. */
  producer: z.object({ kind: z.enum(["source", "model", "run"]), name: nameSchema }),
  columns: z.array(z.object({ name: nameSchema, type: z.string(), from: z.array(columnSourceSchema).default([]) })),
  /** The exact versions that were read. */
  inputs: z.array(tableVersionSchema).default([]),
});
export type TableRecord = z.input<typeof tableRecordSchema>;

export const featureViewRecordSchema = z.object({
  view: versionedNameSchema,
  entity: nameSchema,
  table: versionedNameSchema,
  features: z.array(z.object({ name: nameSchema, type: z.string().default("DOUBLE"), from: z.array(columnSourceSchema) })).min(1),
});
export type FeatureViewRecord = z.input<typeof featureViewRecordSchema>;

export const trainingSetRecordSchema = z.object({
  id: nameSchema,
  tables: z.array(tableVersionSchema),
  /** Features as `view.feature`. */
  features: z.array(z.object({ view: versionedNameSchema, feature: nameSchema })).default([]),
  /** Columns taken straight from a table; the label is one of them. */
  columns: z.array(z.object({ table: versionedNameSchema, column: nameSchema })).default([]),
});
export type TrainingSetRecord = z.input<typeof trainingSetRecordSchema>;

export const modelVersionRecordSchema = z.object({
  model: versionedNameSchema,
  version: versionSchema,
  runId: nameSchema,
  /** What the run learned from: training sets by id, tables by version. */
  inputs: z.array(z.union([z.object({ trainingSet: nameSchema }), tableVersionSchema])).default([]),
});
export type ModelVersionRecord = z.input<typeof modelVersionRecordSchema>;

export const endpointRecordSchema = z.object({
  endpoint: versionedNameSchema,
  /** Every version that answers there: the champion, and any challenger beside it. */
  models: z.array(z.object({ model: versionedNameSchema, version: versionSchema })),
  /** Feature views read while answering. */
  views: z.array(versionedNameSchema).default([]),
});
export type EndpointRecord = z.input<typeof endpointRecordSchema>;

export const walkOptionsSchema = z.object({
  /** How many edges away; default: to the end. */
  depth: z.int().min(1).default(Number.MAX_SAFE_INTEGER),
  /** For a table, column, feature or view: the graph as it was for this version of it. Default: as it is now. */
  version: versionSchema.optional(),
  /** Nodes to return; the walk still goes through the others. */
  kinds: z.array(z.enum(nodeKinds)).optional(),
  /** At most so many nodes are visited. */
  limit: z.int().min(1).max(1_000_000).default(100_000),
});
export type WalkOptions = z.input<typeof walkOptionsSchema>;

export type Facts = Record<string, string | number | boolean | null>;

export interface LineageNode {
  kind: NodeKind;
  name: string;
  /** What is known of it, such as a column's `type` or a table's newest `version`. */
  facts: Facts;
  /** Edges between it and the nearest root; 0 for a root. */
  depth: number;
  /** Names from a root to this node along one shortest path, both included. */
  path: string[];
}

export interface LineageEdge {
  /** Direction of the data: `to` is made from `from`. */
  from: { kind: NodeKind; name: string };
  to: { kind: NodeKind; name: string };
  /** `value` and `filter` between columns and features; `input` elsewhere. */
  kind: EdgeKind;
}

export type EdgeKind = "value" | "filter" | "input";

/** What a walk found: nodes nearest first (roots included), and every edge between returned nodes. */
export interface LineageGraph {
  roots: { kind: NodeKind; name: string }[];
  nodes: LineageNode[];
  edges: LineageEdge[];
  /** The walk stopped at `limit`; there is more. */
  truncated: boolean;
}
