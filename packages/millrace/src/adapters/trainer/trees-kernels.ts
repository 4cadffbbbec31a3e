/**
 * The inner loops of training, assembled for one table's shape.
 *
 * Gradients are quantised to integers, as in LightGBM's quantised training (Shi et al., "Quantized Training of Gradient Boosting Decision
 * Trees", 2022) but with up to 15 bits, and rounded stochastically, so sums stay unbiased. A row carries its first derivative in the upper
 * and its second in the lower half of 32 bits. A histogram bin is one 64-bit integer, upper half sum of first, lower half sum of second
 * derivatives: a row costs one load, add and store per column, histograms stay in the first-level cache, and sums do not depend on
 * the order of additions, so any number of threads grows the very same tree.
 *
 * Hot path. Budget: histogram ≤ 1 ns per row and column, partition ≤ 3 ns per row; benchmark `bench/trees`.
 */
import {
  assembleModule,
  copyMemory,
  countUp,
  f32,
  f32x4,
  f64,
  i32,
  i32x4,
  i64,
  repeatWhile,
  select,
  v128,
  wasmFunction,
  type Code,
  type WasmFunction,
} from "#kit/wasm-assembler";
import { instantiateWasm, type WasmMemory, type WasmModule } from "#kit/webassembly";
import type { Layout } from "./trees-layout.ts";
import type { TreesParams } from "./trees-params.ts";

export interface Kernels {
  /** Adds the rows listed in [list, end) to the histogram at `histogram`. All arguments are byte addresses. */
  histogram(list: number, end: number, histogram: number): void;
  /**
   * Splits the list [list, end) by the table `goesLeft` and the bins of the column at `column`: rows that go left are written to `left` (at or
   * before `list`), the others to `right`, both in their old order. Returns the address after the last left row.
   */
  partition(list: number, end: number, column: number, left: number, right: number): number;
  /** Copies `size` bytes. */
  copy(to: number, from: number, size: number): void;
  /** Adds `value` to the scores of the rows listed in [list, end). */
  addScores(list: number, end: number, value: number): void;
  /** Computes and quantises the gradients of the rows [first, end), a multiple of four. */
  gradients(first: number, end: number, salt: number, gradientScale: number, hessianScale: number): void;
  /** Writes the bins of `rows` staged float32 values at `values` into the records' byte at `record` and into the column at `column`. */
  bin(values: number, rows: number, record: number, column: number, thresholds: number): void;
}

/** Rows read ahead of adding them up: their lines and the histogram fit the first-level cache together. */
const touchedRows = 128;

/** A module per group of this many columns would overflow the first-level cache anyway; rows are then read once per group. */
const columnsPerPass = 24;

/** Assembles the kernels' module: constants of the layout are part of the code. */
export function assembleKernels(layout: Layout, objective: TreesParams["objective"]): Uint8Array<ArrayBuffer> {
  const passes = Math.ceil(layout.columns / columnsPerPass);
  const histograms = Array.from({ length: passes }, (_, pass) => histogramPass(layout, pass));
  return assembleModule([...histograms, partition(layout), copy(), addScores(layout), gradients(layout, objective), bin(layout)], layout.pages);
}

/** Instantiates the kernels on the shared memory. */
export function bindKernels(module: WasmModule, memory: WasmMemory): Kernels {
  // The exports are the functions assembled below, whose signatures `Kernels` repeats.
  const exports = instantiateWasm(module, memory) as unknown as Omit<Kernels, "histogram"> & Record<string, Kernels["histogram"]>;
  const passes = Object.keys(exports)
    .filter((name) => name.startsWith("histogram"))
    .map((name) => exports[name])
    .filter((pass) => pass !== undefined);
  const [only] = passes;
  const histogram: Kernels["histogram"] =
    passes.length === 1 && only
      ? only
      : (list, end, at) => {
          for (const pass of passes) pass(list, end, at);
        };
  return { ...exports, histogram };
}

