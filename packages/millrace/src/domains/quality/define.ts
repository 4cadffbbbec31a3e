import { AppError } from "#kit/app-error";
import { metrics, type MetricName } from "./metrics.ts";
import { whole } from "./plain-words.ts";
import type { RandomSource } from "./seeded-random.ts";
import type { Row } from "./table-rows.ts";

type Severity = "error" | "warning";

/** A metric must reach a limit. */
export interface MetricCheck {
  kind: "metric";
  name: string;
  severity: Severity;
  metric: MetricName;
  limit: number;
  /** Score at which `accuracy`, `precision` and `recall` say yes. */
  threshold: number;
}

/** A metric must not be worse than the champion's on the same rows by more than `by`. */
export interface ChampionCheck {
  kind: "champion";
  name: string;
  severity: Severity;
  metric: MetricName;
  by: number;
  threshold: number;
}

/** A metric must reach a limit in every slice with at least `support` rows. */
export interface SlicesCheck {
  kind: "slices";
  name: string;
  severity: Severity;
  column: string;
  support: number;
  each: MetricCheck;
}

/** Changing a row in a way that does not matter must not change its score. */
export interface InvariantCheck {
  kind: "invariant";
  name: string;
  severity: Severity;
  change(row: Row, random: RandomSource): Row | null;
  tolerance: number;
  share: number;
}

/** Changing a row in a way that matters must not move its score the wrong way. */
export interface DirectionalCheck {
  kind: "directional";
  name: string;
  severity: Severity;
  change(row: Row, random: RandomSource): Row | null;
  expect: "notLower" | "notHigher";
  tolerance: number;
  share: number;
}

/** Rows that any usable model gets right. */
export interface MinimumFunctionalityCheck {
  kind: "minimumFunctionality";
  name: string;
  severity: Severity;
  rows: readonly Row[];
  accept(score: number, row: Row): boolean;
  share: number;
}

export type BehaviouralCheck = InvariantCheck | DirectionalCheck | MinimumFunctionalityCheck;
export type GateCheck = MetricCheck | ChampionCheck | SlicesCheck | BehaviouralCheck;

/** What a model must pass before it may become champion. */
export interface Gate {
  kind: "gate";
  name: string;
  checks: readonly GateCheck[];
}

/** Names a list of checks that a model must pass. Throws `invalid_definition` for an empty gate or two checks of one name. */
export function gate(name: string, checks: readonly GateCheck[]): Gate {
  if (checks.length === 0) throw wrong(`The gate "${name}" has no checks.`, "A gate without checks would let every model pass; add one.");
  const names = checks.map((check) => check.name);
  const twice = names.find((one, i) => names.indexOf(one) !== i);
  if (twice !== undefined) throw wrong(`The gate "${name}" has two checks called "${twice}".`, "Give each check a name of its own.");
  return { kind: "gate", name, checks };
}

interface ThresholdOptions {
  /** Score at or above which the answer counts as yes. */
  threshold?: number;
}
interface ChampionOptions {
  /** How much worse is still accepted, in the metric's unit; 0 when left out. */
  by?: number;
}

const atLeast = (metric: MetricName) => (limit: number) => metricCheck(metric, limit);
const atMost = atLeast;
const atThreshold =
  (metric: MetricName) =>
  (limit: number, { threshold = 0.5 }: ThresholdOptions = {}) =>
    metricCheck(metric, limit, threshold);
const notWorseThan =
  (metric: MetricName) =>
  (_other: "champion", { by = 0 }: ChampionOptions = {}) =>
    championCheck(metric, by);

/** Area under the ROC curve. */
export const auc = { atLeast: atLeast("auc"), notWorseThan: notWorseThan("auc") };
/** Area under the precision-recall curve (average precision). */
export const prAuc = { atLeast: atLeast("prAuc"), notWorseThan: notWorseThan("prAuc") };
/** Mean log loss in nats. */
export const logLoss = { atMost: atMost("logLoss"), notWorseThan: notWorseThan("logLoss") };
/** Mean squared error of probabilities. */
export const brier = { atMost: atMost("brier"), notWorseThan: notWorseThan("brier") };
export const accuracy = { atLeast: atThreshold("accuracy") };
export const precision = { atLeast: atThreshold("precision") };
export const recall = { atLeast: atThreshold("recall") };
export const mae = { atMost: atMost("mae"), notWorseThan: notWorseThan("mae") };
export const rmse = { atMost: atMost("rmse"), notWorseThan: notWorseThan("rmse") };
export const r2 = { atLeast: atLeast("r2"), notWorseThan: notWorseThan("r2") };

