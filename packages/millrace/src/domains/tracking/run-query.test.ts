import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "#kit/app-error";
import { runStatuses } from "./model.ts";
import { parseRunQuery } from "./run-query.ts";
import { runQueryText } from "./run-query-text.ts";
import { filters } from "../../../../../tests/contracts/run-queries.ts";
import type { RunFilter } from "./run-filter.ts";

const nowMs = Date.UTC(2026, 2, 10, 12);
const dayMs = 86_400_000;
const read = (query: string) => parseRunQuery(query, { nowMs, knownFields: () => ["metrics.auc", "params.leaves", "params.kind", "tags.team"] });

function refusal(query: string): { message: string; hint: string | undefined; position: unknown } {
  try {
    read(query);
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_argument")
      return { message: error.message, hint: error.hint, position: error.details?.["position"] };
    throw error;
  }
  throw new Error(`read: ${query}`);
}

describe("the query language of runs", () => {
  it("reads conditions on every kind of field", () => {
    const cases: [string, RunFilter][] = [
      ["", { and: [] }],
      ["  ", { and: [] }],
      ["metrics.auc>0.8", { metric: "auc", op: ">", value: 0.8 }],
      ["metric.auc >= -1e-3", { metric: "auc", op: ">=", value: -0.001 }],
      ["metrics.auc = nan", { metric: "auc", op: "=", value: Number.NaN }],
      ["metrics.auc < -Infinity", { metric: "auc", op: "<", value: -Infinity }],
      ['metrics."val loss" != 1', { metric: "val loss", op: "!=", value: 1 }],
      ["metrics.`a ``b```<>1", { metric: "a `b`", op: "!=", value: 1 }],
      ["metrics.val/auc@10 == .5", { metric: "val/auc@10", op: "=", value: 0.5 }],
      ["params.leaves = 63", { param: "leaves", op: "=", value: 63 }],
      ["params.leaves = '63'", { param: "leaves", op: "=", value: "63" }],
      ["params.leaves = 1e999", { param: "leaves", op: "=", value: "1e999" }],
      ["params.kind = trees", { param: "kind", op: "=", value: "trees" }],
      ["params.kind = 'it''s'", { param: "kind", op: "=", value: "it's" }],
      ["params.lr IN (0.1, 1e-2, 'auto')", { param: "lr", op: "in", value: [0.1, 0.01, "auto"] }],
      ["params.lr not in (0.1)", { param: "lr", op: "not in", value: [0.1] }],
      ["tags.mlflow.source LIKE '%.py'", { tag: "mlflow.source", op: "like", value: "%.py" }],
      ["tags.team NOT ILIKE air%", { tag: "team", op: "not ilike", value: "air%" }],
      ["tags.team IS NULL", { tag: "team", op: "missing" }],
      ["tags.team is not null", { tag: "team", op: "exists" }],
      ["params.depth BETWEEN 3 AND 5", { param: "depth", op: "between", value: [3, 5] }],
      ["params.depth NOT BETWEEN 'a' AND 'b'", { param: "depth", op: "not between", value: ["a", "b"] }],
      ["inputs.name = flights", { input: "name", op: "=", value: "flights" }],
      ["inputs.digest = 123", { input: "digest", op: "=", value: "123" }],
      ["status = FINISHED", { attribute: "status", op: "=", value: "finished" }],
      ["experiment = 'a/b'", { attribute: "experimentName", op: "=", value: "a/b" }],
      ["experiment.id = 7", { attribute: "experiment", op: "=", value: "7" }],
      ["duration > 1h30m", { attribute: "durationMs", op: ">", value: 5_400_000 }],
      ["started > 7d ago", { attribute: "startedMs", op: ">", value: nowMs - 7 * dayMs }],
      ["started >= today", { attribute: "startedMs", op: ">=", value: Date.UTC(2026, 2, 10) }],
      ["started = yesterday", { attribute: "startedMs", op: "between", value: [Date.UTC(2026, 2, 9), Date.UTC(2026, 2, 10) - 1] }],
      ["started <= now", { attribute: "startedMs", op: "<=", value: nowMs }],
      ["started > 2026-03-01", { attribute: "startedMs", op: ">", value: Date.UTC(2026, 2, 2) - 1 }],
      ["started >= '2026-03-01'", { attribute: "startedMs", op: ">=", value: Date.UTC(2026, 2, 1) }],
      ["started = 2026-03-01", { attribute: "startedMs", op: "between", value: [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 2) - 1] }],
      ["started != 2026-03-01", { attribute: "startedMs", op: "not between", value: [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 2) - 1] }],
      ["ended < 2026-03-01T10:00", { attribute: "endedMs", op: "<", value: Date.UTC(2026, 2, 1, 10) }],
      ["ended < '2026-03-01 10:00+02:00'", { attribute: "endedMs", op: "<", value: Date.UTC(2026, 2, 1, 8) }],
      [
        "started BETWEEN 2026-03-01 AND 2026-03-02",
        { attribute: "startedMs", op: "between", value: [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 3) - 1] },
      ],
    ];
    for (const [query, filter] of cases) expect([query, read(query)]).toEqual([query, filter]);
  });

  it("binds NOT closer than AND, AND closer than OR, and takes parentheses", () => {
    const [a, b, c] = ["a", "b", "c"].map((key): RunFilter => ({ tag: key, op: "exists" }));
    expect(read("tags.a IS NOT NULL OR tags.b IS NOT NULL AND tags.c IS NOT NULL")).toEqual({ or: [a, { and: [b, c] }] });
    expect(read("(tags.a IS NOT NULL OR tags.b IS NOT NULL) AND NOT tags.c IS NOT NULL")).toEqual({ and: [{ or: [a, b] }, { not: c }] });
    expect(read("not (tags.a is not null and tags.b is not null)")).toEqual({ not: { and: [a, b] } });
    expect(read("tags.a BETWEEN 1 AND 2 AND tags.b IS NOT NULL")).toEqual({ and: [{ tag: "a", op: "between", value: [1, 2] }, b] });
  });

  it("takes bare words and quoted text as text to look for, each of them", () => {
    expect(read("late arrival")).toEqual({ and: [{ text: "late" }, { text: "arrival" }] });
    expect(read('"late arrival" OR status')).toEqual({ or: [{ text: "late arrival" }, { text: "status" }] });
    expect(read("trees metrics.auc > 1")).toEqual({ and: [{ text: "trees" }, { metric: "auc", op: ">", value: 1 }] });
    expect(read("looks like trees in order")).toEqual({ and: ["looks", "like", "trees", "in", "order"].map((text) => ({ text })) });
  });

  it("says where it stopped, what was expected there and which name was meant", () => {
    const cases: [string, number, string, string?][] = [
      ["metrics.auc >", 14, "expected a number, found the end"],
      ["metrics.auc > high", 15, "expected a number for metrics.auc, found `high`"],
      ["metrics.auc > '0.8'", 15, "found '0.8'", "leave the quotes out"],
      ["auc > 0.8", 1, "expected a field, found `auc`", "Did you mean metrics.auc?"],
      ["metrics.auc > 0.8 AND leavs = 3", 23, "found `leavs`", "Did you mean params.leaves?"],
      ["statsu = running", 1, "expected a field", "Did you mean status?"],
      [
        "status = runing",
        10,
        "expected a status (running, scheduled, finished, failed, killed) for status, found `runing`",
        "Did you mean `running`?",
      ],
      ["started > tomorrow", 11, "expected a time such as 2026-03-01"],
      ["started > 2026-02-31", 11, "expected a time"],
      ["started > 7d", 11, "`7d ago`"],
      ["duration > 90", 12, "a length of time such as 90s"],
      ["metrics.auc LIKE '%'", 18, "found LIKE", "Patterns are for text"],
      ["params.a = NULL", 12, "found `NULL`", "IS NULL"],
      ["params.a IS NOT", 16, "expected NULL"],
      ["params.a IN 3", 13, "expected a list in parentheses"],
      ["params.a IN (3", 15, "expected a comma or a closing parenthesis, found the end"],
      ["params.a BETWEEN 3", 19, "expected AND"],
      ["params.a BETWEEN 3 AND 'x'", 24, "expected a number, as before AND"],
      ["(tags.a = 1", 12, "closing parenthesis"],
      ["tags.a = 1)", 11, "expected AND, OR or the end, found `)`"],
      ["tags.a = 1 AND", 15, "expected a condition, or text to look for, found the end"],
      ["OR tags.a = 1", 1, "found `OR`"],
      ["metrics.auc", 12, "expected an operator after metrics.auc", "Operators are"],
      ["'auc' = 1", 1, "a field before the operator", "Did you mean metrics.auc?"],
      ["inputs.colour = red", 1, "expected a field", "Fields are"],
      ["tags.a = 'x", 10, "expected a closing '"],
      ["tags.a = 1 ! 2", 12, 'found "!"'],
      [`${"(".repeat(60)}x${")".repeat(60)}`, 51, "at most 50 levels"],
      [`${"NOT ".repeat(60)}x`, 201, "at most 50 levels"],
      ["started IN (2026-03-01)", 13, "found a day"],
    ];
    for (const [query, position, message, hint] of cases) {
      const error = refusal(query);
      expect([query, error.position]).toEqual([query, position]);
      expect(error.message).toContain(`character ${position}`);
      expect(error.message).toContain(message);
      expect(error.hint).toContain(hint ?? "");
    }
    expect(() => read("x".repeat(20_001))).toThrow("at most 20000");
    expect(() => read("x ".repeat(11))).toThrow("more than 10 words");
    expect(() => read(Array(201).fill("tags.a = 1").join(" OR "))).toThrow("at most 200");
  });

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(filters(), (filter) => {
        const text = runQueryText(filter);
        expect(read(text), text).toEqual(filter);
      }),
      { numRuns: 500 },
    );
  });

  it("reads any text or refuses it, and never fails otherwise", () => {
    const words = [
      "metrics.auc",
      "params.'a b'",
      "tags.",
      "status",
      ...runStatuses,
      "started",
      "7d",
      "ago",
      "(",
      ")",
      ",",
      "=",
      "<>",
      "AND",
      "OR",
      "NOT",
    ];
    const pieces = fc.oneof(fc.constantFrom(...words, "IN", "LIKE", "BETWEEN", "IS", "NULL", "'x'", '"', "1", "."), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.constantFrom("", " "), (parts, between) => {
        const query = parts.join(between);
        try {
          const filter = read(query);
          expect(read(runQueryText(filter)), query).toEqual(filter);
        } catch (error) {
          expect(error, query).toBeInstanceOf(AppError);
          expect((error as AppError).code).toBe("invalid_argument");
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
