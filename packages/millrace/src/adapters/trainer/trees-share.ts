/**
 * One thread's share of the training: its rows, listed leaf by leaf, and its columns in the search for splits. All threads run the same
 * tasks side by side on the shared memory; what the tasks need is written there by the leader (`trees-grow.ts`).
 */
import { mix } from "./trees-random.ts";
import { blockRows, ownBlocks, splitFields, type Layout, type Views } from "./trees-layout.ts";
import type { Kernels } from "./trees-kernels.ts";
import { emptySplit, findCategorySplit, findNumericSplit, type LeafSums, type SplitRules } from "./trees-splits.ts";
import type { TreesParams } from "./trees-params.ts";

/** Tasks of the team. */
export const tasks = { begin: 0, split: 1, search: 2, finish: 3 } as const;

/** Doubles of the shared parameter block, by name. `counts` is the first of one per thread. */
export const numbers = {
  salt: 0,
  gradientScale: 1,
  hessianScale: 2,
  leaf: 3,
  newLeaf: 4,
  column: 5,
  /** Which side of the split is added up: 0 left, 1 right, −1 none. */
  addUp: 6,
  /** Histogram that the added-up sums go to, and the one they are taken from to give the sibling's (−1: none). */
  builtSlot: 7,
  siblingSlot: 8,
  /** Gradient, hessian, rows, lower and upper bound, and whether to search, of the built leaf and of its sibling. */
  builtSums: 9,
  siblingSums: 15,
  leaves: 21,
  largestGradient: 22,
  counts: 23,
} as const;
export const mostThreads = 16;

export interface Share {
  run(task: number): void;
}

interface Segment {
  /** Byte address of the first row number, and how many there are. */
  start: number;
  count: number;
}

/** Rows of this many list entries are split and then added up while they are still in the cache. */
const chunkRows = 4096;

