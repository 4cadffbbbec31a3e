/**
 * The loop that scores tree ensembles, assembled for one model.
 *
 * Hot path. Budget: ≥ 250,000 rows a second and thread with 100 trees of 31 leaves; benchmark `bench/trees`.
 * Which way a row goes at a node is a coin toss to the branch predictor, so the walk has no branches but the one that ends it, and four walks
 * go side by side to hide each other's loads: four rows through one tree, or one row through four trees. WebAssembly, because
 * JavaScript's compiler turns comparisons back into branches as it sees fit.
 */
import { assembleModule, countUp, doWhile, f32, f64, i32, wasmFunction, type Code, type WasmFunction } from "#kit/wasm-assembler";
import { compileWasm, instantiateWasm, sharedWasmMemory } from "#kit/webassembly";
import type { FlatEnsemble } from "./tree-ensemble-flat.ts";

/** Writes base + the sum of the trees for `rows` rows of the row-major matrix [rows, width], from row `first` on, to `out`. */
export type SumTrees = (features: Float32Array, first: number, rows: number, out: Float64Array) => void;

/** Rows that go through a tree together while its nodes are in the first-level cache. */
const blockRows = 64;
const lanes = 4;
const pageBytes = 65_536;

interface Addresses {
  nodes: number;
  sets: number;
  values: number;
  roots: number;
  rootsEnd: number;
  features: number;
  codes: number;
  sums: number;
}

/** Puts the ensemble into memory of its own and compiles the loop for it. */
export async function compileTrees(ensemble: FlatEnsemble): Promise<SumTrees> {
  const { width, nodes, sets, values, base, outside } = ensemble;
  // Trees are padded with empty ones to a multiple of four: `nodes` gets one more leaf, of value 0.
  const spare = nodes.length * 4;
  const roots = [...ensemble.roots];
  while (roots.length % lanes !== 0) roots.push(spare);
  let end = 64;
  const reserve = (bytes: number): number => {
    const start = end;
    end = Math.ceil((start + bytes) / 64) * 64;
    return start;
  };
  const addresses: Addresses = {
    nodes: reserve(spare + 16),
    sets: reserve(sets.byteLength),
    values: reserve(values.byteLength + 8),
    roots: reserve(roots.length * 4),
    rootsEnd: 0,
    features: reserve(blockRows * width * 4),
    codes: reserve(blockRows * width * 4),
    sums: reserve(blockRows * 8),
  };
  addresses.rootsEnd = addresses.roots + roots.length * 4;
  const pages = Math.ceil(end / pageBytes);
  const memory = sharedWasmMemory(pages);
  const int32 = new Int32Array(memory.buffer);
  int32.set(nodes, addresses.nodes / 4);
  new Float32Array(memory.buffer)[(addresses.nodes + spare) / 4 + 1] = Infinity;
  int32.set([1], (addresses.nodes + spare) / 4);
  int32[(addresses.nodes + spare) / 4 + 3] = spare;
  int32.set(sets, addresses.sets / 4);
  new Float64Array(memory.buffer).set(values, addresses.values / 8);
  int32.set(roots, addresses.roots / 4);

  const hasSets = sets.length > 1;
  const module = await compileWasm(assembleModule([scoreBlock(addresses, width, hasSets), scoreRow(addresses, width, hasSets)], pages));
  // The exports are the two functions below.
  const kernel = instantiateWasm(module, memory) as { scoreBlock(rows: number): void; scoreRow(row: number): void };
  const staged = new Float32Array(memory.buffer, addresses.features, blockRows * width);
  const codes = new Int32Array(memory.buffer, addresses.codes, blockRows * width);
  const sums = new Float64Array(memory.buffer, addresses.sums, blockRows);
  const setColumns = [...outside.keys()].filter((column) => (outside[column] ?? 0) > 0);

  return (features, first, rows, out) => {
    for (let block = 0; block < rows; block += blockRows) {
      const count = Math.min(blockRows, rows - block);
      staged.set(features.subarray((first + block) * width, (first + block + count) * width));
      for (const column of setColumns) encode(column, count);
      sums.fill(base);
      if (count < lanes) for (let row = 0; row < count; row++) kernel.scoreRow(row);
      else kernel.scoreBlock(Math.ceil(count / lanes) * lanes); // the last rows of an earlier block may be scored once more
      for (let row = 0; row < count; row++) out[block + row] = sums[row] as number; // in range
    }
  };

  /** The number whose bit is asked for in the sets: the value itself where it is whole and covered, else one that no set has. */
  function encode(column: number, count: number): void {
    const limit = outside[column] as number; // a column of the model
    for (let at = column; at < count * width; at += width) {
      const value = staged[at] as number; // in range
      const whole = value | 0;
      codes[at] = whole === value && whole >= 0 && whole < limit ? whole : limit;
    }
  }
}

