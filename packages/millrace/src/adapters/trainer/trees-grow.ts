/** Grows one tree, best leaf first: the leader's part. Rows and columns are dealt with by the shares (`trees-share.ts`). */
import type { ColumnBins } from "./trees-bins.ts";
import { splitFields, type Layout, type Views } from "./trees-layout.ts";
import type { Tree, TreeNode } from "./trees-model.ts";
import type { TreesParams } from "./trees-params.ts";
import { numbers, tasks } from "./trees-share.ts";
import type { LeafSums } from "./trees-splits.ts";
import type { Team } from "./trees-team.ts";

export interface GrowContext {
  layout: Layout;
  params: TreesParams;
  columns: ColumnBins[];
  monotone: Int8Array;
  views: Views;
  team: Team;
}

interface Leaf extends LeafSums {
  index: number;
  /** Its histogram's place. */
  slot: number;
  depth: number;
  output: number;
  best: Candidate | undefined;
  /** Where the tree points to it. */
  parent: { node: TreeNode; side: "left" | "right" } | undefined;
}

interface Candidate {
  column: number;
  gain: number;
  bin: number;
  missingLeft: boolean;
  leftGradient: number;
  leftHessian: number;
  leftOutput: number;
  rightOutput: number;
  members: number[];
}

/** Grows a tree on the gradients that the task `begin` has computed; undefined when not even the root can be split. */
export function growTree(context: GrowContext): Tree | undefined {
  const { params } = context;
  const root = searchRoot(context);
  const leaves = [root];
  const nodes: TreeNode[] = [];
  while (leaves.length < params.leaves) {
    const leaf = bestOf(leaves);
    if (!leaf?.best) break;
    const node = nodeOf(leaf.best, context.columns);
    if (leaf.parent) leaf.parent.node[leaf.parent.side] = nodes.length;
    nodes.push(node);
    splitLeaf(context, leaf, leaf.best, node, leaves);
  }
  if (nodes.length === 0) return undefined;
  for (const leaf of leaves) if (leaf.parent) leaf.parent.node[leaf.parent.side] = ~leaf.index;
  return { nodes, leaves: leaves.map((leaf) => Math.fround(leaf.output * params.learningRate)) };
}

function searchRoot({ layout, views, team }: GrowContext): Leaf {
  const block = views.float64.subarray(layout.at.numbers / 8);
  block[numbers.builtSlot] = 0;
  block[numbers.siblingSlot] = -1;
  const rows = sumCounts(block, layout.threads);
  const { gradient, hessian } = scratchTotals(layout, views);
  const root: Leaf = {
    index: 0,
    slot: 0,
    depth: 0,
    gradient,
    hessian,
    rows,
    lower: -Infinity,
    upper: Infinity,
    output: 0,
    best: undefined,
    parent: undefined,
  };
  writeSums(block, numbers.builtSums, root, true);
  team.run(tasks.search);
  root.best = bestColumn(layout, views, 0);
  return root;
}

/** Splits the rows, adds up the smaller side, subtracts to get the larger one's sums, and searches both. */
function splitLeaf({ layout, params, views, team, monotone }: GrowContext, leaf: Leaf, split: Candidate, node: TreeNode, leaves: Leaf[]): void {
  const block = views.float64.subarray(layout.at.numbers / 8);
  const [leftBounds, rightBounds] = boundsOf(leaf, split, monotone);
  const right: Leaf = {
    ...leaf,
    ...rightBounds,
    index: leaves.length,
    slot: leaves.length,
    depth: leaf.depth + 1,
    gradient: leaf.gradient - split.leftGradient,
    hessian: leaf.hessian - split.leftHessian,
    output: split.rightOutput,
    best: undefined,
    parent: { node, side: "right" },
  };
  const rowsBefore = leaf.rows;
  Object.assign(leaf, leftBounds, { depth: leaf.depth + 1, gradient: split.leftGradient, hessian: split.leftHessian, output: split.leftOutput });
  leaf.best = undefined;
  leaf.parent = { node, side: "left" };
  leaves.push(right);

  const mayGrow = leaves.length < params.leaves && (params.maxDepth === 0 || leaf.depth < params.maxDepth);
  const leftIsSmaller = leaf.hessian <= right.hessian;
  writeGoesLeft(views.bytes.subarray(layout.at.goesLeft, layout.at.goesLeft + 256), split, layout.bins[split.column] ?? 0);
  block[numbers.leaf] = leaf.index;
  block[numbers.newLeaf] = right.index;
  block[numbers.column] = split.column;
  block[numbers.addUp] = !mayGrow ? -1 : leftIsSmaller ? 0 : 1;
  team.run(tasks.split);
  leaf.rows = sumCounts(block, layout.threads);
  right.rows = rowsBefore - leaf.rows;
  if (!mayGrow) return;

  const [built, sibling] = leftIsSmaller ? [leaf, right] : [right, leaf];
  // The parent's histogram becomes the sibling's; the smaller side takes the new place.
  const parentSlot = leaf.slot;
  sibling.slot = parentSlot;
  built.slot = leaves.length - 1;
  block[numbers.builtSlot] = built.slot;
  block[numbers.siblingSlot] = sibling.slot;
  writeSums(block, numbers.builtSums, built, built.rows >= 2 * params.minRows);
  writeSums(block, numbers.siblingSums, sibling, sibling.rows >= 2 * params.minRows);
  team.run(tasks.search);
  built.best = bestColumn(layout, views, 0);
  sibling.best = bestColumn(layout, views, 1);
}

