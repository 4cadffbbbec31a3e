import { describe, expect, it } from "vitest";
import type { TensorType } from "#ports/tensor-runtime";
import { type CallSignature, inputsOfTable, inputsOfTensors, listsOf, valuesOf } from "./index.ts";

const place = (name: string, type: TensorType, ...shape: (number | null)[]) => ({ name, type, shape });
const asked = (inputs: ReturnType<typeof place>[], signature?: CallSignature) => ({ what: "iris v1", inputs, signature });
const column = (name: string | undefined, type: "boolean" | "integer" | "number" | "text", required = true) => ({ name, type, required });
const refused = (words: string) => expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(words) });

describe("a table", () => {
  const matrix = asked([place("X", "float32", null, 2)], { kind: "columns", columns: [column("a", "number"), column("b", "integer")] });

  it("is one matrix to a model of one input, its columns in the signature's order", () => {
    const table = {
      columns: ["b", "other", "a"],
      rows: [
        [1, "?", 0.5],
        [2, "?", null],
      ],
    };
    expect(inputsOfTable(matrix, table)).toEqual({ X: { type: "float32", shape: [2, 2], data: Float32Array.of(0.5, 1, NaN, 2) } });
    expect(inputsOfTable(matrix, { columns: ["a", "b"], rows: [] })).toMatchObject({ X: { shape: [0, 2] } });
  });

  it.each([
    [{ columns: ["a"], rows: [[1]] }, "takes the column b, which is missing"],
    [
      {
        columns: ["a", "b"],
        rows: [
          [1, 2],
          [1, 2.5],
        ],
      },
      "Column b of iris v1 takes integer, but row 1 has 2.5",
    ],
    [{ columns: ["a", "b"], rows: [[1, null]] }, "row 0 has null"],
    [{ columns: ["a", "b"], rows: [["1", 2]] }, 'takes number, but row 0 has "1"'],
  ])("is refused with the column that does not fit: %j", (table, words) => {
    expect(() => inputsOfTable(matrix, table)).toThrow(refused(words));
  });

  it("is a column for each input of a model of several, of its type", () => {
    const inputs = [place("a", "float64", null, 1), place("t", "string", null), place("n", "int64", null, 1), place("ok", "bool", null)];
    const table = {
      columns: ["n", "ok", "t", "a"],
      rows: [
        [1, true, "x", 2],
        [2, false, "y", 3],
      ],
    };
    expect(inputsOfTable(asked(inputs), table)).toEqual({
      a: { type: "float64", shape: [2, 1], data: Float64Array.of(2, 3) },
      t: { type: "string", shape: [2], data: ["x", "y"] },
      n: { type: "int64", shape: [2, 1], data: BigInt64Array.of(1n, 2n) },
      ok: { type: "bool", shape: [2], data: Uint8Array.of(1, 0) },
    });
    expect(() => inputsOfTable(asked(inputs), { columns: ["a", "n"], rows: [] })).toThrow(refused("Input t of iris v1 is missing"));
  });

  it("may lack a column that is not required, if the model does not take it", () => {
    const signature: CallSignature = { kind: "columns", columns: [column("a", "number"), column("b", "number", false)] };
    expect(inputsOfTable(asked([place("X", "float32", null, 1)], signature), { columns: ["a"], rows: [[1]] })).toMatchObject({
      X: { shape: [1, 1] },
    });
    expect(() => inputsOfTable(asked([place("X", "float32", null, 2)], signature), { columns: ["a"], rows: [[1]] })).toThrow(
      refused("[any, 2], not [1, 1]"),
    );
  });

  it("goes by order where columns have no names", () => {
    const signature: CallSignature = { kind: "columns", columns: [column(undefined, "number"), column(undefined, "number")] };
    const table = { columns: ["x", "y", "z"], rows: [[1, 2, 3]] };
    expect(inputsOfTable(asked([place("X", "float32", null, 2)], signature), table)).toMatchObject({ X: { data: Float32Array.of(1, 2) } });
  });
});

describe("tensors", () => {
  const one = (...shape: (number | null)[]): CallSignature => ({ kind: "tensors", tensors: [{ name: undefined, type: "float32", shape }] });

  it("are of the shape that the signature says", () => {
    const model = asked([place("X", "float32", null, null)], one(null, 2));
    expect(inputsOfTensors(model, valuesOf("X", [[1, 2]]))).toEqual({ X: { type: "float32", shape: [1, 2], data: Float32Array.of(1, 2) } });
    expect(() => inputsOfTensors(model, valuesOf("X", [[1, 2, 3]]))).toThrow(refused("has the shape [any, 2], not [1, 3]"));
    expect(() => inputsOfTensors(model, valuesOf("X", [1, 2]))).toThrow(refused("[any, 2], not [2]"));
  });

  it("go by name, all of them", () => {
    const model = asked([place("a", "uint8", null), place("b", "int8", null)]);
    const given = (a: unknown, b: unknown) =>
      new Map([
        ["a", valuesOf("a", a)],
        ["b", valuesOf("b", b)],
      ]);
    expect(inputsOfTensors(model, given([0, 255], [-128]))).toMatchObject({ a: { data: Uint8Array.of(0, 255) }, b: { data: Int8Array.of(-128) } });
    for (const [wrong, words] of [
      [given([256], [0]), "Input a takes uint8, but value 0 is 256"],
      [given([0], [1.5]), "Input b takes int8, but value 0 is 1.5"],
      [given(["1"], [0]), 'value 0 is "1"'],
      [new Map([["a", valuesOf("a", [1])]]), "Input b of iris v1 is missing"],
      [new Map([["c", valuesOf("c", [1])]]), "has no input c (it has: a, b)"],
      [valuesOf("X", [1]), "has the inputs a, b"],
    ] as const)
      expect(() => inputsOfTensors(model, wrong)).toThrow(refused(words));
  });

  it("are lists within lists of one length and depth, there and back", () => {
    const lists = [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ];
    const { shape, elements } = valuesOf("X", lists);
    expect([shape, elements]).toEqual([
      [1, 2, 3],
      [1, 2, 3, 4, 5, 6],
    ]);
    expect(listsOf({ type: "float64", shape, data: Float64Array.from(elements as number[]) }, false)).toEqual(lists);
    expect(listsOf({ type: "float32", shape: [2], data: Float32Array.of(NaN, Infinity) }, false)).toEqual([null, null]);
    expect(listsOf({ type: "int64", shape: [], data: BigInt64Array.of(7n) }, false)).toBe(7);
    for (const uneven of [
      [[1], [1, 2]],
      [[1], 2],
      [1, [2]],
      [[], [1]],
    ])
      expect(() => valuesOf("X", uneven)).toThrow(refused("lists of X are not all of one"));
  });
});
