/**
 * Tree ensembles as flat arrays, and the loop that scores them.
 *
 * Hot path. Budget: ≥ 250,000 rows a second and thread with 100 trees of 31 leaves; benchmark `bench/trees`.
 * A node is four 32-bit words: column and kind of test, threshold or place of a set, and the two children. A tree's nodes (2 KB at 31
 * leaves) stay in the first-level cache while it scores a block of rows.
 */
import { AppError } from "#kit/app-error";

/** How a node tests its value; the lowest bit says that missing values go left. */
export const tests = { atMost: 0, member: 2, equals: 4 } as const;

export interface FlatNode {
  feature: number;
  missingLeft: boolean;
  /** Children: a node's number, or `~leaf`. */
  left: number;
  right: number;
  /** Left when the value is at most the threshold, in the set of whole numbers, or exactly the value. */
  test: { kind: "atMost"; threshold: number } | { kind: "member"; members: number[] } | { kind: "equals"; value: number };
}

export interface FlatEnsemble {
  /** Four words a node; the second is a float32 for thresholds. */
  nodes: Int32Array;
  thresholds: Float32Array;
  /** Per set: how many numbers it covers, then one bit for each. */
  sets: Int32Array;
  leaves: Float64Array;
  /** First nodes of the trees; `~leaf` for a tree without a split. */
  roots: Int32Array;
  base: number;
}

/** Packs nodes and leaves. Throws `corrupt_data` when children do not form trees or a column is out of range. */
export function flatten(nodes: FlatNode[], leaves: number[], roots: number[], base: number, width: number): FlatEnsemble {
  checkTrees(nodes, leaves.length, roots, width);
  const words = new Int32Array(nodes.length * 4);
  const thresholds = new Float32Array(words.buffer);
  const sets: number[] = [];
  nodes.forEach(({ feature, missingLeft, left, right, test }, n) => {
    words[n * 4] = feature * 8 + tests[test.kind] + (missingLeft ? 1 : 0);
    if (test.kind === "atMost") thresholds[n * 4 + 1] = test.threshold;
    else if (test.kind === "equals") thresholds[n * 4 + 1] = test.value;
    else words[n * 4 + 1] = addSet(sets, test.members);
    words[n * 4 + 2] = left < 0 ? left : left * 4; // children are stored as word positions
    words[n * 4 + 3] = right < 0 ? right : right * 4;
  });
  return {
    nodes: words,
    thresholds,
    sets: Int32Array.from(sets),
    leaves: Float64Array.from(leaves),
    roots: Int32Array.from(roots, (root) => (root < 0 ? root : root * 4)),
    base,
  };
}

const rowsPerBlock = 64;

/** Adds up the trees for each row of the row-major matrix [rows, width] and writes base + sum to `out`. The order is that of the trees. */
export function sumTrees(ensemble: FlatEnsemble, features: Float32Array, width: number, rows: number, out: Float64Array, firstRow = 0): void {
  const { nodes, thresholds, sets, leaves, roots, base } = ensemble;
  for (let block = 0; block < rows; block += rowsPerBlock) {
    const end = Math.min(block + rowsPerBlock, rows);
    out.fill(base, block, end);
    for (let t = 0; t < roots.length; t++) {
      const root = roots[t] as number; // indices below are in range: checked once, when the model was loaded
      for (let row = block; row < end; row++) {
        const start = (firstRow + row) * width;
        let at = root;
        while (at >= 0) {
          const head = nodes[at] as number;
          const value = features[start + (head >> 3)] as number;
          if ((head & 6) === 0) {
            const threshold = thresholds[at + 1] as number;
            const left = (head & 1) === 0 ? value <= threshold : !(value > threshold); // every comparison with NaN is false
            at = nodes[left ? at + 2 : at + 3] as number;
          } else at = nodes[goesLeft(head, value, at) ? at + 2 : at + 3] as number;
        }
        out[row] = (out[row] as number) + (leaves[~at] as number);
      }
    }
  }

  function goesLeft(head: number, value: number, at: number): boolean {
    if (value !== value) return (head & 1) === 1;
    if ((head & 6) === tests.equals) return value === thresholds[at + 1];
    const set = nodes[at + 1] as number;
    const member = value | 0;
    if (member !== value || member < 0 || member >= (sets[set] as number)) return false;
    return (((sets[set + 1 + (member >> 5)] as number) >>> (member & 31)) & 1) === 1;
  }
}

function addSet(sets: number[], members: number[]): number {
  const start = sets.length;
  const size = Math.max(...members) + 1;
  sets.push(size, ...Array.from({ length: Math.ceil(size / 32) }, () => 0));
  for (const member of members) sets[start + 1 + (member >> 5)] = (sets[start + 1 + (member >> 5)] ?? 0) | (1 << (member & 31));
  return start;
}

function checkTrees(nodes: FlatNode[], leaves: number, roots: number[], width: number): void {
  const seen = new Uint8Array(nodes.length);
  const open = [...roots];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at < 0) {
      if (~at >= leaves) throw damaged(`a node points to leaf ${~at} of ${leaves}`);
      continue;
    }
    const node = nodes[at];
    if (!node) throw damaged(`a node points to node ${at} of ${nodes.length}`);
    if (seen[at]) throw damaged(`node ${at} has two parents`);
    seen[at] = 1;
    if (!(node.feature >= 0 && node.feature < width)) throw damaged(`node ${at} tests column ${node.feature} of ${width}`);
    open.push(node.left, node.right);
  }
}

function damaged(how: string): AppError {
  return new AppError("corrupt_data", `The tree ensemble is damaged: ${how}.`, { hint: "Export the model again." });
}
