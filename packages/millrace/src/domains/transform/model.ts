/** The words of SQL transforms: a project's models, their configuration and tests, and what is recorded of a build. */
import { z } from "zod";
import type { Template } from "./jinja-ast.ts";
import type { TemplatePosition, TemplateSource } from "./jinja-source.ts";

const materializations = ["view", "table", "incremental", "ephemeral"] as const;
const incrementalStrategies = ["append", "delete+insert", "merge"] as const;

/** Where a table of models lies in the lake: `models.<name>`. */
export const modelSchema = "models";

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1))]).transform((value) => (typeof value === "string" ? [value] : value));

/** What a model says of itself by `{{ config(…) }}`, in dbt's words. */
export const modelConfigSchema = z.object({
  materialized: z.enum(materializations).default("view"),
  /** Incremental models: rows with a key that is there already take the place of the old ones. */
  unique_key: oneOrMore.default([]),
  /** Default: `merge` with a unique key, else `append`. */
  incremental_strategy: z.enum(incrementalStrategies).optional(),
  /** `false`: never rebuilt from the start, not even when its SQL changes. */
  full_refresh: z.boolean().nullable().optional(),
  enabled: z.boolean().default(true),
  tags: oneOrMore.default([]),
  description: z.string().default(""),
  meta: z.record(z.string(), z.unknown()).default({}),
});
export type ModelConfig = z.infer<typeof modelConfigSchema>;

export type Severity = "warn" | "error";

/** A test of a column (or, without `column`, of a whole model), as declared. Relations among the arguments are `RelationArgument`s. */
export interface DataTest {
  /** Unique within the project, such as `not_null_flights_origin`. */
  name: string;
  /** `not_null`, `unique`, `accepted_values`, `relationships`, or the name of a `{% test %}` of the project. */
  kind: string;
  column: string | undefined;
  args: Record<string, unknown>;
  /** SQL condition: only these rows are tested. */
  where: string | undefined;
  severity: Severity;
}

/** A reference within the arguments of a test: `{'to': ref('airports')}`. */
export interface RelationArgument {
  relation: { schema: string; name: string };
}

/** A test of its own: `tests/*.sql`, a query that returns the rows that are wrong. */
export interface SingularTest {
  name: string;
  file: string;
  template: Template;
  refs: string[];
  sources: SourceName[];
  severity: Severity;
}

export interface SourceName {
  schema: string;
  table: string;
}

/** Where a template mentions another relation. */
export interface Mention<Name> {
  name: Name;
  position: TemplatePosition;
}

export interface Model {
  name: string;
  /** Path relative to the project, such as `models/flights.sql`. */
  file: string;
  template: Template;
  config: ModelConfig;
  tests: DataTest[];
  /** Models whose rows it reads. */
  refs: string[];
  /** Models that only its tests read. */
  testRefs: string[];
  sources: SourceName[];
}

/** A project's models in dependency order, and what rendering them needs. */
export interface ProjectGraph {
  folder: string;
  /** In dependency order: a model stands behind all that it reads. */
  models: ReadonlyMap<string, Model>;
  tests: SingularTest[];
  /** Files of `macros/`. */
  macros: { source: TemplateSource; template: Template }[];
  settings: RenderSettings;
}

/** What the templates of a project can read besides one another. */
export interface RenderSettings {
  /** For `var()`. */
  vars: Record<string, unknown>;
  /** For `env_var()`. */
  environment: Record<string, string | undefined>;
  /** For `target.name`; default `dev`. */
  targetName: string;
  /** What `log()` and `print()` are given. */
  onLog: (message: string) => void;
}

const columnOriginSchema = z.object({ table: z.string(), column: z.string(), kind: z.enum(["value", "filter"]) });
/** Where a column comes from: `value` flows into it; `filter` only decides which rows there are, or their order. */
export type ColumnOrigin = z.infer<typeof columnOriginSchema>;

const recordedColumnSchema = z.object({ name: z.string(), type: z.string(), from: z.array(columnOriginSchema) });
export type RecordedColumn = z.infer<typeof recordedColumnSchema>;

const tableVersionSchema = z.object({ table: z.string(), version: z.number() });
export type TableVersion = z.infer<typeof tableVersionSchema>;

const testResultSchema = z.object({
  name: z.string(),
  column: z.string().optional(),
  severity: z.enum(["warn", "error"]),
  status: z.enum(["passed", "warned", "failed"]),
  /** Rows that break the test. */
  failures: z.number(),
  /** A few of them. */
  examples: z.array(z.record(z.string(), z.unknown())),
});
export type TestResult = z.infer<typeof testResultSchema>;

/** What stands of a model: enough to know whether anything changed, and to read it. Kept by the `BuildStore`. */
export const buildRecordSchema = z.object({
  model: z.string(),
  /** Counts the builds of the model; the lake's transaction has the same number, so that a build killed between the two is recognised. */
  sequence: z.number(),
  /** Digest of all that the rows depend on: code, configuration, versions of the inputs, engine. Equal keys, equal rows. */
  key: z.string(),
  /** Digest of the code and configuration alone. */
  codeDigest: z.string(),
  /** Digest of the tests and the versions of what only they read. */
  testKey: z.string(),
  materialized: z.enum(materializations),
  /** Version of the table in the lake; for views the number of the definition. */
  version: z.number(),
  /** The build that last changed the rows: a version number alone could come again after a table was dropped. */
  rowsSequence: z.number(),
  columns: z.array(recordedColumnSchema),
  /** What the lineage of its columns could not follow, in words; empty when all is known. */
  unresolved: z.array(z.string()),
  inputs: z.array(tableVersionSchema),
  /** Version of the engine. */
  engine: z.string(),
  /** Views: their SQL down to tables of the lake, each named with its version: `"millrace"."raw"."flights@3"`. */
  definition: z.string().optional(),
  tests: z.array(testResultSchema),
  builtAtMs: z.number(),
});
export type BuildRecord = z.infer<typeof buildRecordSchema>;

/**
 * Where builds are remembered, by model. `finished` is what stands; `pending` is a build whose rows were about to be committed.
 * Both durable when the promise resolves.
 */
export interface BuildStore {
  get(model: string): Promise<{ finished: BuildRecord | undefined; pending: BuildRecord | undefined }>;
  putPending(record: BuildRecord): Promise<void>;
  /** Replaces both: the record is what stands, and nothing is pending. */
  putFinished(record: BuildRecord): Promise<void>;
}
