import { digestOf } from "#kit/hash";

/**
 * What an MLflow store holds, in one form whatever it was read from: a database, files, a server, or Millrace. Two stores hold the
 * same where their records are equal; texts that MLflow leaves out and texts that are empty are the same.
 */
export interface ExperimentRecord {
  id: string;
  name: string;
  /** Root of its artifacts. */
  location: string;
  deleted: boolean;
  createdMs: number;
  updatedMs: number;
  tags: Record<string, string>;
}

export type RecordedStatus = "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED";

export interface DatasetRecord {
  name: string;
  digest: string;
  sourceType: string;
  source: string;
  schema: string;
  profile: string;
  tags: Record<string, string>;
}

/** A run without the histories of its metrics. */
export interface RunRecord {
  id: string;
  experiment: string;
  name: string;
  user: string;
  status: RecordedStatus;
  startedMs: number;
  endedMs: number | null;
  deleted: boolean;
  deletedMs: number | null;
  params: Record<string, string>;
  /** Without the run's name. */
  tags: Record<string, string>;
  datasets: DatasetRecord[];
  modelInputs: string[];
  modelOutputs: { model: string; step: number }[];
}

/** A run as a source tells of it. */
export interface SourceRun {
  record: RunRecord;
  /** Root of its artifacts. */
  location: string;
  /** Differs where the source's points do; cheaper than reading them. */
  pointsStamp: string;
}

export interface ModelPointRecord {
  run: string;
  metric: string;
  step: number;
  timeMs: number;
  value: number;
  dataset: string;
  datasetDigest: string;
}

/** A model as a run left it, with an id of its own. */
export interface LoggedModelRecord {
  id: string;
  experiment: string;
  name: string;
  type: string;
  status: "pending" | "ready" | "failed";
  sourceRun: string;
  createdMs: number;
  updatedMs: number;
  deleted: boolean;
  params: Record<string, string>;
  tags: Record<string, string>;
  points: ModelPointRecord[];
}

export interface SourceLoggedModel {
  record: LoggedModelRecord;
  location: string;
}

export interface VersionRecord {
  version: number;
  createdMs: number;
  updatedMs: number;
  description: string;
  user: string;
  stage: string;
  source: string;
  run: string;
  status: "pending" | "ready" | "failed";
  runLink: string;
  tags: Record<string, string>;
}

/** A registered model, or a prompt, with all its versions. */
export interface ModelRecord {
  name: string;
  description: string;
  createdMs: number;
  updatedMs: number;
  tags: Record<string, string>;
  aliases: Record<string, number>;
  versions: VersionRecord[];
}

export interface SourceModel {
  record: ModelRecord;
  /** Where each version's files are, by its number. */
  locations: Record<number, string>;
  /** The greatest number that a version ever had, deleted ones included. */
  lastVersion: number;
}

/** Digest of a record, whatever the order of keys and of things that have none. */
export function recordDigest(record: ExperimentRecord | RunRecord | LoggedModelRecord | ModelRecord): string {
  return digestOf(Object.fromEntries(Object.entries(record).map(([key, value]) => [key, unordered(value)])));
}

function unordered(value: unknown): unknown {
  // Lists of records have no order that all stores keep; infinities and NaN have no JSON.
  if (!Array.isArray(value)) return value;
  return value.map((item) => (typeof item === "object" ? digestOf(withTexts(item as object)) : String(item))).sort();
}

function withTexts(item: object): object {
  return Object.fromEntries(Object.entries(item).map(([key, value]: [string, unknown]) => [key, typeof value === "number" ? String(value) : value]));
}