/** Makes a thread's share. One long closure, because all its tasks work on the same row lists, buffers and views. */
export function createShare(
  layout: Layout,
  params: TreesParams,
  monotone: Int8Array,
  isCategory: boolean[],
  views: Views,
  kernels: Kernels,
  thread: number,
): Share {
  const { at, threads } = layout;
  const block = new Float64Array(views.float64.buffer, at.numbers, 64);
  const listStart = ownListStart(layout, thread);
  const scratch = at.scratch + thread * layout.histogramBytes;
  const rules: SplitRules = { params, unitGradient: 1, unitHessian: 1, constrained: monotone.some((direction) => direction !== 0) };
  /** Training rows in the bag, by leaf; and the rows that only follow the splits: validation and out of the bag. */
  const grown: Segment[] = [];
  const following: Segment[] = [];
  const found = emptySplit();
  const number = (index: number): number => block[index] ?? 0;

  function begin(): void {
    const salt = number(numbers.salt);
    rules.unitGradient = 1 / number(numbers.gradientScale);
    rules.unitHessian = 1 / number(numbers.hessianScale);
    const list = views.uint32;
    let grownEnd = listStart / 4;
    const followingRows: number[] = [];
    const inBag = Math.round(params.bagging * 2 ** 32);
    for (const [first, end] of ownBlocks(0, layout.trainRows, thread, threads)) {
      kernels.gradients(first, end + ((4 - (end % 4)) % 4), salt, number(numbers.gradientScale), number(numbers.hessianScale));
      const blockStart = grownEnd;
      for (let row = first; row < end; row++) {
        if (params.bagging === 1 || mix(salt ^ 0x5bd1e995, row) < inBag) list[grownEnd++] = row;
        else followingRows.push(row);
      }
      kernels.histogram(blockStart * 4, grownEnd * 4, scratch); // while the block is in the cache
    }
    let followingEnd = grownEnd;
    for (const row of followingRows) list[followingEnd++] = row;
    for (const [first, end] of ownBlocks(layout.validStart, layout.validStart + layout.validRows, thread, threads)) {
      for (let row = first; row < end; row++) list[followingEnd++] = row;
    }
    grown[0] = { start: listStart, count: grownEnd - listStart / 4 };
    following[0] = { start: grownEnd * 4, count: followingEnd - grownEnd };
    block[numbers.counts + thread] = grown[0].count;
  }

  function split(): void {
    const leaf = number(numbers.leaf);
    const newLeaf = number(numbers.newLeaf);
    const addUp = number(numbers.addUp);
    splitSegment(grown, leaf, newLeaf, addUp);
    splitSegment(following, leaf, newLeaf, -1);
    block[numbers.counts + thread] = grown[leaf]?.count ?? 0;
  }

  /** Left rows stay in place, right rows go by way of this thread's temporary space behind them. */
  function splitSegment(segments: Segment[], leaf: number, newLeaf: number, addUp: number): void {
    const { start, count } = segments[leaf] ?? { start: 0, count: 0 };
    const column = at.columns + number(numbers.column) * layout.rows;
    const end = start + count * 4;
    const temporary = at.temporary + (start - at.lists);
    let left = start;
    let right = temporary;
    for (let from = start; from < end; from += chunkRows * 4) {
      const to = Math.min(from + chunkRows * 4, end);
      const leftEnd = kernels.partition(from, to, column, left, right);
      const rightEnd = right + (to - from) - (leftEnd - left);
      if (addUp === 0) kernels.histogram(left, leftEnd, scratch);
      else if (addUp === 1) kernels.histogram(right, rightEnd, scratch);
      left = leftEnd;
      right = rightEnd;
    }
    kernels.copy(left, temporary, right - temporary);
    segments[leaf] = { start, count: (left - start) / 4 };
    segments[newLeaf] = { start: left, count: (end - left) / 4 };
  }

  /** For this thread's columns: sums all threads' histograms, takes them from the parent's, and searches both for the best split. */
  function search(): void {
    const builtSlot = number(numbers.builtSlot);
    const siblingSlot = number(numbers.siblingSlot);
    for (let column = thread; column < layout.columns; column += threads) {
      const offset = (layout.columnOffsets[column] ?? 0) / 4;
      const words = (layout.bins[column] ?? 0) * 2;
      const built = (at.histograms + builtSlot * layout.histogramBytes) / 4 + offset;
      const sibling = siblingSlot < 0 ? -1 : (at.histograms + siblingSlot * layout.histogramBytes) / 4 + offset;
      collect(views.int32, built, sibling, offset, words);
      searchColumn(column, built, numbers.builtSums, 0);
      if (sibling >= 0) searchColumn(column, sibling, numbers.siblingSums, 1);
    }
  }

  /** Both halves of a bin are added on their own: neither ever overflows its 32 bits. Leaves the scratch histograms empty. */
  function collect(int32: Int32Array, built: number, sibling: number, offset: number, words: number): void {
    for (let i = 0; i < words; i++) int32[built + i] = 0;
    for (let t = 0; t < threads; t++) {
      const from = (at.scratch + t * layout.histogramBytes) / 4 + offset;
      for (let i = 0; i < words; i++) int32[built + i] = ((int32[built + i] as number) + (int32[from + i] as number)) | 0; // in range
      int32.fill(0, from, from + words);
    }
    if (sibling >= 0) for (let i = 0; i < words; i++) int32[sibling + i] = ((int32[sibling + i] as number) - (int32[built + i] as number)) | 0;
  }

  function searchColumn(column: number, start: number, sums: number, child: 0 | 1): void {
    const out = at.splits / 8 + (child * layout.columns + column) * splitFields;
    found.gain = -Infinity;
    if (number(sums + 5) === 1 && views.bytes[at.allowed + column] === 1) {
      const leaf: LeafSums = {
        gradient: number(sums),
        hessian: number(sums + 1),
        rows: number(sums + 2),
        lower: number(sums + 3),
        upper: number(sums + 4),
      };
      const histogram = { sums: views.int32, start, bins: layout.bins[column] ?? 0 };
      if (isCategory[column]) findCategorySplit(histogram, leaf, rules, found);
      else findNumericSplit(histogram, leaf, monotone[column] ?? 0, rules, found);
    }
    const { float64 } = views;
    float64[out] = found.gain;
    if (found.gain === -Infinity) return;
    float64[out + 1] = found.bin;
    float64[out + 2] = found.missingLeft ? 1 : 0;
    float64[out + 3] = found.leftGradient;
    float64[out + 4] = found.leftHessian;
    float64[out + 5] = found.leftOutput;
    float64[out + 6] = found.rightOutput;
    for (let i = 0; i < 8; i++) float64[out + 7 + i] = found.members[i] ?? 0;
  }

  function finish(): void {
    const leaves = number(numbers.leaves);
    for (const segments of [grown, following]) {
      for (let leaf = 0; leaf < leaves; leaf++) {
        const { start, count } = segments[leaf] ?? { start: 0, count: 0 };
        kernels.addScores(start, start + count * 4, views.float64[at.leafValues / 8 + leaf] ?? 0);
      }
    }
    for (const [first, end] of ownBlocks(layout.validStart, layout.validStart + layout.validRows, thread, threads)) {
      views.float64[at.losses / 8 + first / blockRows] = blockLoss(layout, views, params.objective, first, end);
    }
    if (params.objective === "regression") measureGradient();
  }

  /** Squared error has no bound on its gradients: the largest decides the next iteration's quantisation. */
  function measureGradient(): void {
    let largest = 0;
    for (const [first, end] of ownBlocks(0, layout.trainRows, thread, threads)) {
      for (let row = first; row < end; row++) {
        const gradient = Math.abs((views.float64[at.scores / 8 + row] ?? 0) - (views.float32[at.labels / 4 + row] ?? 0));
        const weight = layout.weighted ? (views.float32[at.weights / 4 + row] ?? 0) : 1;
        if (gradient * weight > largest) largest = gradient * weight;
      }
    }
    block[numbers.counts + thread] = largest;
  }

  return {
    run(task) {
      if (task === tasks.begin) begin();
      else if (task === tasks.split) split();
      else if (task === tasks.search) search();
      else finish();
    },
  };
}

