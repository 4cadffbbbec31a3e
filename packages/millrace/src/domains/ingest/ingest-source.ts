import type { Lake } from "#domains/lake";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import { stableJson } from "#kit/hash";
import type { Database } from "#ports/database";
import type { Warehouse } from "#ports/warehouse";
import { batchesOf, type Batch } from "./batches.ts";
import type { Source } from "./define.ts";
import { digestFile, fileRelation, findSourceFile } from "./source-file.ts";
import { findSource, saveSource } from "./store.ts";

export interface IngestServices {
  lake: Lake;
  warehouse: Warehouse;
  state: Database;
  clock: Clock;
  projectFolder: string;
}

export interface IngestResult {
  source: string;
  table: string;
  version: number;
  batches: number;
  /** Batches that were in the table already. */
  skippedBatches: number;
  /** Rows written by this call. */
  rows: number;
  /** Rows the table has now. */
  totalRows: number;
  fileDigest: string;
}

export interface IngestOptions {
  /** Takes a changed file or changed settings and makes the table anew, in new versions. */
  refresh?: boolean;
  onProgress?: (done: number, batches: number) => void;
  signal?: AbortSignal;
}

/** Table of a source. */
export function tableOf(source: Pick<Source, "name">): string {
  return `raw.${source.name}`;
}

/**
 * Brings a source's file into the lake, batch by batch. Each batch is one table version that carries the batch's number, so
 * a batch is there exactly once however often this is called and wherever it was killed. A file without batches is small:
 * when it has changed the table is replaced. Throws `conflict` when a batched file is not the one that was begun.
 */
export async function ingestSource(services: IngestServices, source: Source, options: IngestOptions = {}): Promise<IngestResult> {
  const { lake, warehouse, state, clock } = services;
  const file = findSourceFile(source, services.projectFolder);
  const { digest } = await digestFile(file);
  const settings = stableJson({ format: source.format, batch: source.batch, rowNumber: source.rowNumber });
  const before = await findSource(state, source.name);
  const changed = before !== undefined && (before.digest !== digest || before.settings !== settings);
  if (changed && source.batch && !options.refresh) throw changedFile(source, before.settings !== settings);
  const generation = before === undefined ? 1 : changed || options.refresh ? before.generation + 1 : before.generation;
  if (before?.generation !== generation)
    await saveSource(state, { name: source.name, generation, digest, settings, file: source.files }, clock.now());

  const relation = fileRelation(source, file);
  const batches = await batchesOf(source, relation, warehouse);
  const table = tableOf(source);
  const result: IngestResult = {
    source: source.name,
    table,
    version: 0,
    batches: batches.length,
    skippedBatches: 0,
    rows: 0,
    totalRows: 0,
    fileDigest: digest,
  };
  for (const batch of batches) {
    options.signal?.throwIfAborted();
    const written = await writeBatch(lake, table, relation, batch, {
      appId: `ingest/${source.name}/${generation}`,
      first: generation > 1 && batch.index === 0,
    });
    result.version = written.version;
    result.rows += written.rows;
    result.skippedBatches += written.skipped ? 1 : 0;
    options.onProgress?.(batch.index + 1, batches.length);
  }
  const snapshot = await lake.snapshot(table);
  return { ...result, version: snapshot.version, totalRows: snapshot.rows };
}

function writeBatch(lake: Lake, table: string, relation: string, batch: Batch, { appId, first }: { appId: string; first: boolean }) {
  const rows = { sql: `select * from ${relation} ${batch.where}` };
  const options = { transaction: { appId, version: batch.index }, metadata: { batch: batch.label } };
  return first ? lake.replace(table, rows, options) : lake.append(table, rows, options);
}

function changedFile(source: Source, settings: boolean): AppError {
  return new AppError(
    "conflict",
    `The ${settings ? "settings" : "file"} of source "${source.name}" changed after its first batches were ingested; nothing was written.`,
    {
      hint: `Put the old one back, or make the table anew from the new one: millrace ingest ${source.name} --refresh`,
    },
  );
}
