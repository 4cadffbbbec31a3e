import { describe, expect, it } from "vitest";
import { aggregate, createGroups } from "./aggregate.ts";
import { correlation } from "./trace-correlation.ts";

describe("aggregates", () => {
  const values = [16, 1, 8, 2, 4];

  it("have percentiles as numpy 2.4.6 has them", () => {
    const found = [0, 10, 50, 90, 99.9, 100].map((percentile) => aggregate({ kind: "PERCENTILE", percentile }, values));
    const numpy = [1, 1.4, 4, 12.8, 15.968, 16];
    for (const [i, number] of numpy.entries()) expect(found[i]).toBeCloseTo(number, 12);
  });

  it("are one number for many", () => {
    const kinds = ["COUNT", "SUM", "AVG", "MIN", "MAX"] as const;
    expect(kinds.map((kind) => aggregate({ kind }, values))).toEqual([5, 31, 6.2, 1, 16]);
    expect(kinds.map((kind) => aggregate({ kind }, []))).toEqual([0, undefined, undefined, undefined, undefined]);
  });

  it("are told in the order of what they are grouped by", () => {
    const groups = createGroups();
    for (const [time, name, value] of [[10, "b", 1], [5, "c", 2], [10, "a", 3], [5, "c", 4]] as const) groups.add([time, name], value); // prettier-ignore
    expect(groups.list()).toEqual([
      { keys: [5, "c"], values: [2, 4] },
      { keys: [10, "a"], values: [3] },
      { keys: [10, "b"], values: [1] },
    ]);
  });
});

// Reference values: mlflow.store.analytics.trace_correlation.calculate_npmi_from_counts of MLflow 3.17.2.
it.each([
  [{ joint: 6, first: 6, second: 7, total: 10 }, 0.6982322877799215, 0.5404578674731575],
  [{ joint: 3, first: 4, second: 3, total: 10 }, 0.7610560044063087, 0.6021516451320165],
  [{ joint: 0, first: 6, second: 4, total: 10 }, -1, -0.5549272247752562],
  [{ joint: 2, first: 2, second: 2, total: 4 }, 0.9999999999999999, 0.583488138377115],
  [{ joint: 4, first: 4, second: 4, total: 4 }, 1, 1],
  [{ joint: 1, first: 5, second: 7, total: 1000 }, 0.48531065188324146, 0.5294995066266309],
])("the correlation of %j is MLflow's", (counts, exact, smoothed) => {
  const found = correlation(counts);
  expect(found.exact).toBeCloseTo(exact, 12);
  expect(found.smoothed).toBeCloseTo(smoothed, 12);
});

it("there is no correlation with what never happens", () => {
  expect(correlation({ joint: 0, first: 0, second: 3, total: 9 })).toEqual({ exact: undefined, smoothed: undefined });
});
