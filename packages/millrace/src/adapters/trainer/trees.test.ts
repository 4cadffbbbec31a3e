import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packFeatures, type FeatureColumn, type FitRequest, type FittedModel, type LabelledTable } from "#ports/trainer";
import { decodeOnnx } from "#kit/onnx-decode";
import { treesTrainer } from "./trees.ts";

// Tests may import anything: the model is judged by the scorers that will run it.
import { adapter as onnxruntime } from "#adapters/model-adapter/onnxruntime";
import { adapter as scorer } from "#adapters/model-adapter/tree-ensemble";

describe("what the trees learn", () => {
  // Reference: LightGBM 4.7.0 on the same rows: num_leaves 15, min_data_in_bin 1, min_data_per_group 50, 60 iterations.
  const params = { trees: 60, leaves: 15, minRowsPerCategoryGroup: 50 };

  test("classification is as good as LightGBM's", async () => {
    const [train, valid] = twoTables(4000);
    const model = await fit({ train, valid, params });
    expect(model.history["valid_logloss"]?.at(-1)).toBeLessThan(lightGbm.logLoss + 0.004);
    expect(auc(await predict(model, valid), valid.label)).toBeGreaterThan(lightGbm.auc - 0.003);
  });

  test("with subsampled rows and columns too, and another seed gives another model of the same quality", async () => {
    const [train, valid] = twoTables(4000);
    const sampled = { ...params, bagging: 0.6, featureFraction: 0.6 };
    const [first, again, other] = [
      await fit({ train, valid, params: sampled }),
      await fit({ train, valid, params: sampled }),
      await fit({ train, valid, params: sampled, seed: 2 }),
    ];
    expect(first.onnx).toEqual(again.onnx);
    expect(first.onnx).not.toEqual(other.onnx);
    for (const model of [first, other]) expect(model.history["valid_logloss"]?.at(-1)).toBeLessThan(lightGbm.sampledLogLoss + 0.006);
  });

  test("regression is as good as LightGBM's", async () => {
    const [train, valid] = twoTables(4000, "regression");
    const model = await fit({ train, valid, params: { ...params, objective: "regression" } });
    expect(model.history["valid_rmse"]?.at(-1)).toBeLessThan(lightGbm.rmse * 1.01);
  });

  test("labels far from zero and of any size are learned as well", async () => {
    const [train, valid] = twoTables(2000, "regression");
    const stretch = (table: LabelledTable): LabelledTable => ({ ...table, label: table.label.map((value) => 1e6 + 1000 * value) });
    const plain = await fit({ train, valid, params: { ...params, objective: "regression" } });
    const stretched = await fit({ train: stretch(train), valid: stretch(valid), params: { ...params, objective: "regression" } });
    const error = plain.history["valid_rmse"]?.at(-1) ?? NaN;
    expect((stretched.history["valid_rmse"]?.at(-1) ?? NaN) / 1000).toBeLessThan(error * 1.02);
  });

  test("rows of weight 0 teach nothing", async () => {
    const [train, valid] = twoTables(3000);
    const label = train.label.map((value, row) => (row % 3 === 0 ? 1 - value : value));
    const weight = label.map((_, row) => (row % 3 === 0 ? 0 : 2));
    const misled = await fit({ train: { ...train, label }, valid, params });
    const weighted = await fit({ train: { ...train, label, weight }, valid, params });
    expect(auc(await predict(weighted, valid), valid.label)).toBeGreaterThan(auc(await predict(misled, valid), valid.label) + 0.02);
    expect(weighted.history["valid_logloss"]?.at(-1)).toBeLessThan(lightGbm.logLoss + 0.03);
  });

  test("validation rows count by their weights", async () => {
    const [train, valid] = twoTables(500);
    const half = valid.rows / 2;
    const weight = valid.label.map((_, row) => (row < half ? 3 : 0));
    const model = await fit({ train, valid: { ...valid, weight }, params: { trees: 5 } });
    const predicted = await predict(model, valid);
    expect(model.history["valid_logloss"]?.at(-1)).toBeCloseTo(lossOf(predicted.slice(0, half), valid.label.slice(0, half), "binary"), 5);
  });

  test("a table of more columns than are added up in one pass is learned from all of them", async () => {
    const rows = 3000;
    const random = congruential(5);
    const features = Array.from({ length: 60 }, (_, i): FeatureColumn => ({
      name: `x${i}`,
      kind: "number",
      values: Float32Array.from({ length: rows }, random),
    }));
    const told = [0, 23, 24, 47, 48, 59];
    const label = Float32Array.from({ length: rows }, (_, row) =>
      told.reduce((sum, i) => sum + (features[i]?.kind === "number" ? (features[i].values[row] ?? 0) : 0), 0),
    );
    const model = await fit({ train: { rows, features, label }, params: { objective: "regression", trees: 60, leaves: 8 }, threads: 2 });
    const best = Object.entries(model.importance).toSorted(([, a], [, b]) => b - a);
    expect(new Set(best.slice(0, 6).map(([name]) => name))).toEqual(new Set(told.map((i) => `x${i}`)));
    expect(lossOf(await predict(model, { rows, features, label }), label, "regression")).toBeLessThan(0.2);
  });

  test("the first splits are those of an exhaustive search", async () => {
    const rows = 400;
    const x = Float32Array.from({ length: rows }, (_, i) => (i * 7919) % 100);
    const label = x.map((value) => (value > 36 ? 10 : value > 11 ? 5 : 0));
    const model = await fit({
      train: { rows, features: [{ name: "x", kind: "number", values: x }], label },
      params: { objective: "regression", trees: 1, leaves: 3, learningRate: 1 },
    });
    const out = await predictRows(model, Float32Array.of(0, 11, 11.4, 11.6, 12, 36, 36.4, 36.6, 99), 9);
    expect([...out].map((value) => Math.round(value * 100) / 100)).toEqual([0, 0, 0, 5, 5, 5, 5, 10, 10]);
    expect(model.importance["x"]).toBeGreaterThan(0);
  });
});

