/** Checks what the trees are to learn from, before any thread starts. */
import { AppError } from "#kit/app-error";
import type { FeatureColumn, FitRequest, LabelledTable } from "#ports/trainer";
import { treesParams, type TreesParams } from "./trees-params.ts";

/** Fills in the defaults. Throws `invalid_argument` naming the parameter. */
export function checkParams(params: Record<string, unknown>): TreesParams {
  const parsed = treesParams.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = issue?.path.join(".") ?? "";
  throw new AppError(
    "invalid_argument",
    `The trees cannot use ${name ? `parameter \`${name}\`` : "these parameters"}: ${issue?.message ?? "invalid"}.`,
    {
      details: { path: name },
      hint: `Known parameters: ${Object.keys(treesParams.shape).join(", ")}.`,
    },
  );
}

/** Throws `invalid_argument` when the tables are empty, uneven, of different columns, or their labels cannot be learned. */
export function checkTables({ train, valid }: FitRequest, params: TreesParams): void {
  checkTable(train, "training", params);
  if (train.features.length === 0) throw bad("The training table has no feature columns.", "Name at least one feature.");
  const names = train.features.map((column) => column.name);
  const double = names.find((name, i) => names.indexOf(name) !== i);
  if (double !== undefined) throw bad(`The training table has two columns named \`${double}\`.`, "Rename one of them.");
  if (params.objective === "binary") checkBothClasses(train.label);
  for (const [name, direction] of Object.entries(params.monotone)) {
    const column = train.features.find((feature) => feature.name === name);
    if (!column)
      throw bad(`\`monotone\` names the column \`${name}\`, which the table does not have (it has: ${names.join(", ")}).`, "Correct the name.");
    if (column.kind === "category" && direction !== 0)
      throw bad(`\`monotone\` names the category \`${name}\`; categories have no order.`, "Take it out.");
  }
  if (!valid) return;
  checkTable(valid, "validation", params);
  train.features.forEach((column, i) => checkSameColumn(column, valid.features[i]));
  if (valid.features.length !== train.features.length) {
    throw bad(
      `The validation table has ${valid.features.length} columns, the training table ${train.features.length}.`,
      "Give both the same columns in the same order.",
    );
  }
}

function checkTable(table: LabelledTable, which: string, { objective }: TreesParams): void {
  const { rows, label, weight } = table;
  if (rows === 0) throw bad(`The ${which} table has no rows.`, "Check the filters and time ranges that select them.");
  for (const column of table.features) {
    const values = column.kind === "number" ? column.values : column.codes;
    if (values.length !== rows)
      throw bad(`Column \`${column.name}\` of the ${which} table has ${values.length} values for ${rows} rows.`, "Every column needs one a row.");
  }
  if (label.length !== rows) throw bad(`The ${which} table has ${label.length} labels for ${rows} rows.`, "Every row needs one.");
  for (let row = 0; row < rows; row++) {
    const value = label[row] as number; // in range
    if (objective === "binary" ? value === 0 || value === 1 : Number.isFinite(value)) continue;
    const needed = objective === "binary" ? "0 or 1" : "a finite number";
    throw bad(
      `The label of row ${row} of the ${which} table is ${value}; it must be ${needed}.`,
      Number.isNaN(value) ? "Drop the rows without a label." : 'For other numbers set `objective: "regression"`.',
    );
  }
  if (!weight) return;
  if (weight.length !== rows) throw bad(`The ${which} table has ${weight.length} weights for ${rows} rows.`, "Every row needs one.");
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const value = weight[row] as number; // in range
    if (!(value >= 0 && Number.isFinite(value)))
      throw bad(`The weight of row ${row} of the ${which} table is ${value}.`, "Weights are finite and not negative.");
    sum += value;
  }
  if (sum === 0) throw bad(`All weights of the ${which} table are 0.`, "Some row must count.");
}

function checkBothClasses(label: Float32Array): void {
  const [first] = label;
  if (label.some((value) => value !== first)) return;
  throw bad(`Every label of the training table is ${first}: there is nothing to tell apart.`, "Train on rows of both outcomes.");
}

function checkSameColumn(train: FeatureColumn, valid: FeatureColumn | undefined): void {
  const same = valid !== undefined && valid.name === train.name && valid.kind === train.kind && sameLevels(train, valid);
  if (same) return;
  const found =
    valid === undefined ? "nothing" : valid.name === train.name && valid.kind === train.kind ? "other levels" : `\`${valid.name}\` (${valid.kind})`;
  throw bad(
    `Where the training table has column \`${train.name}\` (${train.kind}), the validation table has ${found}.`,
    "Give both the same columns and levels.",
  );
}

function sameLevels(a: FeatureColumn, b: FeatureColumn): boolean {
  if (a.kind !== "category" || b.kind !== "category" || a.levels === b.levels) return true;
  return a.levels.length === b.levels.length && a.levels.every((level, i) => level === b.levels[i]);
}

function bad(message: string, hint: string): AppError {
  return new AppError("invalid_argument", message, { hint });
}
