import type { Floats } from "./metric-input.ts";
import type { TableColumn } from "./profile-columns.ts";
import type { Row } from "./table-rows.ts";

/** Rows with known outcomes that the model has not learnt from, and the scores it gave them. All of one length. */
export interface TestRows {
  /** The model's inputs and any other column that slices and behavioural checks name. */
  columns: readonly TableColumn[];
  /** 0 or 1, or numbers for regression. */
  labels: Floats;
  scores: Floats;
}

/** Scores rows given as objects, in their order. What a row lacks is missing. */
export type RowModel = (rows: Row[]) => ArrayLike<number> | Promise<ArrayLike<number>>;