describe("the model file", () => {
  test("scores on any table as onnxruntime, the built-in scorer and the trainer itself say", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTable(), fc.constantFrom("binary", "regression"), fc.nat(100), async (table, objective, seed) => {
        const label = table.label.map((value) => (objective === "binary" ? Number(value > 0) : value));
        const train = { ...table, label: objective === "binary" ? label.with(0, 0).with(1, 1) : label };
        const params = { objective, trees: 8, leaves: 6, minRows: 1, minRowsPerCategoryGroup: 1, catSmooth: 1, learningRate: 0.3 };
        const model = await fit({ train, valid: train, params, seed });
        const ours = await predict(model, train);
        const theirs = new Float32Array(train.rows);
        const reference = await onnxruntime.load(model.onnx);
        await reference.score(packFeatures(train.features, train.rows), train.rows, theirs);
        await reference.close();
        const scale = Math.max(1, ...train.label.map(Math.abs));
        for (let row = 0; row < train.rows; row++)
          expect(Math.abs((ours[row] ?? NaN) - (theirs[row] ?? NaN)) / scale, `row ${row}`).toBeLessThan(1e-6);
        const own = objective === "binary" ? model.history["valid_logloss"]?.at(-1) : model.history["valid_rmse"]?.at(-1);
        if (own !== undefined) expect(Math.abs(own - lossOf(ours, train.label, objective)) / scale).toBeLessThan(2e-5);
      }),
      { numRuns: 25 },
    );
  });

  test("does not depend on the number of threads", async () => {
    const [train, valid] = twoTables(70_000);
    const models = [];
    for (const threads of [1, 2, 3]) models.push(await fit({ train, valid, params: { trees: 5, bagging: 0.8 }, threads }));
    const [one, two, three] = models.map((model) => Buffer.from(model.onnx).toString("base64"));
    expect(two).toBe(one);
    expect(three).toBe(one);
    expect(models[1]?.history).toEqual(models[0]?.history);
    expect(models[2]?.history).toEqual(models[0]?.history);
  });

  test("carries the columns' names and levels, so that a reader knows its codes", async () => {
    const [train] = twoTables(200);
    const { metadata } = decodeOnnx((await fit({ train, params: { trees: 1 } })).onnx);
    const columns: unknown = JSON.parse(metadata["millrace.features"] ?? "");
    expect(columns).toMatchObject([
      { name: "a", kind: "number" },
      {},
      {},
      {},
      { name: "place", kind: "category", levels: train.features.flatMap((f) => (f.kind === "category" ? f.levels : [])) },
    ]);
  });

  test("is a constant when no column tells anything", async () => {
    const rows = 100;
    const train: LabelledTable = {
      rows,
      features: [{ name: "x", kind: "number", values: new Float32Array(rows).fill(3) }],
      label: Float32Array.from({ length: rows }, (_, i) => (i % 4 === 0 ? 1 : 0)),
    };
    const model = await fit({ train, params: {} });
    expect(model.bestIteration).toBe(0);
    const [p] = await predictRows(model, Float32Array.of(NaN), 1);
    expect(p).toBeCloseTo(0.25, 6);
  });

  test("sends unseen categories where missing ones go", async () => {
    const [train] = twoTables(2000);
    const model = await fit({ train, params: { trees: 10 } });
    const row = (code: number): Float32Array => Float32Array.of(0.5, 0.5, 12, 0.5, code);
    const [unseen, missing, nan] = [
      await predictRows(model, row(500), 1),
      await predictRows(model, row(-1), 1),
      await predictRows(model, row(NaN), 1),
    ];
    expect(unseen).toEqual(missing);
    expect(nan).toEqual(missing);
  });
});

