import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stepKey } from "./step-key.ts";

const kind = { name: "fit", version: 1 };
const digest = (inputs: Record<string, unknown>, environment = {}) => stepKey(kind, inputs, environment).digest;

describe("the key of a step", () => {
  it("depends on the kind, its version, values, code and environment, and not on the order of fields", () => {
    const base = digest({ a: 1, b: { c: [1, "x"], d: (x: number) => x + 1 } });
    expect(digest({ b: { d: (x: number) => x + 1, c: [1, "x"], e: undefined }, a: 1 })).toBe(base);
    const others = [
      digest({ a: 2, b: { c: [1, "x"], d: (x: number) => x + 1 } }),
      digest({ a: 1, b: { c: ["x", 1], d: (x: number) => x + 1 } }),
      digest({ a: 1, b: { c: [1, "x"], d: (x: number) => x + 2 } }),
      digest({ a: 1, b: { c: [1, "x"], d: (x: number) => x + 1 } }, { node: "24" }),
      stepKey({ name: "fit", version: 2 }, { a: 1, b: { c: [1, "x"], d: (x: number) => x + 1 } }).digest,
      stepKey({ name: "tune", version: 1 }, { a: 1, b: { c: [1, "x"], d: (x: number) => x + 1 } }).digest,
    ];
    expect(new Set([base, ...others]).size).toBe(others.length + 1);
  });

  it("tells values apart that JSON would not", () => {
    const values = [null, NaN, Infinity, "NaN", 1, "1", 1n, true, "true", [], {}, [null], new Map([[1, 2]]), new Set([1]), /a/, /a/g, "/a/"];
    values.push(new Uint8Array([1]), new Uint8Array([2]), new Float32Array([1]), new Date(0), new Date(1));
    expect(new Set(values.map((value) => digest({ value }))).size).toBe(values.length);
    expect(digest({ value: new Date(0) })).toBe(digest({ value: "1970-01-01T00:00:00.000Z" }));
  });

  it("is the same for equal JSON values and another for others", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const copy: unknown = JSON.parse(JSON.stringify(a));
        expect(digest({ value: copy })).toBe(digest({ value: a }));
        if (JSON.stringify(a) === JSON.stringify(b)) return;
        if (sorted(a) !== sorted(b)) expect(digest({ value: a })).not.toBe(digest({ value: b }));
      }),
    );
  });

  it("has readable parts by path, long ones as digests", () => {
    const { parts } = stepKey(
      kind,
      {
        params: { leaves: 31, rate: 0.1 },
        on: ["a", "b"],
        long: "x".repeat(500),
        many: Array.from({ length: 1_000 }, (_, i) => i),
        none: {},
        work: () => 1,
      },
      { node: "24" },
    );
    expect(parts).toEqual({
      version: 1,
      "params.leaves": 31,
      "params.rate": 0.1,
      "on.0": "a",
      "on.1": "b",
      long: expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
      many: expect.stringMatching(/^sha256:[0-9a-f]{16} \(1000 items\)$/),
      none: "empty",
      work: expect.stringMatching(/^code [0-9a-f]{16}$/),
      "environment.node": "24",
    });
  });

  it("refuses what cannot be seen through, naming the place", () => {
    class Model {
      weight = 1;
    }
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(() => digest({ model: { inner: new Model() } })).toThrow("Step fit cannot be keyed: model.inner is a Model.");
    expect(() => digest({ circle })).toThrow("circle.self contains itself");
    expect(() => digest({ work: Math.max })).toThrow("work is a function without source text");
    const named = function (this: unknown) {
      return this;
    };
    expect(() => digest({ work: named.bind({}) })).toThrow("made by bind");
    expect(() => digest({ work: Promise.resolve(1) })).toThrow("work is a Promise");
  });
});

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner) ? Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)) : inner,
  );
}