function histogramPass({ at, stride, columns, columnOffsets }: Layout, pass: number): WasmFunction {
  const names = { list: "i32", end: "i32", histogram: "i32" } as const;
  const locals = { chunkEnd: "i32", ahead: "i32", record: "i32", four: "i32", slot: "i32", touched: "i32", gradients: "i64" } as const;
  return wasmFunction(`histogram${pass}`, names, locals, undefined, (v) => {
    const addColumn = (column: number): Code[] => {
      const lane = column % 4; // four columns' bins are loaded at once; a bin's address is its number times eight
      const shifted = lane === 0 ? i32.shiftLeft(v.get("four"), i32.constant(3)) : i32.shiftRight(v.get("four"), i32.constant(8 * lane - 3));
      const offset = columnOffsets[column] ?? 0;
      return [
        lane === 0 ? v.set("four", i32.load(v.get("record"), at.records + 4 + column)) : [],
        v.set("slot", i32.add(v.get("histogram"), i32.and(shifted, i32.constant(0x7f8)))),
        i64.store(v.get("slot"), i64.add(i64.load(v.get("slot"), offset), v.get("gradients")), offset),
      ];
    };
    const first = pass * columnsPerPass;
    const own = Array.from({ length: Math.min(columnsPerPass, columns - first) }, (_, i) => first + i);
    const packed = v.get("four");
    const upper = i64.and(i64.shiftLeft(i64.fromSigned(packed), i64.constant(16n)), i64.constant(-(1n << 32n)));
    const recordOf = (list: Code): Code => i32.multiply(i32.load(list), i32.constant(stride));
    // Rows lie scattered over more memory than the caches hold. Reading the next rows' lines in a tight loop first lets the processor
    // wait for dozens of them at once, where the long loop below would wait for four or five; WebAssembly has no prefetch instruction.
    const touch = [
      v.set("record", recordOf(v.get("ahead"))),
      v.set("touched", i32.add(v.get("touched"), i32.load(v.get("record"), at.records))),
      v.set("touched", i32.add(v.get("touched"), i32.load(v.get("record"), at.records + stride - 4))),
    ];
    const addRow = [
      v.set("record", recordOf(v.get("list"))),
      v.set("four", i32.load(v.get("record"), at.records)),
      v.set("gradients", i64.or(upper, i64.fromUnsigned(i32.and(packed, i32.constant(0xffff))))),
      ...own.flatMap(addColumn),
    ];
    return [
      repeatWhile(i32.lessThan(v.get("list"), v.get("end")), [
        v.set("chunkEnd", i32.add(v.get("list"), i32.constant(touchedRows * 4))),
        v.set("chunkEnd", select(v.get("chunkEnd"), v.get("end"), i32.lessThan(v.get("chunkEnd"), v.get("end")))),
        countUp(v, "ahead", v.get("list"), v.get("chunkEnd"), 4, touch),
        countUp(v, "list", v.get("list"), v.get("chunkEnd"), 4, addRow),
      ]),
      i32.store(i32.constant(at.ignored), v.get("touched")), // so that no compiler drops the loads
    ];
  });
}

/** Without branches: each row is written to both sides, and one side's end moves on. `goesLeft` holds 4 or 0, the bytes to move. */
function partition({ at }: Layout): WasmFunction {
  const names = { list: "i32", end: "i32", column: "i32", left: "i32", right: "i32" } as const;
  return wasmFunction("partition", names, { row: "i32", step: "i32" }, "i32", (v) => {
    const bin = i32.loadByte(i32.add(v.get("row"), v.get("column")));
    return [
      countUp(v, "list", v.get("list"), v.get("end"), 4, [
        v.set("row", i32.load(v.get("list"))),
        v.set("step", i32.loadByte(bin, at.goesLeft)),
        i32.store(v.get("left"), v.get("row")),
        i32.store(v.get("right"), v.get("row")),
        v.set("left", i32.add(v.get("left"), v.get("step"))),
        v.set("right", i32.add(v.get("right"), i32.subtract(i32.constant(4), v.get("step")))),
      ]),
      v.get("left"),
    ];
  });
}

