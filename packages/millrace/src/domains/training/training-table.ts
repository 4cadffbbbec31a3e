import type { BlobStore } from "#ports/blob-store";
import type { FeatureColumn, LabelledTable } from "#ports/trainer";
import { AppError } from "#kit/app-error";
import { readColumnFile, type Columns } from "./column-file.ts";
import type { RowRange, Signature, TrainingSet } from "./model.ts";

/** Names of the columns of a training set's file that are not inputs. */
export const fileColumns = { id: "$id", time: "$time", label: "$label" } as const;

/** A range of a training set in memory: views into columns that threads can share, nothing is copied. */
export interface TrainingTable extends LabelledTable {
  /** Epoch ms, ascending. */
  time: Float64Array;
  id: Float64Array;
}

/** Reads training sets from the blob store and keeps the last few in memory, where the next step finds them. */
export class TrainingTables {
  readonly #blobs: BlobStore;
  readonly #kept = new Map<string, Promise<Columns>>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Hands over columns just written, so that nobody reads them again. */
  keep(blob: string, columns: Columns): void {
    this.#remember(blob, Promise.resolve(columns));
  }

  async range({ set, from, to }: RowRange): Promise<TrainingTable> {
    const columns = await this.#columns(set);
    return {
      rows: to - from,
      features: featureColumns(set.signature, columns, from, to),
      label: float32(columns, fileColumns.label).subarray(from, to),
      time: float64(columns, fileColumns.time).subarray(from, to),
      id: float64(columns, fileColumns.id).subarray(from, to),
    };
  }

  all(set: TrainingSet): Promise<TrainingTable> {
    return this.range({ kind: "row_range", set, from: 0, to: set.rows });
  }

  /** Lets go of everything kept. */
  clear(): void {
    this.#kept.clear();
  }

  #columns(set: TrainingSet): Promise<Columns> {
    let columns = this.#kept.get(set.blob);
    if (!columns) {
      columns = this.#blobs.localPath(set.blob).then(async (path) => (await readColumnFile(path)).columns);
      columns.catch(() => this.#kept.delete(set.blob));
    }
    this.#remember(set.blob, columns);
    return columns;
  }

  #remember(blob: string, columns: Promise<Columns>): void {
    this.#kept.delete(blob);
    this.#kept.set(blob, columns);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > 2 && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function featureColumns(signature: Signature, columns: Columns, from: number, to: number): FeatureColumn[] {
  return signature.inputs.map((input) => {
    if (input.kind === "number") return { name: input.name, kind: "number", values: float32(columns, input.name).subarray(from, to) };
    const codes = columns.get(input.name);
    if (!(codes instanceof Int32Array)) throw missing(input.name);
    return { name: input.name, kind: "category", codes: codes.subarray(from, to), levels: input.levels };
  });
}

function float32(columns: Columns, name: string): Float32Array {
  const values = columns.get(name);
  if (!(values instanceof Float32Array)) throw missing(name);
  return values;
}

function float64(columns: Columns, name: string): Float64Array {
  const values = columns.get(name);
  if (!(values instanceof Float64Array)) throw missing(name);
  return values;
}

function missing(name: string): AppError {
  return new AppError("corrupt_data", `The training set's file has no column ${name} of the type its description states.`);
}
