import { expect, test } from "vitest";
import { checkResultSchema } from "./check-result.ts";
import { accuracy, auc, calibration, directional, gate, invariant, logLoss, minimumFunctionality, slices, warn, type GateCheck } from "./define.ts";
import { evaluateGate, type GateRequest } from "./evaluate-gate.ts";
import type { TableColumn } from "./profile-columns.ts";
import { seededRandom, sampleRowNumbers } from "./seeded-random.ts";
import type { RowModel } from "./test-rows.ts";

const rows = 3_000;
const random = seededRandom(7, "test data");
const origins = ["ATL", "LAX", "ORD", "XNA"];

/** Flights whose chance to be late is `risk`; the model knows it. XNA has few rows, and at LAX the risk says nothing. */
const risk = Float32Array.from({ length: rows }, () => Math.fround(random.number(0.02, 0.98)));
const originCodes = Int32Array.from({ length: rows }, (_, i) => (i % 100 === 0 ? 3 : i % 3));
const labels = Float32Array.from(risk, (p, i) => ((originCodes[i] === 1 ? random.number() < 0.5 : random.number() < p) ? 1 : 0));
const columns: TableColumn[] = [
  { name: "risk", kind: "number", values: risk },
  { name: "origin", kind: "category", codes: originCodes, levels: origins },
  { name: "flight_id", kind: "text", codes: Int32Array.from({ length: rows }, (_, i) => i), levels: Array.from({ length: rows }, (_, i) => `F${i}`) },
];
const model: RowModel = (list) => Float32Array.from(list, (row) => Number(row["risk"]));
const base: Omit<GateRequest, "gate"> = { model, test: { columns, labels, scores: risk } };

async function judge(check: GateCheck, changes: Partial<GateRequest> = {}) {
  const report = await evaluateGate({ ...base, ...changes, gate: gate("ready", [check]) });
  expect(checkResultSchema.parse(JSON.parse(JSON.stringify(report.results[0])))).toEqual(report.results[0]);
  return report.results[0]!;
}

test("a gate passes only when every check passes, and says so in one line", async () => {
  const ready = gate("ready", [
    auc.atLeast(0.6),
    logLoss.atMost(0.8),
    calibration.within(0.2),
    slices("origin", { support: 100 }).each(accuracy.atLeast(0.4)),
    invariant("the number of the flight does not matter", (row, source) => ({ ...row, flight_id: source.id() })),
    logLoss.notWorseThan("champion", { by: 0.002 }),
  ]);
  const report = await evaluateGate({ ...base, gate: ready });
  expect(report).toMatchObject({ gate: "ready", verdict: "passed", summary: "ready: 6 of 6 passed", testRows: rows, sampledRows: 2_000 });
  const failed = await evaluateGate({ ...base, gate: gate("ready", [...ready.checks, auc.atLeast(0.95)]) });
  expect(failed.verdict).toBe("failed");
  expect(failed.summary).toMatch(/^ready: 6 of 7 passed\nAUC at least 0.95 failed: The AUC is 0\.\d+, below the limit of 0.95\.$/);
});

test("a failed metric says its value and the limit, with DeLong's interval in the details", async () => {
  const result = await judge(auc.atLeast(0.9));
  expect(result).toMatchObject({ status: "failed", expected: "AUC ≥ 0.9", kind: "metric", severity: "error" });
  expect(result.reason).toMatch(/^The AUC is 0\.\d{2,4}, below the limit of 0\.9\.$/);
  expect(result.details).toMatchObject({ errorBy: "DeLong", rows });
});

test("calibration names the mean score, the observed share and the worst bin", async () => {
  const result = await judge(calibration.within(0.01));
  expect(result.status).toBe("failed");
  expect(result.reason).toMatch(
    /above the limit of 0\.01\. The mean score is 0\.\d+ where 0\.\d+ are positive; the worst bin \(scores 0\.\d+ to 0\.\d+\) is off by 0\.\d+\.$/,
  );
});