function copy(): WasmFunction {
  return wasmFunction("copy", { to: "i32", from: "i32", size: "i32" }, {}, undefined, (v) => [copyMemory(v.get("to"), v.get("from"), v.get("size"))]);
}

function addScores({ at }: Layout): WasmFunction {
  return wasmFunction("addScores", { list: "i32", end: "i32", value: "f64" }, { score: "i32" }, undefined, (v) => [
    countUp(v, "list", v.get("list"), v.get("end"), 4, [
      v.set("score", i32.shiftLeft(i32.load(v.get("list")), i32.constant(3))),
      f64.store(v.get("score"), f64.add(f64.load(v.get("score"), at.scores), v.get("value")), at.scores),
    ]),
  ]);
}

/**
 * Four rows at a time, in float32: far finer than the quantisation that follows. Binary: g = p − y, h = p (1 − p) with p = 1 / (1 + e^−s);
 * regression: g = s − y, h = 1. Quantised as floor(scale × value + u), with u uniform in (0, 1) from a hash of row and iteration.
 */
function gradients({ at, stride, weighted }: Layout, objective: TreesParams["objective"]): WasmFunction {
  const params = { row: "i32", end: "i32", salt: "i32", gradientScale: "f32", hessianScale: "f32" } as const;
  const locals = { score: "v128", gradient: "v128", hessian: "v128", random: "v128", power: "v128", record: "i32" } as const;
  return wasmFunction("gradients", params, locals, undefined, (v) => {
    const rowTimes = (bytes: number): Code => i32.multiply(v.get("row"), i32.constant(bytes));
    const label = v128.load(rowTimes(4), at.labels);
    const derivatives =
      objective === "regression"
        ? [v.set("gradient", f32x4.subtract(v.get("score"), label)), v.set("hessian", f32x4.constant(1))]
        : [
            ...exponential(v, f32x4.subtract(f32x4.constant(0), v.get("score"))), // leaves e^−s in "hessian"
            v.set("hessian", f32x4.divide(f32x4.constant(1), f32x4.add(f32x4.constant(1), v.get("hessian")))),
            v.set("gradient", f32x4.subtract(v.get("hessian"), label)),
            v.set("hessian", f32x4.multiply(v.get("hessian"), f32x4.subtract(f32x4.constant(1), v.get("hessian")))),
          ];
    const weight = (name: "gradient" | "hessian"): Code => v.set(name, f32x4.multiply(v.get(name), v128.load(rowTimes(4), at.weights)));
    const quantised = (name: "gradient" | "hessian", scale: "gradientScale" | "hessianScale", bits: Code): Code => {
      const uniform = f32x4.multiply(
        f32x4.add(f32x4.fromIntegers(v128.and(bits, i32x4.constant(255))), f32x4.constant(0.5)),
        f32x4.constant(1 / 256),
      );
      return f32x4.toIntegers(f32x4.floor(f32x4.add(f32x4.multiply(v.get(name), f32x4.splat(v.get(scale))), uniform)));
    };
    const scrambled = (shift: number): Code => v128.xor(v.get("random"), i32x4.shiftRight(v.get("random"), i32.constant(shift)));
    const rowNumbers = i32x4.add(i32x4.splat(v.get("row")), i32x4.constant(0, 1, 2, 3));
    return [
      countUp(v, "row", v.get("row"), v.get("end"), 4, [
        v.set("score", v128.narrow(v128.load(rowTimes(8), at.scores), v128.load(rowTimes(8), at.scores + 16))),
        ...derivatives,
        ...(weighted ? [weight("gradient"), weight("hessian")] : []),
        // An integer hash after MurmurHash3's finaliser.
        v.set("random", v128.xor(i32x4.multiply(rowNumbers, i32x4.constant(0x9e3779b1)), i32x4.splat(v.get("salt")))),
        v.set("random", i32x4.multiply(scrambled(16), i32x4.constant(0x85ebca6b))),
        v.set("random", i32x4.multiply(scrambled(13), i32x4.constant(0xc2b2ae35))),
        v.set(
          "gradient",
          i32x4.shiftLeft(quantised("gradient", "gradientScale", i32x4.shiftRight(v.get("random"), i32.constant(8))), i32.constant(16)),
        ),
        v.set("hessian", quantised("hessian", "hessianScale", i32x4.shiftRight(v.get("random"), i32.constant(20)))),
        v.set("gradient", v128.or(v.get("gradient"), v.get("hessian"))),
        v.set("record", rowTimes(stride)),
        ...[0, 1, 2, 3].map((lane) => i32.store(v.get("record"), i32x4.lane(v.get("gradient"), lane), at.records + lane * stride)),
      ]),
    ];
  });
}