/**
 * `calibration.within(x)`: the expected calibration error is at most x: over ten bins with equal numbers of rows in order of score,
 * the mean, weighted by rows, of |mean score - share of positives|. It follows that over all rows the mean score is within x of the
 * share of positives.
 */
export const calibration = { within: (limit: number) => metricCheck("calibration", limit) };

/**
 * A check for every level of a column: `slices("origin", { support: 1_000 }).each(auc.atLeast(0.65))`. Levels with fewer than
 * `support` rows, or with one class only, are named in the result and not judged; when none is left the check is inconclusive.
 */
export function slices(column: string, { support = 100 }: { support?: number } = {}): { each(check: MetricCheck): SlicesCheck } {
  if (!(support >= 1)) throw wrong(`slices("${column}") asks for a support of ${support} rows.`, "Support is a number of rows, at least 1.");
  return {
    each: (check) => ({
      kind: "slices",
      name: `${check.name} in every slice of ${column} with ${whole(support)} rows`,
      severity: check.severity,
      column,
      support,
      each: check,
    }),
  };
}

interface BehaviourOptions {
  /** Share of the rows in which it must hold; 1 when left out. */
  share?: number;
  /** How far a score may move; 1e-6 (the rounding of float32 scores) when left out. */
  tolerance?: number;
}

/**
 * The score must stay when `change` alters a field that does not matter. `change` gets a copy of the row and returns the altered
 * row, or null where the check does not apply; `random` gives the same values on every run.
 */
export function invariant<R extends Row = Row>(
  name: string,
  change: (row: R, random: RandomSource) => R | null,
  { tolerance = 1e-6, share = 1 }: BehaviourOptions = {},
): InvariantCheck {
  checkShare(name, share);
  return { kind: "invariant", name, severity: "error", change: onRows(change), tolerance, share };
}

/** The score must not fall (`notLower`) or rise (`notHigher`) by more than `tolerance` when `change` alters a row; see `invariant`. */
export function directional<R extends Row = Row>(
  name: string,
  change: (row: R, random: RandomSource) => R | null,
  { expect, tolerance = 1e-6, share = 1 }: BehaviourOptions & { expect: "notLower" | "notHigher" },
): DirectionalCheck {
  checkShare(name, share);
  return { kind: "directional", name, severity: "error", change: onRows(change), expect, tolerance, share };
}

/** Every given row (fields left out are missing) must get a score that `accept` agrees with. */
export function minimumFunctionality<R extends Row = Row>(
  name: string,
  rows: readonly R[],
  accept: (score: number, row: R) => boolean,
  { share = 1 }: { share?: number } = {},
): MinimumFunctionalityCheck {
  checkShare(name, share);
  if (rows.length === 0) throw wrong(`The check "${name}" has no rows.`, "Give it at least one row.");
  // The rows that `accept` sees are the very ones given here.
  return { kind: "minimumFunctionality", name, severity: "error", rows, accept: accept as MinimumFunctionalityCheck["accept"], share };
}

/** The same check as advice: when it fails it is shown, and the gate passes all the same. */
export function warn<C extends GateCheck>(check: C): C {
  return { ...check, severity: "warning" };
}

function metricCheck(metric: MetricName, limit: number, threshold = 0.5): MetricCheck {
  const { label, better, range } = metrics[metric];
  if (!(limit >= range[0] && limit <= range[1])) {
    throw wrong(`A limit of ${limit} for the ${label} can never be judged.`, `The ${label} lies between ${range[0]} and ${range[1]}.`);
  }
  const name = metric === "calibration" ? `calibration within ${limit}` : `${label} ${better === "higher" ? "at least" : "at most"} ${limit}`;
  return { kind: "metric", name, severity: "error", metric, limit, threshold };
}

function championCheck(metric: MetricName, by: number): ChampionCheck {
  const { label } = metrics[metric];
  if (!(by >= 0)) throw wrong(`notWorseThan("champion", { by: ${by} }) for the ${label} is not a margin.`, "Give a number that is 0 or more.");
  const name = `${label} not worse than the champion's${by > 0 ? ` by ${by}` : ""}`;
  return { kind: "champion", name, severity: "error", metric, by, threshold: 0.5 };
}

/** A project types the row it expects; Millrace hands in rows of the test table, whose names and types the project's own types describe. */
function onRows<R extends Row>(change: (row: R, random: RandomSource) => R | null): InvariantCheck["change"] {
  return change as InvariantCheck["change"];
}

function checkShare(name: string, share: number): void {
  if (!(share > 0 && share <= 1)) throw wrong(`The check "${name}" asks for a share of ${share}.`, "A share is above 0 and at most 1.");
}

function wrong(message: string, hint: string): AppError {
  return new AppError("invalid_definition", message, { hint });
}
