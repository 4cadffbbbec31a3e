/** Hands the caller's columns to the training threads, piece by piece, so that the caller's thread is never busy for long. */
import { setImmediate } from "node:timers/promises";
import { AppError } from "#kit/app-error";
import type { FeatureColumn, LabelledTable } from "#ports/trainer";
import type { ColumnBins } from "./trees-bins.ts";
import type { Crew } from "./trees-crew.ts";
import { stagingRows, type Layout } from "./trees-layout.ts";
import type { Answer, Request } from "./trees-messages.ts";
import { mix } from "./trees-random.ts";

/** Rows that the bins are made from, as LightGBM's `bin_construct_sample_cnt`. */
const sampleRows = 200_000;

/** The threads find the columns' bins from a random sample: one row from each of many equal stretches of the table. */
export async function findBins(features: FeatureColumn[], rows: number, most: number, seed: number, crew: Crew): Promise<ColumnBins[]> {
  const size = Math.min(rows, sampleRows);
  const chosen = Uint32Array.from({ length: size }, (_, i) => Math.floor(((i + mix(seed >>> 0, i) / 2 ** 32) * rows) / size));
  const found: ColumnBins[] = [];
  let next = 0;
  await onAllThreads(crew, 1, async (thread) => {
    for (let i = next++; i < features.length; i = next++) {
      const feature = features[i] as FeatureColumn; // in range
      await setImmediate(); // gathering takes a millisecond or two: others may run in between
      const request = sampleOf(feature, chosen, most);
      found[i] = expectAnswer("bins", await crew.ask(thread, request, [request.sample.buffer])).bins;
    }
  });
  return found;
}

/** Sends all rows to be cut into bins, two pieces a thread at a time. `start` is where a table's records begin. */
export async function sendRows(layout: Layout, crew: Crew, parts: { table: LabelledTable; start: number }[]): Promise<void> {
  const pieces = parts.flatMap(({ table, start }) =>
    Array.from({ length: Math.ceil(table.rows / stagingRows) }, (_, i) => ({ table, start, first: i * stagingRows })),
  );
  let next = 0;
  await onAllThreads(crew, 2, async (thread) => {
    let buffer = new ArrayBuffer(layout.pieceBytes);
    for (let piece = pieces[next++]; piece; piece = pieces[next++]) {
      const { table, start, first } = piece;
      const rows = Math.min(stagingRows, table.rows - first);
      fillPiece(buffer, table, first, rows, layout.weighted);
      buffer = expectAnswer("cut", await crew.ask(thread, { kind: "cut", piece: buffer, firstRow: start + first, rows }, [buffer])).piece;
    }
  });
}

async function onAllThreads(crew: Crew, feeders: number, feed: (thread: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: crew.size * feeders }, (_, i) => feed(i % crew.size)));
}

function sampleOf(feature: FeatureColumn, chosen: Uint32Array, most: number): Request & { sample: { buffer: ArrayBuffer } } {
  if (feature.kind === "number") {
    const sample = new Float32Array(chosen.length);
    for (let i = 0; i < chosen.length; i++) sample[i] = feature.values[chosen[i] as number] as number; // in range by construction
    return { kind: "find bins", sample, most };
  }
  const sample = new Int32Array(chosen.length);
  for (let i = 0; i < chosen.length; i++) sample[i] = feature.codes[chosen[i] as number] as number; // in range by construction
  return { kind: "find categories", sample, levels: feature.levels.length, most };
}

/** Columns one after another, then labels, then weights where the training knows any. */
function fillPiece(buffer: ArrayBuffer, { features, label, weight }: LabelledTable, first: number, rows: number, weighted: boolean): void {
  const floats = new Float32Array(buffer);
  const codes = new Int32Array(buffer);
  features.forEach((feature, column) => {
    if (feature.kind === "number") floats.set(feature.values.subarray(first, first + rows), column * rows);
    else codes.set(feature.codes.subarray(first, first + rows), column * rows);
  });
  floats.set(label.subarray(first, first + rows), features.length * rows);
  if (!weighted) return;
  const at = (features.length + 1) * rows;
  if (weight) floats.set(weight.subarray(first, first + rows), at);
  else floats.fill(1, at, at + rows);
}

/** The answer, as the kind that was asked for. */
export function expectAnswer<K extends Answer["kind"]>(kind: K, answer: Answer): Extract<Answer, { kind: K }> {
  if (answer.kind !== kind) throw new AppError("internal", `A training thread answered "${answer.kind}" where "${kind}" was due.`);
  return answer as Extract<Answer, { kind: K }>; // by the line above
}