/** Sets "hessian" to e^x, to 2 units in the last place: the range reduction and polynomial of Cephes' `expf`. */
function exponential(
  v: { get(name: "hessian" | "power" | "score"): Code; set(name: "hessian" | "power" | "score", value: Code): Code },
  x: Code,
): Code[] {
  const coefficients = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];
  const [highest = 0, ...rest] = coefficients;
  const r = v.get("score"); // the score is not needed after this
  const polynomial = rest.reduce((sum, c) => f32x4.add(f32x4.multiply(sum, r), f32x4.constant(c)), f32x4.constant(highest));
  const times = (constant: number): Code => f32x4.multiply(v.get("power"), f32x4.constant(constant));
  return [
    v.set("score", f32x4.maximum(f32x4.constant(-80), f32x4.minimum(f32x4.constant(80), x))),
    v.set("power", f32x4.nearest(f32x4.multiply(r, f32x4.constant(Math.LOG2E)))),
    v.set("score", f32x4.subtract(f32x4.subtract(r, times(0.693359375)), times(-2.1219444e-4))), // ln 2 in two parts
    v.set("hessian", f32x4.add(f32x4.add(f32x4.multiply(polynomial, f32x4.multiply(r, r)), r), f32x4.constant(1))),
    v.set(
      "hessian",
      f32x4.multiply(v.get("hessian"), i32x4.shiftLeft(i32x4.add(f32x4.toIntegers(v.get("power")), i32x4.constant(127)), i32.constant(23))),
    ),
  ];
}

/** Eight steps of binary search without branches over 256 thresholds, padded with infinity. NaN becomes bin 0. */
function bin({ stride }: Layout): WasmFunction {
  const params = { values: "i32", rows: "i32", record: "i32", column: "i32", thresholds: "i32" } as const;
  return wasmFunction("bin", params, { end: "i32", value: "f32", position: "i32" }, undefined, (v) => {
    const step = (size: number): Code => {
      const probe = f32.load(i32.add(v.get("thresholds"), i32.shiftLeft(v.get("position"), i32.constant(2))), (size - 1) * 4);
      const below = f32.lessThan(probe, v.get("value"));
      return v.set("position", i32.add(v.get("position"), i32.shiftLeft(below, i32.constant(Math.log2(size)))));
    };
    const present = i32.equalZero(f32.notEqual(v.get("value"), v.get("value")));
    const masked = i32.and(i32.add(v.get("position"), i32.constant(1)), i32.subtract(i32.constant(0), present));
    return [
      v.set("end", i32.add(v.get("values"), i32.shiftLeft(v.get("rows"), i32.constant(2)))),
      countUp(v, "values", v.get("values"), v.get("end"), 4, [
        v.set("value", f32.load(v.get("values"))),
        v.set("position", i32.constant(0)),
        ...[128, 64, 32, 16, 8, 4, 2, 1].map(step),
        v.set("position", masked),
        i32.storeByte(v.get("record"), v.get("position")),
        i32.storeByte(v.get("column"), v.get("position")),
        v.set("record", i32.add(v.get("record"), i32.constant(stride))),
        v.set("column", i32.add(v.get("column"), i32.constant(1))),
      ]),
    ];
  });
}