test("a test with one class only is inconclusive for AUC, and so is the gate", async () => {
  const report = await evaluateGate({
    ...base,
    test: { columns, labels: new Float32Array(rows), scores: risk },
    gate: gate("ready", [auc.atLeast(0.5)]),
  });
  expect(report.verdict).toBe("inconclusive");
  expect(report.results[0]!.reason).toBe("The AUC cannot be measured on these 3,000 rows, for example because all have the same label.");
});

test("the worst slice is named; slices without support are named and not judged", async () => {
  const result = await judge(slices("origin", { support: 100 }).each(auc.atLeast(0.7)));
  expect(result.status).toBe("failed");
  expect(result.reason).toMatch(
    /^1 of 3 slices of origin fail: the lowest AUC is 0\.\d+, for origin LAX \(990 rows\), below the limit of 0\.7; not judged: 1 with fewer than 100 rows \(XNA\)\.$/,
  );
  expect(result.details).toMatchObject({ judged: 3, failed: 1, tooSmall: { count: 1, levels: ["XNA"] } });
});

test("when no slice can be judged the check is inconclusive, and an unknown column is an error", async () => {
  const none = await judge(slices("origin", { support: 2_000 }).each(auc.atLeast(0.7)));
  expect(none).toMatchObject({ status: "inconclusive", actual: null });
  expect(none.reason).toContain("No slice of origin can be judged: 4 with fewer than 2,000 rows (ATL, LAX, ORD, XNA).");
  await expect(judge(slices("gate").each(auc.atLeast(0.7)))).rejects.toThrow(
    'slices by "gate", which the test rows lack (they have: risk, origin, flight_id)',
  );
});

test("the first model has no champion to be worse than; a later one is compared on the same rows", async () => {
  const check = logLoss.notWorseThan("champion", { by: 0.002 });
  expect(await judge(check)).toMatchObject({ status: "passed", reason: "There is no champion yet, so there is none to be worse than." });
  expect(await judge(check, { champion: risk })).toMatchObject({ status: "passed", details: { worse: 0, standardError: 0 } });
  const better = risk.map((p, i) => (originCodes[i] === 1 ? 0.5 : p));
  const worse = await judge(check, { champion: better });
  expect(worse.status).toBe("failed");
  expect(worse.reason).toMatch(
    /^The log loss is 0\.\d+, 0\.\d+ worse than the champion's 0\.\d+ on the same 3,000 rows, and only 0\.002 is accepted\.$/,
  );
  const ranked = await judge(auc.notWorseThan("champion"), { champion: better });
  expect(ranked).toMatchObject({ status: "failed", details: { errorBy: "DeLong, paired" } });
});

test("an invariant fails with the row, the scores and the altered field", async () => {
  const leaky: RowModel = (list) => Float32Array.from(list, (row) => Number(row["risk"]) + (String(row["flight_id"]).startsWith("F") ? 0 : 0.01));
  const check = invariant("the number of the flight does not matter", (row, source) => ({ ...row, flight_id: source.id() + "X" }));
  expect(await judge(check)).toMatchObject({ status: "passed", actual: 1, details: { altered: 2_000, broken: 0, alteredFields: ["flight_id"] } });
  const result = await judge(check, { model: leaky });
  expect(result.status).toBe("failed");
  expect(result.reason).toMatch(/^The score changes in 1,\d{3} rows of 2000, most in row \d+: from 0\.\d+ to 0\.\d+ as flight_id changed\.$/);
  expect(await judge(invariant("the same", check.change, { tolerance: 0.02 }), { model: leaky })).toMatchObject({ status: "passed" });
});

test("a directional check looks at one direction, within a tolerance and a share of rows", async () => {
  const higher = (row: { risk: number; origin: string }) => ({ ...row, risk: Math.min(1, row.risk + 0.1) });
  const rising = directional("more risk never lowers the score", higher, { expect: "notLower" });
  expect(await judge(rising)).toMatchObject({ status: "passed" });
  expect((await judge(directional("x", higher, { expect: "notHigher" }))).reason).toMatch(/^The score rises in 2,000 rows of 2000, most in row \d+/);
  const onlyLax = directional("x", (row) => (row["origin"] === "LAX" ? higher(row as { risk: number; origin: string }) : null), {
    expect: "notHigher",
    tolerance: 0.2,
  });
  expect(await judge(onlyLax)).toMatchObject({ status: "passed", details: { altered: expect.toSatisfy((n: number) => n > 500 && n < 800) } });
  const nearly: RowModel = (list) => Float32Array.from(list, (row) => (Number(row["risk"]) > 0.99 ? 0 : Number(row["risk"])));
  expect(await judge(rising, { model: nearly })).toMatchObject({ status: "failed" });
  expect(await judge(directional("x", higher, { expect: "notLower", share: 0.8 }), { model: nearly })).toMatchObject({ status: "passed" });
});

