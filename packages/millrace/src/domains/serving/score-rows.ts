import { setImmediate } from "node:timers/promises";
import type { LoadedModel } from "#ports/model-adapter";

const rowsPerTurn = 2_048;

/** Scores the first rows of a matrix, a few milliseconds at a time, so that the event loop goes on in between. */
export async function scoreRows(model: LoadedModel, matrix: Float32Array, rows: number, signal?: AbortSignal): Promise<Float32Array> {
  const scores = new Float32Array(rows);
  for (let from = 0; from < rows; from += rowsPerTurn) {
    const count = Math.min(rowsPerTurn, rows - from);
    await model.score(matrix.subarray(from * model.width, (from + count) * model.width), count, scores.subarray(from, from + count));
    if (from + count < rows) await setImmediate();
    signal?.throwIfAborted();
  }
  return scores;
}
