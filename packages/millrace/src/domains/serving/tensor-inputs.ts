import { AppError } from "#kit/app-error";
import type { Tensor, TensorPlace } from "#ports/tensor-runtime";
import type { CallColumn, CallSignature } from "./model-source.ts";
import { shapeText, tensorFor, type Values, valuesOf } from "./tensor-values.ts";

/** Rows by columns, as tables of other programs have them. */
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
}

export interface Asked {
  /** Model and version, for errors. */
  what: string;
  inputs: readonly TensorPlace[];
  signature: CallSignature | undefined;
}

/**
 * The inputs of a model that is asked with a table, as MLflow's ONNX flavor has them: a model with one input gets all columns as one
 * matrix, one with several gets a column each. Throws `invalid_argument` naming the column.
 */
export function inputsOfTable(asked: Asked, table: Table): Record<string, Tensor> {
  const { inputs, signature } = asked;
  const { columns, rows } = signature?.kind === "columns" ? enforced(asked, signature.columns, table) : table;
  const [only, second] = inputs;
  if (only !== undefined && second === undefined && (signature?.kind !== "tensors" || signature.tensors[0]?.name === undefined))
    return { [only.name]: tensorFor(only, { shape: [rows.length, columns.length], elements: rows.flat(1) }) };
  return Object.fromEntries(
    inputs.map((place) => {
      const at = columns.indexOf(place.name);
      if (at < 0) throw lacking(asked, place.name, columns);
      const values = valuesOf(
        place.name,
        rows.map((row) => row[at]),
      );
      return [place.name, tensorFor(place, values)];
    }),
  );
}

/** The inputs of a model that is asked with tensors by name, or with the only one. Throws `invalid_argument` naming the tensor. */
export function inputsOfTensors(asked: Asked, given: ReadonlyMap<string, Values> | Values): Record<string, Tensor> {
  const { inputs, signature, what } = asked;
  const named = isNamed(given) ? given : new Map([[onlyOf(asked).name, given]]);
  const unknown = [...named.keys()].find((name) => !inputs.some((place) => place.name === name));
  if (unknown !== undefined)
    throw bad(`${what} has no input ${unknown} (it has: ${inputs.map(({ name }) => name).join(", ")}).`, "Send each by its name.");
  return Object.fromEntries(
    inputs.map((place) => {
      const values = named.get(place.name);
      if (values === undefined) throw lacking(asked, place.name, [...named.keys()]);
      const said = signature?.kind === "tensors" ? signature.tensors.find(({ name }) => name === undefined || name === place.name) : undefined;
      const { shape } = said ?? {};
      if (shape !== undefined && (shape.length !== values.shape.length || shape.some((size, i) => size !== null && size !== values.shape[i])))
        throw bad(`Input ${place.name} of ${what} has the shape ${shapeText(shape)}, not ${shapeText(values.shape)}.`);
      return [place.name, tensorFor(place, values)];
    }),
  );
}

/** The columns that the signature names, in its order and of its types; others are left out. */
function enforced({ what }: Asked, wanted: readonly CallColumn[], { columns, rows }: Table): Table {
  const places = wanted.map(({ name, required }, i) => {
    const at = name === undefined ? (i < columns.length ? i : -1) : columns.indexOf(name);
    if (at < 0 && required)
      throw bad(`${what} takes the column ${name ?? i}, which is missing (there are: ${columns.join(", ")}).`, `It takes: ${namesOf(wanted)}.`);
    return at;
  });
  const kept = wanted.map((column, i) => ({ ...column, at: places[i]! })).filter(({ at }) => at >= 0);
  for (const { name, type, at } of kept)
    rows.forEach((row, i) => {
      if (!fits[type](row[at]))
        throw bad(
          `Column ${name ?? at} of ${what} takes ${type}, but row ${i} has ${JSON.stringify(row[at]) ?? "nothing"}.`,
          `It takes: ${namesOf(wanted)}.`,
        );
    });
  return { columns: kept.map(({ name, at }) => name ?? columns[at]!), rows: rows.map((row) => kept.map(({ at }) => row[at])) };
}

const fits: Record<CallColumn["type"], (value: unknown) => boolean> = {
  boolean: (value) => typeof value === "boolean",
  integer: (value) => typeof value === "number" && Number.isInteger(value),
  number: (value) => typeof value === "number" || value === null,
  text: (value) => typeof value === "string",
};

function namesOf(columns: readonly CallColumn[]): string {
  return columns.map(({ name, type, required }, i) => `${name ?? i} (${type}${required ? "" : ", optional"})`).join(", ");
}

function onlyOf({ inputs, what }: Asked): TensorPlace {
  const [only, second] = inputs;
  if (only !== undefined && second === undefined) return only;
  throw bad(`${what} has the inputs ${inputs.map(({ name }) => name).join(", ")}, so one without a name is not enough.`, "Send each by its name.");
}

function isNamed(given: ReadonlyMap<string, Values> | Values): given is ReadonlyMap<string, Values> {
  return given instanceof Map;
}

function lacking({ what, inputs }: Asked, name: string, given: readonly string[]): AppError {
  return bad(
    `Input ${name} of ${what} is missing (there are: ${given.join(", ")}).`,
    `It takes: ${inputs.map((place) => `${place.name} (${place.type} ${shapeText(place.shape)})`).join(", ")}.`,
  );
}

function bad(message: string, hint: string | undefined = undefined): AppError {
  return new AppError("invalid_argument", message, hint === undefined ? {} : { hint });
}