function bestOf(leaves: Leaf[]): Leaf | undefined {
  let best: Leaf | undefined;
  for (const leaf of leaves) if (leaf.best && !(best?.best && best.best.gain >= leaf.best.gain)) best = leaf;
  return best;
}

/** The column with the largest gain among those the shares have searched; the first of equals. */
function bestColumn(layout: Layout, { float64 }: Views, child: 0 | 1): Candidate | undefined {
  const first = layout.at.splits / 8 + child * layout.columns * splitFields;
  let at = -1;
  let column = -1;
  let gain = -Infinity;
  for (let i = 0; i < layout.columns; i++) {
    const candidate = float64[first + i * splitFields] ?? -Infinity;
    if (candidate > gain) {
      gain = candidate;
      column = i;
      at = first + i * splitFields;
    }
  }
  if (at < 0) return undefined;
  const field = (i: number): number => float64[at + i] ?? 0;
  const members: number[] = [];
  if (field(1) < 0) for (let bin = 1; bin < 256; bin++) if ((field(7 + (bin >> 5)) >>> (bin & 31)) & 1) members.push(bin);
  return {
    column,
    gain,
    bin: field(1),
    missingLeft: field(2) === 1,
    leftGradient: field(3),
    leftHessian: field(4),
    leftOutput: field(5),
    rightOutput: field(6),
    members,
  };
}

/** Below a split by a monotone column neither side may cross the middle between the two outputs (LightGBM's "basic" method). */
function boundsOf(leaf: LeafSums, split: Candidate, monotone: Int8Array): [Pick<LeafSums, "lower" | "upper">, Pick<LeafSums, "lower" | "upper">] {
  const direction = monotone[split.column] ?? 0;
  const { lower, upper } = leaf;
  const middle = (split.leftOutput + split.rightOutput) / 2;
  if (direction > 0)
    return [
      { lower, upper: middle },
      { lower: middle, upper },
    ];
  if (direction < 0)
    return [
      { lower: middle, upper },
      { lower, upper: middle },
    ];
  return [
    { lower, upper },
    { lower, upper },
  ];
}

function writeGoesLeft(table: Uint8Array, split: Candidate, bins: number): void {
  table.fill(0); // 4 is the size of a row number: what the partition kernel moves on by
  if (split.bin < 0) for (const bin of split.members) table[bin] = 4;
  else {
    table.fill(4, 1, Math.min(split.bin + 1, bins));
    table[0] = split.missingLeft ? 4 : 0;
  }
}

function nodeOf(split: Candidate, columns: ColumnBins[]): TreeNode {
  const common = { feature: split.column, left: 0, right: 0, gain: split.gain };
  const bins = columns[split.column];
  if (bins?.kind === "category") {
    return { ...common, kind: "category", codes: split.members.map((bin) => bins.codes[bin - 1] ?? -1).sort((a, b) => a - b) };
  }
  // Past the last threshold only missing values go right.
  return { ...common, kind: "number", threshold: bins?.thresholds[split.bin - 1] ?? Infinity, missingLeft: split.missingLeft };
}

function writeSums(block: Float64Array, at: number, leaf: LeafSums, search: boolean): void {
  block[at] = leaf.gradient;
  block[at + 1] = leaf.hessian;
  block[at + 2] = leaf.rows;
  block[at + 3] = leaf.lower;
  block[at + 4] = leaf.upper;
  block[at + 5] = search ? 1 : 0;
}

function sumCounts(block: Float64Array, threads: number): number {
  let rows = 0;
  for (let t = 0; t < threads; t++) rows += block[numbers.counts + t] ?? 0;
  return rows;
}

/** The root's sums: those of the first column's bins, over all threads' histograms. */
function scratchTotals({ at, threads, histogramBytes, bins }: Layout, { int32 }: Views): { gradient: number; hessian: number } {
  let gradient = 0;
  let hessian = 0;
  for (let t = 0; t < threads; t++) {
    const start = (at.scratch + t * histogramBytes) / 4;
    for (let bin = 0; bin < (bins[0] ?? 0); bin++) {
      hessian += (int32[start + bin * 2] ?? 0) >>> 0;
      gradient += int32[start + bin * 2 + 1] ?? 0;
    }
  }
  return { gradient, hessian };
}
