import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assembleModule,
  copyMemory,
  countUp,
  doWhile,
  f32x4,
  i32,
  i32x4,
  i64,
  repeatWhile,
  select,
  v128,
  wasmFunction,
  type WasmFunction,
} from "./wasm-assembler.ts";
import { compileWasm, instantiateWasm, sharedWasmMemory } from "./webassembly.ts";

describe("the assembler", () => {
  test("constants of any size come out as they went in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (small, large) => {
        const module = await assemble(
          wasmFunction("small", {}, {}, "i32", () => [i32.constant(small)]),
          wasmFunction("large", {}, {}, "i64", () => [i64.constant(large)]),
        );
        expect(module["small"]?.()).toBe(small);
        expect(module["large"]?.()).toBe(large);
      }),
    );
  });

  test("loops run as often as they say, and not at all over nothing", async () => {
    const { up, loop, down } = await assemble(
      wasmFunction("up", { end: "i32" }, { i: "i32", sum: "i32" }, "i32", (v) => [
        countUp(v, "i", i32.constant(0), v.get("end"), 2, [v.set("sum", i32.add(v.get("sum"), v.get("i")))]),
        v.get("sum"),
      ]),
      wasmFunction("loop", { end: "i32" }, { i: "i32" }, "i32", (v) => [
        repeatWhile(i32.lessThan(v.get("i"), v.get("end")), [v.set("i", i32.add(v.get("i"), i32.constant(5)))]),
        v.get("i"),
      ]),
      wasmFunction("down", { n: "i32" }, { steps: "i32" }, "i32", (v) => [
        doWhile([v.set("steps", i32.add(v.get("steps"), i32.constant(1))), v.set("n", i32.shiftRight(v.get("n"), i32.constant(1)))], v.get("n")),
        v.get("steps"),
      ]),
    );
    expect([0, 1, 7].map((end) => up?.(end))).toEqual([0, 0, 12]);
    expect([0, 12].map((end) => loop?.(end))).toEqual([0, 15]);
    expect([0, 1, 255].map((n) => down?.(n))).toEqual([1, 1, 8]);
  });

  test("memory is shared with JavaScript, and vectors work on four numbers at once", async () => {
    const memory = sharedWasmMemory(1);
    const { run, smaller } = await assembleOn(
      memory,
      wasmFunction("run", {}, {}, undefined, () => [
        v128.store(i32.constant(64), f32x4.multiply(v128.load(i32.constant(0)), f32x4.constant(2))),
        v128.store(i32.constant(80), i32x4.add(f32x4.toIntegers(v128.load(i32.constant(0))), i32x4.constant(1, 2, 3, 4))),
        copyMemory(i32.constant(128), i32.constant(64), i32.constant(16)),
      ]),
      wasmFunction("smaller", { a: "i32", b: "i32" }, {}, "i32", (v) => [select(v.get("a"), v.get("b"), i32.lessThan(v.get("a"), v.get("b")))]),
    );
    new Float32Array(memory.buffer).set([1, -2, 3.5, 4]);
    run?.();
    expect([...new Float32Array(memory.buffer, 64, 4)]).toEqual([2, -4, 7, 8]);
    expect([...new Int32Array(memory.buffer, 80, 4)]).toEqual([2, 0, 6, 8]);
    expect([...new Float32Array(memory.buffer, 128, 4)]).toEqual([2, -4, 7, 8]);
    expect(smaller?.(3, 5)).toBe(3);
  });

  test("memory that the system does not give is one clear error", () => {
    expect(() => sharedWasmMemory(70_000)).toThrow(/does not give 4375 MiB/);
  });
});

type Exports = Record<string, (...values: number[]) => number | bigint>;

function assemble(...functions: WasmFunction[]): Promise<Exports> {
  return assembleOn(sharedWasmMemory(1), ...functions);
}

async function assembleOn(memory: ReturnType<typeof sharedWasmMemory>, ...functions: WasmFunction[]): Promise<Exports> {
  return instantiateWasm(await compileWasm(assembleModule(functions, 1)), memory) as Exports; // the functions above take and give numbers
}
