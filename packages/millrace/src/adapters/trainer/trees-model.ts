/** The grown model, as the trainer hands it from thread to thread and to the exporter. */

/** A split. Children: a node's index, or `~leaf` for a leaf. */
export type TreeNode = {
  feature: number;
  left: number;
  right: number;
  gain: number;
} & (
  | { kind: "number"; /** Left when value ≤ threshold (a float32). */ threshold: number; missingLeft: boolean }
  | { kind: "category"; /** Left when the code is one of these; missing and unseen go right. */ codes: number[] }
);

export interface Tree {
  /** Node 0 is the root; a tree always has a split. */
  nodes: TreeNode[];
  /** Float32 values with the learning rate applied. */
  leaves: number[];
}

export interface Forest {
  /** Starting score, a float32: the log odds or mean of the labels. */
  base: number;
  trees: Tree[];
}
