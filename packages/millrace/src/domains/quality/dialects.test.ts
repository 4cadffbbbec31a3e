import { expect, test } from "vitest";
import { evidentlyDatasetDrift, evidentlyDrift, type EvidentlyTest } from "./evidently-dialect.ts";
import { nannymlDrift, nannymlThresholds, type NannymlMethod } from "./nannyml-dialect.ts";
import { numpyCounts, numpyEdges } from "./numpy-bins.ts";
import type { RawColumn } from "./raw-column.ts";
import reference from "./reference-values.json" with { type: "json" };

// The script writes numbers for "num" and texts for "cat".
const raw = (kind: string, values: (string | number)[]): RawColumn =>
  kind === "num" ? { kind: "number", values: Float64Array.from(values as number[]) } : { kind: "category", values: values as string[] };

test("bins and counts are NumPy's", () => {
  for (const { name, values, ...rules } of reference.numpyEdges) {
    for (const rule of ["sturges", "doane"] as const) {
      const edges = numpyEdges(Float64Array.from(values), rule);
      expect(Array.from(edges), `${name} ${rule}`).toEqual(rules[rule].edges.map((edge) => expect.closeTo(edge, 12)));
      expect(Array.from(numpyCounts(Float64Array.from(values), edges)), `${name} ${rule}`).toEqual(rules[rule].counts);
    }
  }
});

test("every score and every choice of a test equals Evidently's", () => {
  for (const c of reference.evidently) {
    const [before, now] = [raw(c.kind, c.reference), raw(c.kind, c.current)];
    const chosen = evidentlyDrift(before, now);
    expect([chosen.test, chosen.threshold], c.name).toEqual([c.chosen, c.threshold]);
    for (const [name, score] of Object.entries(c.scores)) {
      expect(evidentlyDrift(before, now, name as EvidentlyTest).score, `${c.name}: ${name}`).toBeCloseTo(score, 9); // the script uses these names
    }
  }
});

test("Evidently's default test follows the column's kind, its values and the reference's rows", () => {
  const repeated = (values: (string | number)[], times: number) => Array.from({ length: times }, () => values).flat();
  const eleven = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const choice = (kind: string, values: (string | number)[]) => evidentlyDrift(raw(kind, values), raw(kind, values)).test;
  expect(choice("num", eleven)).toBe("ks");
  expect(choice("num", repeated(eleven, 1_000))).toBe("wasserstein");
  expect(choice("num", repeated([1, 2, 3, 4, 5], 1_000))).toBe("jensenshannon");
  expect(choice("cat", repeated(["a", "b", "c"], 10))).toBe("chisquare");
  expect(choice("cat", repeated(["a", "b"], 10))).toBe("z");
  expect(choice("cat", repeated(["a", "b"], 10_000))).toBe("jensenshannon");
});

test("Evidently's table drifts when half of its columns do", () => {
  const column = (drifted: boolean) => ({ test: "ks", score: 0, threshold: 0.05, drifted });
  expect(evidentlyDatasetDrift([column(true), column(false), column(false)], 0.7)).toEqual({ share: 1 / 3, drifted: false });
  expect(evidentlyDatasetDrift([column(true), column(false)])).toEqual({ share: 0.5, drifted: true });
});

test("every score equals NannyML's", () => {
  for (const c of reference.nannyml) {
    for (const [name, score] of Object.entries(c.scores)) {
      expect(nannymlDrift(raw(c.kind, c.reference), raw(c.kind, c.current), name as NannymlMethod), `${c.name}: ${name}`).toBeCloseTo(score, 9); // the script uses these names
    }
  }
  const aabbcc = raw("cat", [..."aabbcc"]);
  expect(nannymlDrift(aabbcc, raw("cat", [..."aabbccd"]), "l_infinity")).toBeCloseTo(0.14, 2);
  expect(nannymlDrift(aabbcc, raw("cat", [..."bbbbb"]), "l_infinity")).toBeCloseTo(0.67, 2);
});

test("NannyML's band is three population deviations around the reference chunks, inside the metric's limits", () => {
  const band = nannymlThresholds([0.1, 0.2, 0.3], { low: 0 });
  expect(band.lower).toBe(0);
  expect(band.upper).toBeCloseTo(0.2 + 3 * Math.sqrt(0.02 / 3), 12);
});

test("columns that cannot be compared are refused", () => {
  const texts = raw("cat", ["a", "b"]);
  expect(() => evidentlyDrift(raw("num", [NaN]), raw("num", [1]))).toThrow("The reference column has no values to compare.");
  expect(() => evidentlyDrift(texts, texts, "ks")).toThrow("is for numbers");
  expect(() => evidentlyDrift(texts, raw("num", [1]))).toThrow("is a category in the reference and a number now");
  expect(() => nannymlDrift(texts, texts, "wasserstein")).toThrow("is for numbers");
  const large = { kind: "number", values: Float64Array.from({ length: 10_000 }, (_, i) => i) } as const;
  expect(() => nannymlDrift(large, large, "kolmogorov_smirnov")).toThrow("this dialect computes exact values only");
});