describe("what keeps the trees in bounds", () => {
  test("a monotone column never moves the prediction the other way", async () => {
    const [train] = twoTables(3000);
    const free = await fit({ train, params: { trees: 40 } });
    const bound = await fit({ train, params: { trees: 40, monotone: { a: 1, hour: -1 } } });
    const rises = async (model: FittedModel, column: number, values: number[]): Promise<number> => {
      let most = 0;
      for (let i = 0; i < 40; i++) {
        const base = packFeatures(train.features, train.rows).slice(i * 5, i * 5 + 5);
        const grid = Float32Array.from(values.flatMap((value) => [...base.with(column, value)]));
        const out = await predictRows(model, grid, values.length);
        for (let k = 1; k < values.length; k++) most = Math.max(most, (out[k] ?? 0) - (out[k - 1] ?? 0));
      }
      return most;
    };
    const up = Array.from({ length: 51 }, (_, i) => i / 50);
    const hours = Array.from({ length: 24 }, (_, i) => i);
    expect(await rises(bound, 0, up.toReversed())).toBe(0);
    expect(await rises(bound, 2, hours)).toBe(0);
    expect(await rises(free, 0, up.toReversed())).toBeGreaterThan(0);
    expect(auc(await predict(bound, train), train.label)).toBeGreaterThan(0.75);
  });

  test("early stopping keeps the best iteration's trees", async () => {
    const [train, valid] = twoTables(600);
    const model = await fit({ train, valid, params: { trees: 500, learningRate: 0.3, earlyStopping: 10 } });
    const losses = model.history["valid_logloss"] ?? [];
    expect(losses).toHaveLength(model.bestIteration + 10);
    expect(losses[model.bestIteration - 1]).toBe(Math.min(...losses));
    expect(lossOf(await predict(model, valid), valid.label, "binary")).toBeCloseTo(Math.min(...losses), 5);
  });

  test("leaves, depth and rows per leaf are limited as asked", async () => {
    const [train] = twoTables(2000, "regression");
    const leaves = async (params: Record<string, unknown>): Promise<number> => {
      const model = await fit({ train, params: { objective: "regression", trees: 1, ...params } });
      const [trees] = decodeOnnx(model.onnx).graph.nodes;
      const targets = trees?.attributes.get("leaf_targetids");
      return targets?.type === "ints" ? targets.value.length : 0;
    };
    expect(await leaves({ leaves: 7 })).toBe(7);
    expect(await leaves({ leaves: 100, maxDepth: 3 })).toBe(8);
    expect(await leaves({ leaves: 100, minRows: 1000 })).toBeLessThanOrEqual(2);
  });

  test("an aborted training rejects with the reason and reports nothing more", async () => {
    const [train] = twoTables(20_000);
    const controller = new AbortController();
    const reason = new Error("enough");
    let reported = 0;
    const onProgress = (): void => {
      reported++;
      controller.abort(reason);
    };
    await expect(fit({ train, params: { trees: 20_000 }, signal: controller.signal, onProgress })).rejects.toBe(reason);
    const after = reported;
    await new Promise((resolve) => setImmediate(resolve));
    expect(reported).toBe(after);
    await expect(fit({ train, params: {}, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("an error in the caller's progress function ends the training with it", async () => {
    const [train] = twoTables(500);
    const onProgress = (): void => {
      throw new Error("no more room on the screen");
    };
    await expect(fit({ train, params: {}, onProgress })).rejects.toThrow("no more room on the screen");
  });

  test("progress is told for each iteration with the validation loss", async () => {
    const [train, valid] = twoTables(500);
    const seen: [number, number, number | undefined][] = [];
    const model = await fit({
      train,
      valid,
      params: { trees: 3 },
      onProgress: ({ iteration, iterations, validation }) => seen.push([iteration, iterations, validation]),
    });
    expect(seen).toEqual([1, 2, 3].map((iteration) => [iteration, 3, model.history["valid_logloss"]?.[iteration - 1]]));
  });
});

describe("what the trees refuse", () => {
  const good = (): LabelledTable => twoTables(50)[0];
  const cases: [string, () => Partial<FitRequest>, RegExp][] = [
    ["no rows", () => ({ train: { rows: 0, features: [], label: new Float32Array() } }), /training table has no rows/],
    ["no columns", () => ({ train: { ...good(), features: [] } }), /no feature columns/],
    [
      "a short column",
      () => ({ train: { ...good(), features: [{ name: "x", kind: "number", values: new Float32Array(3) }] } }),
      /`x` of the training table has 3 values for 50 rows/,
    ],
    [
      "a label out of range",
      () => ({ train: { ...good(), label: good().label.with(7, 2) } }),
      /label of row 7 of the training table is 2; it must be 0 or 1/,
    ],
    ["a missing label", () => ({ train: { ...good(), label: good().label.with(7, NaN) } }), /label of row 7 .* is NaN/],
    ["one class", () => ({ train: { ...good(), label: new Float32Array(50) } }), /Every label of the training table is 0/],
    ["a negative weight", () => ({ train: { ...good(), weight: new Float32Array(50).with(3, -1) } }), /weight of row 3/],
    ["an unknown parameter", () => ({ params: { num_leaves: 31 } }), /num_leaves/],
    ["a parameter out of range", () => ({ params: { learningRate: 0 } }), /`learningRate`/],
    ["a monotone column that is not there", () => ({ params: { monotone: { z: 1 } } }), /names the column `z`/],
    ["a monotone category", () => ({ params: { monotone: { place: 1 } } }), /`place`; categories have no order/],
    [
      "other columns to validate on",
      () => ({ valid: { ...good(), features: good().features.toReversed() } }),
      /Where the training table has column `a`/,
    ],
  ];
  test.each(cases)("%s", async (_name, change, message) => {
    await expect(fit({ train: good(), params: {}, ...change() })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });
});

/** LightGBM 4.7.0 on the tables of `twoTables(4000)`. */
const lightGbm = { logLoss: 0.41227, auc: 0.89339, rmse: 0.31174, sampledLogLoss: 0.41129 };

function fit(request: Partial<FitRequest> & Pick<FitRequest, "train" | "params">): Promise<FittedModel> {
  return treesTrainer.fit({ seed: 1, threads: 1, ...request });
}

/** Two tables from one random sequence: three numbers (one with missing values), an hour, and one of thirty places. */
function twoTables(rows: number, task: "binary" | "regression" = "binary"): [LabelledTable, LabelledTable] {
  const random = congruential(12345);
  const make = (): LabelledTable => {
    const [a, b, hour, noise, label] = Array.from({ length: 5 }, () => new Float32Array(rows)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ]; // five
    const codes = new Int32Array(rows);
    for (let i = 0; i < rows; i++) {
      const [v0 = 0, v1 = 0, v2 = 0, v3 = 0, v4 = 0, v5 = 0, v6 = 0] = Array.from({ length: 7 }, random);
      const code = Math.floor(v4 * 30);
      const missing = v5 < 0.1;
      a[i] = v0;
      b[i] = missing ? NaN : v1;
      hour[i] = Math.floor(v2 * 24);
      noise[i] = v3;
      codes[i] = code;
      const score = 3 * v0 - 2 * (missing ? 0.3 : v1) + Math.sin(code * 12.9) + (Math.abs((hour[i] ?? 0) - 12) < 4 ? 1 : 0);
      label[i] = task === "regression" ? score + v6 : v6 < 1 / (1 + Math.exp(-2 * (score - 1))) ? 1 : 0;
    }
    const levels = Array.from({ length: 30 }, (_, i) => `P${i}`);
    const numbers = Object.entries({ a, b, hour, noise }).map(([name, values]): FeatureColumn => ({ name, kind: "number", values }));
    return { rows, features: [...numbers, { name: "place", kind: "category", codes, levels }], label };
  };
  return [make(), make()];
}

function congruential(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function arbitraryTable(): fc.Arbitrary<LabelledTable> {
  const value = fc.oneof(
    fc.constantFrom(NaN, 0, -0, 1, Infinity, -Infinity),
    fc.integer({ min: -3, max: 3 }),
    fc.float({ noNaN: true, min: -100, max: 100 }),
  );
  return fc.integer({ min: 2, max: 60 }).chain((rows) => {
    const numbers = fc
      .array(value, { minLength: rows, maxLength: rows })
      .map((values) => ({ kind: "number" as const, values: Float32Array.from(values) }));
    const codes = fc.array(fc.integer({ min: -1, max: 11 }), { minLength: rows, maxLength: rows });
    const category = codes.map((drawn) => ({
      kind: "category" as const,
      codes: Int32Array.from(drawn),
      levels: Array.from({ length: 12 }, (_, i) => `l${i}`),
    }));
    return fc.record({
      rows: fc.constant(rows),
      features: fc
        .array(fc.oneof(numbers, category), { minLength: 1, maxLength: 5 })
        .map((columns) => columns.map((column, i): FeatureColumn => ({ ...column, name: `c${i}` }))),
      label: fc.array(fc.float({ noNaN: true, min: -10, max: 10 }), { minLength: rows, maxLength: rows }).map((values) => Float32Array.from(values)),
    });
  });
}

function predict(model: FittedModel, { features, rows }: LabelledTable): Promise<Float32Array> {
  return predictRows(model, packFeatures(features, rows), rows);
}

async function predictRows(model: FittedModel, rowsMajor: Float32Array, rows: number): Promise<Float32Array> {
  const out = new Float32Array(rows);
  await (await scorer.load(model.onnx)).score(rowsMajor, rows, out);
  return out;
}

function lossOf(predicted: Float32Array, label: Float32Array, objective: string): number {
  let sum = 0;
  predicted.forEach((p, i) => {
    const y = label[i] ?? NaN;
    sum += objective === "binary" ? -Math.log(y === 1 ? p : 1 - p) : (p - y) ** 2;
  });
  return objective === "binary" ? sum / label.length : Math.sqrt(sum / label.length);
}

function auc(predicted: Float32Array, label: Float32Array): number {
  const order = [...predicted.keys()].sort((i, j) => (predicted[i] ?? 0) - (predicted[j] ?? 0));
  let positives = 0;
  let ranks = 0;
  order.forEach((row, rank) => {
    if (label[row] !== 1) return;
    positives++;
    ranks += rank + 1;
  });
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (label.length - positives));
}
