import { AppError } from "#kit/app-error";
import { verdictOf, type CheckResult, type CheckStatus } from "./check-result.ts";
import type { BehaviouralCheck, Gate, GateCheck } from "./define.ts";
import { judgeBehaviour, sampleTestRows, type SampledRows } from "./judge-behaviour.ts";
import { judgeChampion, judgeMetric, judgeSlices } from "./judge-metrics.ts";
import type { Floats } from "./metric-input.ts";
import type { RowModel, TestRows } from "./test-rows.ts";

export interface GateRequest {
  gate: Gate;
  model: RowModel;
  test: TestRows;
  /** The champion's scores of the very same rows; absent while there is no champion. */
  champion?: Floats;
  seed?: number;
  /** Rows that behavioural checks look at. */
  sampleRows?: number;
}

export interface GateReport {
  gate: string;
  verdict: CheckStatus;
  /** "ready: 5 of 5 passed", with the reasons of what did not pass. */
  summary: string;
  results: CheckResult[];
  testRows: number;
  /** Rows the behavioural checks looked at; 0 without such checks. */
  sampledRows: number;
  seed: number;
  seconds: number;
}

/**
 * Judges a model by every check of a gate: metrics on all test rows, the champion on the same rows, behaviour on a sample that
 * depends on `seed` alone. The verdict is `passed` only when every check of severity `error` passed. Throws `invalid_argument` for
 * rows that do not fit together, and `invalid_definition` when a function of a check throws.
 */
export async function evaluateGate({ gate, model, test, champion, seed = 1, sampleRows = 2_000 }: GateRequest): Promise<GateReport> {
  const started = performance.now();
  checkTestRows(test, champion);
  const sample = gate.checks.some(isBehavioural) ? await sampleTestRows(model, test, seed, sampleRows) : undefined;
  const results: CheckResult[] = [];
  for (const check of gate.checks) results.push(await judge(check, { model, test, champion, seed, sample }));
  return {
    gate: gate.name,
    verdict: verdictOf(results),
    summary: summaryOf(gate.name, results),
    results,
    testRows: test.labels.length,
    sampledRows: sample?.rows.length ?? 0,
    seed,
    seconds: (performance.now() - started) / 1_000,
  };
}

interface Evidence {
  model: RowModel;
  test: TestRows;
  champion: Floats | undefined;
  seed: number;
  sample: SampledRows | undefined;
}

async function judge(check: GateCheck, { model, test, champion, seed, sample }: Evidence): Promise<CheckResult> {
  switch (check.kind) {
    case "metric":
      return judgeMetric(check, test);
    case "champion":
      return judgeChampion(check, test, champion);
    case "slices":
      return judgeSlices(check, test);
    case "invariant":
    case "directional":
    case "minimumFunctionality":
      return judgeBehaviour(check, model, sample ?? { rows: [], numbers: [], scores: [] }, seed);
  }
}

function isBehavioural(check: GateCheck): check is BehaviouralCheck {
  return check.kind === "invariant" || check.kind === "directional" || check.kind === "minimumFunctionality";
}

function checkTestRows(test: TestRows, champion: Floats | undefined): void {
  const rows = test.labels.length;
  const lengths: [string, number][] = [["the scores", test.scores.length]];
  if (champion) lengths.push(["the champion's scores", champion.length]);
  for (const column of test.columns) lengths.push([`column "${column.name}"`, column.kind === "number" ? column.values.length : column.codes.length]);
  const odd = lengths.find(([, length]) => length !== rows);
  if (odd) throw new AppError("invalid_argument", `The test has ${rows} labels, but ${odd[0]} ${odd[1]} rows: all must be of the very same rows.`);
}

function summaryOf(name: string, results: CheckResult[]): string {
  const open = results.filter((result) => result.status !== "passed");
  const count = `${name}: ${results.length - open.length} of ${results.length} passed`;
  return [
    count,
    ...open.map((result) => `${result.name} ${result.severity === "warning" ? "(warning) " : ""}${result.status}: ${result.reason}`),
  ].join("\n");
}