const names = { place: "i32", head: "i32", at: "i32", value: "f32", next: "i32", moved: "i32" } as const;
const places = { a: "i32", b: "i32", c: "i32", d: "i32" } as const;
const laneNames = ["a", "b", "c", "d"] as const;
type Name = keyof typeof names | keyof typeof places | "row" | "rowEnd" | "tree" | "sum";
interface Locals {
  get(name: Name): Code;
  set(name: Name, value: Code): Code;
}

/** One step of one walk: `lane` holds the node's address. The row's values lie at "at" plus `laneOffset`. */
function step(v: Locals, lane: Name, addresses: Addresses, laneOffset: number, hasSets: boolean): Code[] {
  const { nodes, features, codes, sets } = addresses;
  const place = v.get(lane);
  const missing = f32.notEqual(v.get("value"), v.get("value"));
  const code = i32.load(v.get("at"), codes + laneOffset);
  const word = i32.load(i32.add(i32.load(place, nodes + 8), i32.and(i32.shiftRight(v.get("next"), i32.constant(3)), i32.constant(-4))), sets);
  const isMember = i32.shiftRight(word, v.get("next")); // shifts by the number modulo 32
  const atMost = i32.or(f32.atMost(v.get("value"), f32.load(place, nodes + 4)), i32.and(missing, v.get("head")));
  const left = hasSets ? i32.and(i32.or(atMost, isMember), i32.constant(1)) : atMost;
  return [
    v.set("head", i32.load(place, nodes)),
    v.set("at", i32.add(v.get("place"), i32.shiftRight(v.get("head"), i32.constant(1)))),
    v.set("value", f32.load(v.get("at"), features + laneOffset)),
    hasSets ? v.set("next", code) : [],
    v.set("next", i32.add(i32.load(place, nodes + 12), i32.shiftLeft(i32.xor(left, i32.constant(1)), i32.constant(4)))),
    v.set("moved", i32.or(v.get("moved"), i32.xor(v.get("next"), place))),
    v.set(lane, v.get("next")),
  ];
}

/** The walks go on until all four have reached their leaves, which point to themselves. */
function walk(v: Locals, addresses: Addresses, laneOffset: (lane: number) => number, hasSets: boolean): Code {
  const steps = laneNames.flatMap((lane, i) => step(v, lane, addresses, laneOffset(i), hasSets));
  return doWhile([v.set("moved", i32.constant(0)), ...steps], v.get("moved"));
}

/** All trees for the first `rows` staged rows, a multiple of four. */
function scoreBlock(addresses: Addresses, width: number, hasSets: boolean): WasmFunction {
  return wasmFunction("scoreBlock", { rowEnd: "i32" }, { ...names, ...places, row: "i32", tree: "i32", sum: "i32" }, undefined, (v) => {
    const addLeaf = (lane: Name, i: number): Code => {
      const leaf = f64.load(i32.shiftRight(v.get(lane), i32.constant(1)), addresses.values);
      return f64.store(v.get("sum"), f64.add(f64.load(v.get("sum"), addresses.sums + i * 8), leaf), addresses.sums + i * 8);
    };
    return [
      countUp(v, "tree", i32.constant(addresses.roots), i32.constant(addresses.rootsEnd), 4, [
        countUp(v, "row", i32.constant(0), v.get("rowEnd"), lanes, [
          v.set("place", i32.multiply(v.get("row"), i32.constant(width * 4))),
          v.set("sum", i32.shiftLeft(v.get("row"), i32.constant(3))),
          ...laneNames.map((lane) => v.set(lane, i32.load(v.get("tree")))),
          walk(v, addresses, (i) => i * width * 4, hasSets),
          ...laneNames.map(addLeaf),
        ]),
      ]),
    ];
  });
}

/** All trees, four at a time, for one staged row. Leaves are added in the order of the trees, as in a block. */
function scoreRow(addresses: Addresses, width: number, hasSets: boolean): WasmFunction {
  return wasmFunction("scoreRow", { row: "i32" }, { ...names, ...places, tree: "i32", rowEnd: "i32", sum: "i32" }, undefined, (v) => {
    const addLeaf = (lane: Name): Code => {
      const leaf = f64.load(i32.shiftRight(v.get(lane), i32.constant(1)), addresses.values);
      return f64.store(v.get("sum"), f64.add(f64.load(v.get("sum"), addresses.sums), leaf), addresses.sums);
    };
    return [
      v.set("place", i32.multiply(v.get("row"), i32.constant(width * 4))),
      v.set("sum", i32.shiftLeft(v.get("row"), i32.constant(3))),
      countUp(v, "tree", i32.constant(addresses.roots), i32.constant(addresses.rootsEnd), 4 * lanes, [
        ...laneNames.map((lane, i) => v.set(lane, i32.load(v.get("tree"), i * 4))),
        walk(v, addresses, () => 0, hasSets),
        ...laneNames.map(addLeaf),
      ]),
    ];
  });
}