test("a check that alters nothing is inconclusive, not passed", async () => {
  expect(await judge(invariant("nothing", (row) => row))).toMatchObject({ status: "inconclusive", details: { altered: 0 } });
  expect(await judge(directional("nothing", () => null, { expect: "notLower" }))).toMatchObject({ status: "inconclusive" });
});

test("minimum functionality judges the given rows", async () => {
  const check = minimumFunctionality("obvious rows", [{ risk: 0.9 }, { risk: 0.1 }], (score, row) => (row.risk > 0.5 ? score > 0.5 : score > 0.4));
  expect(await judge(check)).toMatchObject({
    status: "failed",
    actual: 0.5,
    reason: "1 row of 2 gets a score that the check does not accept, such as 0.1 for row 1.",
  });
  expect(await judge(minimumFunctionality("obvious rows", check.rows, () => true))).toMatchObject({ status: "passed", actual: 1 });
});

test("a failed warning is told and decides nothing", async () => {
  const report = await evaluateGate({ ...base, gate: gate("ready", [auc.atLeast(0.5), warn(auc.atLeast(0.99))]) });
  expect(report.verdict).toBe("passed");
  expect(report.summary).toContain("1 of 2 passed\nAUC at least 0.99 (warning) failed:");
});

test("the same seed gives the same report, another seed another sample", async () => {
  const check = invariant("x", (row, source) => ({ ...row, risk: source.number() }));
  const [a, b, c] = [
    await judge(check, { seed: 3, sampleRows: 50 }),
    await judge(check, { seed: 3, sampleRows: 50 }),
    await judge(check, { seed: 4, sampleRows: 50 }),
  ];
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  expect(sampleRowNumbers(1_000, 10, seededRandom(1, "a"))).toEqual(sampleRowNumbers(1_000, 10, seededRandom(1, "a")));
  expect(new Set(sampleRowNumbers(50, 49, seededRandom(1, "a"))).size).toBe(49);
});

test("a model that does not read the rows' fields is found out", async () => {
  await expect(
    judge(
      invariant("x", (row) => ({ ...row, flight_id: "1" })),
      { model: (list) => Float32Array.from(list, () => 0.5) },
    ),
  ).rejects.toThrow(/^The model scores test row \d+ as 0\.5 when given as an object, but as 0\.\d+ in the test scores\.$/);
});

test("a check's function that throws is named with its row", async () => {
  const nothing = JSON.parse("null") as { x: number };
  const check = invariant("careless", (row) => ({ ...row, risk: nothing.x }));
  await expect(judge(check)).rejects.toThrow(/^The function of the check "careless" failed on row \d+: Cannot read properties of null/);
});

test("scores of other rows are refused", async () => {
  await expect(judge(auc.atLeast(0.5), { champion: new Float32Array(5) })).rejects.toThrow(
    "The test has 3000 labels, but the champion's scores 5 rows",
  );
});

test("definitions that cannot be judged are refused where they are written", () => {
  expect(() => auc.atLeast(76)).toThrow("A limit of 76 for the AUC can never be judged.");
  expect(() => gate("ready", [])).toThrow('The gate "ready" has no checks.');
  expect(() => gate("ready", [auc.atLeast(0.7), auc.atLeast(0.7)])).toThrow('The gate "ready" has two checks called "AUC at least 0.7".');
  expect(() => logLoss.notWorseThan("champion", { by: -1 })).toThrow("is not a margin");
  expect(() => slices("origin", { support: 0 })).toThrow("support of 0 rows");
  expect(() => invariant("x", (row) => row, { share: 2 })).toThrow("asks for a share of 2");
});
