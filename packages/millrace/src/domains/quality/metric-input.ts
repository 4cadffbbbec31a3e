import { AppError } from "#kit/app-error";

/** A column of numbers, one a row. */
export type Floats = Float32Array | Float64Array;

/** Throws `invalid_argument` unless labels are 0/1, scores are finite, weights (if any) are not negative, and all have one length above 0. */
export function checkBinaryInput(labels: Floats, scores: Floats, weights?: Floats): void {
  checkLengths(labels, scores, weights);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label !== 0 && label !== 1) throw badValue("label", label, i, "A binary metric needs labels that are 0 or 1.");
    if (!Number.isFinite(scores[i]!)) throw badValue("score", scores[i]!, i, "A model must give every row a finite score.");
  }
  checkWeights(weights);
}

/** Throws `invalid_argument` unless labels and scores are finite, weights (if any) are not negative, and all have one length above 0. */
export function checkNumericInput(labels: Floats, scores: Floats, weights?: Floats): void {
  checkLengths(labels, scores, weights);
  for (let i = 0; i < labels.length; i++) {
    if (!Number.isFinite(labels[i]!)) throw badValue("label", labels[i]!, i, "Leave rows without a label out of the test rows.");
    if (!Number.isFinite(scores[i]!)) throw badValue("score", scores[i]!, i, "A model must give every row a finite score.");
  }
  checkWeights(weights);
}

function checkLengths(labels: Floats, scores: Floats, weights?: Floats): void {
  if (labels.length === 0) throw new AppError("invalid_argument", "There are no rows to measure.", { hint: "Widen the test window." });
  if (labels.length !== scores.length || (weights && weights.length !== labels.length)) {
    const found = `${labels.length} labels, ${scores.length} scores${weights ? `, ${weights.length} weights` : ""}`;
    throw new AppError("invalid_argument", `A metric needs one label, score and weight a row, but was given ${found}.`);
  }
}

function checkWeights(weights?: Floats): void {
  weights?.forEach((weight, i) => {
    if (!(weight >= 0) || weight === Infinity) throw badValue("weight", weight, i, "Weights must be finite and not negative.");
  });
}

function badValue(what: string, value: number, row: number, hint: string): AppError {
  return new AppError("invalid_argument", `The ${what} of row ${row} is ${value}.`, { hint, details: { row } });
}
