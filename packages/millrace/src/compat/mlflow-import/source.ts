import type { AdoptedTrace } from "#compat/mlflow";
import type { PointBatch } from "./points.ts";
import type { ExperimentRecord, SourceLoggedModel, SourceModel, SourceRun } from "./records.ts";

/** A store of MLflow's that is read: nothing in it is ever changed. */
export interface MlflowSource {
  /** What it is, for people, such as `SQLite, schema dc11669786a5 (MLflow 3.17)`. */
  readonly description: string;
  /** Its address without secrets: under this name what was taken from it is remembered. */
  readonly origin: string;
  experiments(): Promise<ExperimentRecord[]>;
  /** Runs of an experiment, deleted ones too, in pages. */
  runs(experiment: string): AsyncIterable<SourceRun[]>;
  /** Points of a run's metrics, in pieces of a bounded size. */
  points(run: SourceRun): AsyncIterable<PointBatch>;
  loggedModels(experiment: string): AsyncIterable<SourceLoggedModel[]>;
  models(): AsyncIterable<SourceModel>;
  /** Traces of an experiment with their spans, in pages. */
  traces(experiment: string): AsyncIterable<SourceTrace[]>;
  /** What it holds that is not taken over, counted; empty kinds are left out. */
  leftOut(): Promise<{ what: string; count: number }[]>;
  /** Why the files at a location cannot be had from here; undefined where they can. */
  unreachable(location: string): string | undefined;
  /** The files below a location that is not unreachable. */
  files(owner: ArtifactOwner): ArtifactFolder;
  close(): Promise<void>;
}

export interface SourceTrace {
  /** Without spans where they are in its files, and those cannot be had; `location` says why. */
  record: AdoptedTrace;
  /** Root of its files, `""` for none. */
  location: string;
}

/** Whose files: servers ask by the owner, disks by the location. */
export interface ArtifactOwner {
  kind: "run" | "logged model" | "version" | "trace";
  id: string;
  location: string;
}

export interface ArtifactFolder {
  /** All files below it, by path; nothing where there is no such folder. */
  list(): AsyncIterable<ArtifactFile>;
}

export interface ArtifactFile {
  /** Relative, with `/` between. */
  path: string;
  sizeBytes: number;
  /** Differs where the content may; `""` where only the size is known. */
  stamp: string;
  bytes(): AsyncIterable<Uint8Array>;
}

/** Where a location is. */
export type Place = { kind: "local"; folder: string } | { kind: "proxied"; path: string } | { kind: "elsewhere" };

/** Reads a location as MLflow writes them. Relative local ones are told as they are. */
export function placeOf(location: string): Place {
  const proxied = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(location);
  if (proxied !== null) return { kind: "proxied", path: proxied[1]!.replace(/\/+$/, "") };
  const file = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/.exec(location);
  if (file !== null) return { kind: "local", folder: decode(file[1]!) };
  if (/^[a-zA-Z][\w+.-]*:/.test(location)) return { kind: "elsewhere" };
  return { kind: "local", folder: location };
}

/** Says that files are in a store of its own, by the store's name. */
export function elsewhere(location: string): string {
  return `they are in ${/^[^/]*:(\/\/[^/]*)?/.exec(location)?.[0] ?? location}, which its own programs read`;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a lone percent sign is one
  }
}
