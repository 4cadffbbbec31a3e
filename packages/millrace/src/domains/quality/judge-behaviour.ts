import { AppError } from "#kit/app-error";
import type { CheckResult } from "./check-result.ts";
import type { BehaviouralCheck, DirectionalCheck, InvariantCheck, MinimumFunctionalityCheck } from "./define.ts";
import { counted, words } from "./plain-words.ts";
import { sampleRowNumbers, seededRandom } from "./seeded-random.ts";
import { rowAt, type Row } from "./table-rows.ts";
import type { RowModel, TestRows } from "./test-rows.ts";

/** Test rows as objects, their numbers in the test table, and the model's scores of them. */
export interface SampledRows {
  rows: Row[];
  numbers: number[];
  scores: ArrayLike<number>;
}

/** How far a score may differ between the test table and the same row as an object: float32 features and another batch size. */
const sameScore = 1e-4;

/**
 * Takes a sample of the test rows as objects and scores them. Throws `invalid_argument` when the model scores them otherwise than
 * in the test table: then it does not read the rows' fields, and behavioural checks would pass without having tested anything.
 */
export async function sampleTestRows(model: RowModel, test: TestRows, seed: number, count: number): Promise<SampledRows> {
  const numbers = sampleRowNumbers(test.labels.length, count, seededRandom(seed, "sample of test rows"));
  const rows = numbers.map((number) => rowAt(test.columns, number));
  const scores = await scoresOf(model, rows);
  const odd = numbers.findIndex((number, i) => !(Math.abs(test.scores[number]! - scores[i]!) <= sameScore * Math.max(1, Math.abs(scores[i]!))));
  if (odd >= 0) {
    const [number, given, found] = [numbers[odd]!, test.scores[numbers[odd]!]!, scores[odd]!];
    throw new AppError(
      "invalid_argument",
      `The model scores test row ${number} as ${words(found)} when given as an object, but as ${words(given)} in the test scores.`,
      {
        hint: "The test columns must have the names and values of the model's features.",
        details: { row: number, columns: test.columns.map((column) => column.name) },
      },
    );
  }
  return { rows, numbers, scores };
}

/** Judges a behavioural check: on the sampled rows and their altered copies, or on the check's own rows. */
export async function judgeBehaviour(check: BehaviouralCheck, model: RowModel, sample: SampledRows, seed: number): Promise<CheckResult> {
  return check.kind === "minimumFunctionality" ? judgeOwnRows(check, model) : judgeAltered(check, model, sample, seed);
}

async function judgeAltered(check: InvariantCheck | DirectionalCheck, model: RowModel, sample: SampledRows, seed: number): Promise<CheckResult> {
  const altered: { row: Row; at: number; changed: string[] }[] = [];
  const random = seededRandom(seed, check.name);
  sample.rows.forEach((row, at) => {
    const changed = guarded(check, sample.numbers[at]!, () => check.change({ ...row }, random));
    if (changed === null) return;
    if (typeof changed !== "object") throw brokenCheck(check, sample.numbers[at]!, `it returned ${String(changed)} instead of a row`);
    const fields = Object.keys({ ...row, ...changed }).filter((field) => row[field] !== changed[field]);
    if (fields.length > 0) altered.push({ row: changed, at, changed: fields });
  });
  const scores = await scoresOf(
    model,
    altered.map((one) => one.row),
  );
  const moves = altered.map((one, i) => {
    const [before, after] = [sample.scores[one.at]!, scores[i]!];
    const move = after - before;
    return { ...one, before, after, wrong: check.kind === "invariant" ? Math.abs(move) : check.expect === "notLower" ? -move : move };
  });
  const broken = moves.filter((move) => !(move.wrong <= check.tolerance)).sort((a, b) => b.wrong - a.wrong);
  const rule = check.kind === "invariant" ? "stays the same" : check.expect === "notLower" ? "does not fall" : "does not rise";
  const expected = `the score ${rule}, within ${words(check.tolerance)}${check.share < 1 ? `, in ${percent(check.share)} of rows` : ""}`;
  const base = { name: check.name, kind: check.kind, severity: check.severity, expected };
  if (moves.length === 0) {
    const reason = `None of the ${counted(sample.rows.length, "sampled row")} was altered by the check, so nothing was tested.`;
    return { ...base, status: "inconclusive", actual: null, reason, details: { sampled: sample.rows.length, altered: 0 } };
  }
  const held = 1 - broken.length / moves.length;
  const verb = check.kind === "invariant" ? "changes" : check.expect === "notLower" ? "falls" : "rises";
  const worst = broken[0];
  const found = worst
    ? `The score ${verb} in ${counted(broken.length, "row")} of ${moves.length}, most in row ${sample.numbers[worst.at]}: from ${words(worst.before)} to ${words(worst.after)} as ${worst.changed.join(", ")} changed`
    : `The score ${rule} in all ${counted(moves.length, "altered row")}`;
  return {
    ...base,
    status: broken.length <= allowed(check, moves.length) ? "passed" : "failed",
    actual: held,
    reason: `${found}.`,
    details: {
      sampled: sample.rows.length,
      altered: moves.length,
      broken: broken.length,
      largestWrongMove: moves.reduce((most, move) => Math.max(most, move.wrong), 0),
      alteredFields: [...new Set(moves.flatMap((move) => move.changed))],
      examples: broken.slice(0, 5).map(({ row, at, changed, before, after }) => ({
        row: sample.numbers[at]!,
        before,
        after,
        from: pick(sample.rows[at]!, changed),
        to: pick(row, changed),
      })),
    },
  };
}

