import {
  inputsOfTable,
  inputsOfTensors,
  listsOf,
  plainElement,
  type ServedTensors,
  type Table,
  type TensorAnswer,
  type TensorEndpoint,
  type Values,
  valuesOf,
} from "#domains/serving";
import { AppError } from "#kit/app-error";
import type { Tensor } from "#ports/tensor-runtime";
import { csvTable, isObject, jsonForm, mediaTypeOf, splitTable, textOf } from "./read-invocation.ts";

/**
 * The predictions of a model that was made elsewhere, as MLflow's scoring server has them of its ONNX flavor: asked with a table, a row
 * of values for each row; asked with tensors, each output whole. A signature of columns makes a table of tensors, one of tensors
 * tensors of a table. Throws `UnsupportedMediaType`, and `invalid_argument` for what the model does not take.
 */
export async function invokeTensors(endpoint: TensorEndpoint, body: Uint8Array, contentType: unknown): Promise<unknown> {
  const type = mediaTypeOf(contentType);
  const text = textOf(body);
  const asked = type === "text/csv" ? undefined : jsonForm(text);
  let rows: number | undefined;
  const answer = await endpoint.ask((served) => {
    const kind = served.signature?.kind;
    const given = asked === undefined ? csvOf(served, text) : asked.key.startsWith("dataframe") ? tableOf(asked) : undefined;
    if (given !== undefined || kind === "columns") {
      const table = given ?? tableOfTensors(served, asked!); // one of both is there
      if (kind !== "tensors") rows = table.rows.length;
      return inputsOfTable(served, table);
    }
    return inputsOfTensors(served, tensorsOf(asked!.value, asked!.key)); // no table was given
  });
  return rows === undefined ? outputsOf(answer) : rowsOf(answer, rows);
}

/** Whole tensors by the outputs' names. */
function outputsOf({ served, outputs }: TensorAnswer): Record<string, unknown> {
  return Object.fromEntries(served.outputs.map(({ name }) => [name, listsOf(outputs[name]!, outputs[name]!.type === "bool")]));
}

/** For each row the value, or the list of values, of each output. */
function rowsOf({ served, outputs }: TensorAnswer, rows: number): Record<string, unknown>[] {
  const columns = served.outputs.map(({ name }) => [name, columnOf(name, outputs[name]!, rows)] as const);
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(columns.map(([name, values]) => [name, values[row]])));
}

function columnOf(name: string, tensor: Tensor, rows: number): unknown[] {
  const { shape, data, type } = tensor;
  if (data.length === rows) return Array.from(data as ArrayLike<number | bigint | string>, (element) => plainElement(element, type === "bool"));
  if (shape[0] === rows) return listsOf(tensor, type === "bool") as unknown[]; // of a tensor with dimensions
  throw new AppError("unsupported", `Output ${name} of the model has the shape [${shape.join(", ")}], which does not go with ${rows} rows.`, {
    hint: "Ask it with `inputs`, which answers whole tensors, or log it with a signature of tensors.",
  });
}

function csvOf({ signature }: ServedTensors, text: string): Table {
  const texts = new Set(signature?.kind === "columns" ? signature.columns.filter(({ type }) => type === "text").map(({ name }) => name) : []);
  return csvTable(text, (column) => !texts.has(column));
}

function tableOf({ key, value }: { key: string; value: unknown }): Table {
  if (key === "dataframe_split") return splitTable(value);
  if (!Array.isArray(value) || !value.every(isObject))
    throw new AppError("invalid_argument", "`dataframe_records` is not a list of objects.", {
      hint: "As DataFrame.to_dict(orient='records') gives it.",
    });
  return tableOfRecords(value);
}

function tableOfRecords(records: Record<string, unknown>[]): Table {
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return { columns, rows: records.map((record) => columns.map((name) => record[name] ?? null)) };
}

/** `instances` and `inputs` as rows of columns: objects, lists of values in the columns' order, or columns by name. */
function tableOfTensors({ signature }: ServedTensors, { key, value }: { key: string; value: unknown }): Table {
  if (key === "inputs" && isObject(value)) {
    const columns = Object.keys(value);
    const values = columns.map((name) => [value[name]].flat(Infinity));
    const uneven = values.findIndex((each) => each.length !== values[0]!.length);
    if (uneven >= 0)
      throw new AppError(
        "invalid_argument",
        `Column ${columns[uneven]} of \`inputs\` has ${values[uneven]!.length} values, but ${columns[0]} has ${values[0]!.length}.`,
      );
    return { columns, rows: (values[0] ?? []).map((_, row) => values.map((each) => each[row])) };
  }
  if (!Array.isArray(value)) throw new AppError("invalid_argument", `\`${key}\` is no list.`, { hint: "Send a list of rows." });
  if (value.every(isObject)) return tableOfRecords(value);
  const rows = value.map((row: unknown) => (Array.isArray(row) ? row : [row]) as unknown[]);
  const names = signature?.kind === "columns" ? signature.columns.map(({ name }, i) => name ?? String(i)) : [];
  const uneven = rows.findIndex((row) => row.length !== names.length);
  if (uneven >= 0)
    throw new AppError(
      "invalid_argument",
      `Row ${uneven} of \`${key}\` has ${rows[uneven]!.length} values, but the model takes ${names.length} columns: ${names.join(", ")}.`,
    );
  return { columns: names, rows };
}

/** `inputs`: a tensor, or several by name. `instances`: the same row by row. */
function tensorsOf(value: unknown, key: string): ReadonlyMap<string, Values> | Values {
  if (isObject(value) && key === "inputs") return new Map(Object.entries(value).map(([name, lists]) => [name, valuesOf(name, lists)]));
  if (!Array.isArray(value)) throw new AppError("invalid_argument", `\`${key}\` is no list.`, { hint: "Send a tensor as lists within lists." });
  if (key !== "instances" || value.length === 0 || !value.every(isObject)) return valuesOf(`\`${key}\``, value);
  const names = [...new Set(value.flatMap((row) => Object.keys(row)))];
  return new Map(
    names.map((name) => [
      name,
      valuesOf(
        name,
        value.map((row) => row[name] ?? null),
      ),
    ]),
  );
}