/** Where a thread's row lists begin: behind those of the threads before it. */
function ownListStart({ at, trainRows, validStart, validRows, threads }: Layout, thread: number): number {
  let rows = 0;
  for (let t = 0; t < thread; t++) {
    for (const [first, end] of ownBlocks(0, trainRows, t, threads)) rows += end - first;
    for (const [first, end] of ownBlocks(validStart, validStart + validRows, t, threads)) rows += end - first;
  }
  return at.lists + rows * 4;
}

/**
 * Sum of the losses of a block of validation rows: log loss, or squared error. Probabilities are multiplied first and the
 * logarithm taken once for 16 of them (each is at least e^-40, so their product stays above the smallest double).
 */
function blockLoss({ at, weighted }: Layout, { float64, float32 }: Views, objective: TreesParams["objective"], first: number, end: number): number {
  let loss = 0;
  let product = 1;
  for (let row = first; row < end; row++) {
    const score = float64[at.scores / 8 + row] as number; // in range; runs once per validation row and tree
    const label = float32[at.labels / 4 + row] as number;
    const weight = weighted ? (float32[at.weights / 4 + row] as number) : 1;
    if (objective === "regression") loss += weight * (score - label) ** 2;
    else {
      const inverse = 1 + Math.exp(Math.min(40, label === 1 ? -score : score)); // 1 / probability of what happened
      if (weighted) loss += weight * Math.log(inverse);
      else {
        product *= inverse;
        if ((row & 15) === 15) {
          loss += Math.log(product);
          product = 1;
        }
      }
    }
  }
  return loss + Math.log(product);
}
