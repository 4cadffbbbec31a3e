import { z } from "zod";

/** What the trees can be told; names and meanings follow LightGBM's parameters, in camel case. */
export const treesParams = z.strictObject({
  objective: z.enum(["binary", "regression"]).default("binary").describe("binary: log loss on labels 0 and 1; regression: squared error"),
  trees: z.int().min(1).max(20_000).default(100).describe("boosting iterations"),
  leaves: z.int().min(2).max(4096).default(31).describe("leaves of a tree, grown best first"),
  learningRate: z.number().positive().max(1).default(0.1),
  maxDepth: z.int().min(0).max(1000).default(0).describe("splits on the way to a leaf; 0 is no limit"),
  minRows: z.int().min(1).default(20).describe("rows a leaf needs, estimated from the second derivatives as LightGBM does"),
  minHessian: z.number().min(0).default(1e-3).describe("sum of second derivatives a leaf needs (min child weight)"),
  minGain: z.number().min(0).default(0).describe("loss reduction a split needs"),
  l2: z.number().min(0).default(0),
  bins: z.int().min(2).max(255).default(255).describe("histogram bins of a column, without the one for missing values"),
  featureFraction: z.number().positive().max(1).default(1).describe("share of the columns that each tree may use"),
  bagging: z.number().positive().max(1).default(1).describe("share of the rows that each tree is grown on"),
  earlyStopping: z.int().min(0).default(0).describe("iterations without improvement on the validation rows; 0 never stops early"),
  catSmooth: z.number().min(0).default(10).describe("added to a category's second derivatives before sorting; rarer categories take no part"),
  catL2: z.number().min(0).default(10).describe("l2 added in categorical splits"),
  maxCatThreshold: z.int().min(1).max(255).default(32).describe("categories on the smaller side of a split"),
  minRowsPerCategoryGroup: z.int().min(1).default(100),
  monotone: z
    .record(z.string(), z.literal([-1, 0, 1]))
    .default({})
    .describe("by column: 1 if the prediction may only rise with it, -1 if it may only fall"),
});

export type TreesParams = z.infer<typeof treesParams>;
