import { z } from "zod";
import { type ModelFolder, type ModelSignature, signatureSchema } from "#domains/tracking";
import type { Clock } from "#kit/clock";
import type { Announce } from "#ports/announcer";
import type { Database, Transaction } from "#ports/database";
import type { EvidenceOf } from "./card-model.ts";

export interface RegistryServices {
  state: Database;
  clock: Clock;
  /** Told of what happens here. */
  announce?: Announce;
  /** Asked what else is known of a version, for its card. */
  evidence?: EvidenceOf;
  /** What else knows models by their names. */
  followers?: ModelFollower[];
}

/** Keeps what it knows of models by their names in step with them, in the same transaction. */
export interface ModelFollower {
  renamed?(transaction: Transaction, change: { model: string; newName: string }): Promise<void>;
  /** Without a version: the whole model. */
  deleted?(transaction: Transaction, gone: { model: string; version?: number }): Promise<void>;
}

/**
 * Names of models stand in URLs, paths and `name@alias`: none of / \ : @ %, no control characters, no space at the ends, and one
 * spelling only (Unicode NFC), so that two names that look alike letter for letter are the same.
 */
export const modelNameSchema = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[^/\\:@%\p{Cc}\p{Cf}]+$/u, "must not hold / \\ : @ % or invisible characters")
  .refine((name) => name === name.trim() && name !== "." && name !== "..", "must not be . or .. nor begin or end with a space")
  .refine((name) => name === name.normalize("NFC"), "must be in Unicode's composed form (NFC)");

/** Not a number, not `v1`, not `latest`: those mean versions. */
export const aliasSchema = z
  .string()
  .max(255)
  .regex(/^[\w-]+$/, "must be letters, digits, _ and -")
  .refine((alias) => !/^(v?\d+|latest)$/i.test(alias), "must not look like a version");

const textSchema = z.string().max(100_000);
const tagsSchema = z.record(z.string().min(1).max(250), textSchema);
const versionNumberSchema = z.int().min(1);
const jsonSchema = z.record(z.string(), z.json());
/** Finite or not: a metric of a slice with one class is NaN. */
const metricsSchema = z.record(
  z.string().min(1).max(250),
  z.custom<number>((value) => typeof value === "number", "must be a number"),
);

export const versionStatuses = ["pending", "ready", "failed"] as const;
export type VersionStatus = (typeof versionStatuses)[number];

export const newModelSchema = z.object({ name: modelNameSchema, description: textSchema.default(""), tags: tagsSchema.default({}) });

/** Data that a version was trained on. */
export const dataVersionSchema = z.object({ table: z.string(), version: z.int().min(0), digest: z.string().optional() });
export type DataVersion = z.infer<typeof dataVersionSchema>;

const folderSchema = z.object({
  digest: z.string(),
  format: z.string().min(1),
  signature: signatureSchema,
  /** None for a model whose files are elsewhere. */
  files: z.array(z.object({ path: z.string(), digest: z.string(), sizeBytes: z.int().min(0) })),
});

export const newVersionSchema = z.object({
  model: modelNameSchema,
  /** The run that made it; none for a model from elsewhere. */
  runId: z.string().min(1).max(256).optional(),
  /** As `logModel` gives it. */
  folder: folderSchema,
  /** Makes a version even where the run registered the same folder before. */
  again: z.boolean().default(false),
  /** Digest of the blob with the training data's profile, for monitoring to compare with. */
  profile: z.string().max(500).optional(),
  metrics: metricsSchema.default({}),
  /** The gate's report, with its `id`. */
  gate: jsonSchema.optional(),
  data: z.array(dataVersionSchema).default([]),
  status: z.enum(versionStatuses).default("ready"),
  description: textSchema.default(""),
  tags: tagsSchema.default({}),
  actor: z.string().max(500).optional(),
});
export type NewVersion = z.input<typeof newVersionSchema>;

export const versionChangeSchema = z.object({
  model: z.string(),
  version: versionNumberSchema,
  status: z.enum(versionStatuses).optional(),
  description: textSchema.optional(),
  /** Added to those there are; null takes one away. */
  tags: z.record(z.string().min(1).max(250), textSchema.nullable()).optional(),
  /** Added to those there are. */
  metrics: metricsSchema.optional(),
  gate: jsonSchema.optional(),
  profile: z.string().max(500).optional(),
});
export type VersionChange = z.input<typeof versionChangeSchema>;

export const aliasMoveSchema = z.object({
  model: z.string(),
  alias: aliasSchema,
  version: versionNumberSchema,
  /** Who moves it. */
  actor: z.string().min(1).max(500),
  reason: z.string().max(10_000).default(""),
  /** Id of the gate report that allowed it. */
  gate: z.string().max(500).optional(),
  /** Moves only if this version holds the alias now; null: only if none does. */
  expected: versionNumberSchema.nullable().optional(),
});
export type AliasMove = z.input<typeof aliasMoveSchema>;

export const aliasReturnSchema = aliasMoveSchema.omit({ version: true });
export type AliasReturn = z.input<typeof aliasReturnSchema>;

export interface RegisteredModel {
  name: string;
  description: string;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  /** Alias → version. */
  aliases: Record<string, number>;
  /** Newest version that is not deleted. */
  latest: number | undefined;
}

export interface ModelVersion {
  model: string;
  version: number;
  runId: string | undefined;
  /** SHA-256 over the model's files, format and signature. */
  digest: string;
  format: string;
  signature: ModelSignature;
  /** The bytes are in the blob store at tracking's `artifactKey(digest)`. */
  files: ModelFolder["files"];
  profile: string | undefined;
  metrics: Record<string, number>;
  gate: Record<string, unknown> | undefined;
  data: DataVersion[];
  status: VersionStatus;
  description: string;
  tags: Record<string, string>;
  actor: string | undefined;
  createdMs: number;
  /** When what describes it (its text, its stage) last changed; its tags, metrics and aliases are not among that. */
  updatedMs: number;
  /** Aliases that hold it now. */
  aliases: string[];
}

/** One move of an alias. */
export interface AliasChange {
  alias: string;
  kind: "set" | "rollback" | "remove";
  /** Who holds it from now on; undefined for none. */
  version: number | undefined;
  previous: number | undefined;
  actor: string;
  reason: string;
  gate: string | undefined;
  fromMs: number;
  /** When the next move ended it; undefined while it stands. */
  untilMs: number | undefined;
}