async function judgeOwnRows(check: MinimumFunctionalityCheck, model: RowModel): Promise<CheckResult> {
  const rows = check.rows.map((row) => ({ ...row }));
  const scores = await scoresOf(model, rows);
  const wrong = check.rows
    .map((row, i) => ({ row, number: i, score: scores[i]! }))
    .filter(({ row, number, score }) => !guarded(check, number, () => check.accept(score, row)));
  const held = 1 - wrong.length / rows.length;
  const reason = wrong[0]
    ? `${counted(wrong.length, "row")} of ${rows.length} ${wrong.length === 1 ? "gets a score" : "get scores"} that the check does not accept, such as ${words(wrong[0].score)} for row ${wrong[0].number}.`
    : `All ${counted(rows.length, "row")} get scores that the check accepts.`;
  return {
    name: check.name,
    kind: check.kind,
    severity: check.severity,
    status: wrong.length <= allowed(check, rows.length) ? "passed" : "failed",
    expected: `accepted scores in ${percent(check.share)} of rows`,
    actual: held,
    reason,
    details: {
      rows: rows.length,
      wrong: wrong.length,
      examples: wrong.slice(0, 5).map(({ row, number, score }) => ({ number, score, row: { ...row } })),
    },
  };
}

async function scoresOf(model: RowModel, rows: Row[]): Promise<ArrayLike<number>> {
  if (rows.length === 0) return [];
  const scores = await model(rows);
  if (scores.length !== rows.length) throw new AppError("invalid_argument", `The model gave ${scores.length} scores for ${rows.length} rows.`);
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isFinite(scores[i]!))
      throw new AppError("invalid_argument", `The model gave the score ${scores[i]} to a row of a behavioural check.`);
  }
  return scores;
}

/** Rows of `rows` that may break the rule; the margin absorbs the rounding of 1 - share. */
function allowed(check: BehaviouralCheck, rows: number): number {
  return (1 - check.share) * rows + 1e-9;
}

/** Runs a project's function on one row and says which check and row it was when it throws. */
function guarded<T>(check: BehaviouralCheck, row: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw brokenCheck(check, row, error instanceof Error ? error.message : String(error), error);
  }
}

function brokenCheck(check: BehaviouralCheck, row: number, why: string, cause?: unknown): AppError {
  return new AppError("invalid_definition", `The function of the check "${check.name}" failed on row ${row}: ${why}.`, {
    cause,
    hint: "It gets a row as a plain object, with null for missing values, and returns a row (or null to leave it out).",
  });
}

function pick(row: Row, fields: string[]): Row {
  return Object.fromEntries(fields.map((field) => [field, row[field] ?? null]));
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
