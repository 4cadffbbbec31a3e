/**
 * A tree ensemble as arrays of 16-byte nodes, made for a walk without branches (`tree-ensemble-kernel.ts`).
 *
 * Every node asks three questions at once and goes left if any says yes: is the value at most the threshold, is it missing while the node
 * sends missing values left, is it in the node's set? Numeric nodes have the empty set, categorical nodes the threshold NaN.
 * Both children of a node lie side by side, so the answer is added to the place of the left one. A leaf points to itself.
 */
import { AppError } from "#kit/app-error";

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
  width: number;
  /** Four words a node: column × 8 + (1 if missing goes left), threshold (float32), byte address of its set in `sets`, byte address of the left child. */
  nodes: Int32Array;
  /** Bit sets, each with an empty last word; the first word is the empty set of the numeric nodes. */
  sets: Int32Array;
  /** Per column: what is no member of any set: the first number of the sets' empty last word; 0 for columns without sets. */
  outside: Int32Array;
  /** By node: a leaf's value. */
  values: Float64Array;
  /** Byte addresses of the trees' first nodes. */
  roots: Int32Array;
  base: number;
}

/** Packs nodes and leaves. Throws `corrupt_data` when children do not form trees or a column is out of range. */
export function flatten(nodes: FlatNode[], leaves: number[], roots: number[], base: number, width: number): FlatEnsemble {
  checkTrees(nodes, leaves.length, roots, width);
  const outside = new Int32Array(width);
  for (const { feature, test } of nodes) {
    if (test.kind === "member") outside[feature] = Math.max(outside[feature] ?? 0, (Math.floor(Math.max(...test.members) / 32) + 1) * 32);
  }
  const sets = [0];
  const packed = packer();
  const firstNodes = roots.map((root) => {
    const place = packed.reserve(1);
    packTree(root, place);
    return place;
  });
  return { width, outside, sets: Int32Array.from(sets), roots: Int32Array.from(firstNodes, (place) => place * 16), base, ...packed.finish() };

  function packTree(root: number, at: number): void {
    const open: { from: number; at: number }[] = [{ from: root, at }];
    for (let next = open.pop(); next; next = open.pop()) {
      const node = nodes[next.from];
      if (next.from < 0 || !node) {
        packed.leaf(next.at, leaves[~next.from] ?? 0);
        continue;
      }
      const { feature, missingLeft, left, right, test } = node;
      const children = packed.reserve(2);
      if (test.kind === "equals") {
        // x = v is x ≤ v and not x ≤ (the float32 below v); the other side is reached from both nodes, by a node that always goes left.
        const inner = packed.reserve(2);
        const other = packed.reserve(1);
        packed.node(next.at, { feature, missingLeft, threshold: test.value, set: 0, left: children });
        packed.node(children, { feature, missingLeft: false, threshold: floatBelow(test.value), set: 0, left: inner });
        packed.jump(children + 1, other);
        packed.jump(inner, other);
        open.push({ from: left, at: inner + 1 }, { from: right, at: other });
        continue;
      }
      const member = test.kind === "member";
      packed.node(next.at, {
        feature,
        missingLeft,
        threshold: member ? NaN : test.threshold,
        set: member ? addSet(sets, test.members, outside[feature] ?? 0) : 0,
        left: children,
      });
      open.push({ from: left, at: children }, { from: right, at: children + 1 });
    }
  }
}

/** The next float32 below: `x < t` is `x ≤ floatBelow(t)` for every float32 x. */
export function floatBelow(value: number): number {
  if (value === 0) return -1.401298464324817e-45;
  if (value === -Infinity || Number.isNaN(value)) return NaN; // nothing lies below
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] ?? 0) + (value > 0 ? -1 : 1);
  return new Float32Array(bits.buffer)[0] ?? value;
}

interface PackedNode {
  feature: number;
  missingLeft: boolean;
  threshold: number;
  set: number;
  left: number;
}

interface Packer {
  /** Takes places for nodes; returns the first. */
  reserve(count: number): number;
  node(at: number, node: PackedNode): void;
  leaf(at: number, value: number): void;
  /** A node that goes to `target` whatever the value. */
  jump(at: number, target: number): void;
  finish(): Pick<FlatEnsemble, "nodes" | "values">;
}

function packer(): Packer {
  const packed: PackedNode[] = [];
  const values: number[] = [];
  let size = 0;
  const jump = (at: number, target: number): void => void (packed[at] = { feature: 0, missingLeft: true, threshold: Infinity, set: 0, left: target });
  return {
    reserve(count) {
      size += count;
      return size - count;
    },
    node: (at, node) => void (packed[at] = node),
    leaf(at, value) {
      jump(at, at);
      values[at] = value;
    },
    jump,
    finish() {
      const nodes = new Int32Array(size * 4);
      const thresholds = new Float32Array(nodes.buffer);
      packed.forEach(({ feature, missingLeft, threshold, set, left }, at) => {
        nodes[at * 4] = feature * 8 + (missingLeft ? 1 : 0);
        thresholds[at * 4 + 1] = threshold;
        nodes[at * 4 + 2] = set * 4;
        nodes[at * 4 + 3] = left * 16;
      });
      return { nodes, values: Float64Array.from({ length: size }, (_, at) => values[at] ?? 0) };
    },
  };
}

/** Appends a bit set that covers the numbers below `outside` and one empty word; returns where it starts. */
function addSet(sets: number[], members: number[], outside: number): number {
  const words = new Int32Array(outside / 32 + 1);
  for (const member of members) words[member >> 5] = (words[member >> 5] ?? 0) | (1 << (member & 31));
  const start = sets.length;
  for (const word of words) sets.push(word);
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
