import type { Signature } from "#domains/training";
import { AppError } from "#kit/app-error";
import { parseCsv } from "./csv.ts";

export type Row = Record<string, unknown>;

/** A body in a form that is not one of ours: the protocol answers 415. */
export class UnsupportedMediaType extends Error {}

const jsonKeys = ["dataframe_split", "dataframe_records", "instances", "inputs"] as const;
const contentTypes = ["text/csv", "application/json"] as const;

/**
 * The rows of an invocation, as MLflow's scoring server reads them: JSON with exactly one of `dataframe_split`, `dataframe_records`,
 * `instances` or `inputs` (and maybe `params`), or CSV with a header. Throws `UnsupportedMediaType`, and `invalid_argument`
 * for a body that is not what its type says.
 */
export function readInvocation(body: Uint8Array, contentType: unknown, signature: Signature): Row[] {
  const type = mediaTypeOf(contentType);
  const text = textOf(body);
  return type === "text/csv" ? csvRows(text, signature) : jsonRows(text);
}

export function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
}

/** As MLflow: no other parameter than `charset=utf-8`. */
export function mediaTypeOf(contentType: unknown): (typeof contentTypes)[number] {
  const [type = "", ...parameters] = String(contentType ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    const [name, value] = parameter.split("=");
    if (name !== "charset")
      throw new UnsupportedMediaType(`Unrecognized content type parameter: ${parameter}. This predictor supports only charset=utf-8.`);
    if (value?.replaceAll('"', "") !== "utf-8") throw new UnsupportedMediaType("The scoring server only supports UTF-8 encoding.");
  }
  const found = contentTypes.find((known) => known === type);
  if (found) return found;
  throw new UnsupportedMediaType(`This predictor only supports the following content types: ${contentTypes.join(", ")}. Got '${type}'.`);
}

/** The one form of rows or tensors that a body of JSON has. Throws `invalid_argument`. */
export function jsonForm(text: string): { key: (typeof jsonKeys)[number]; value: unknown } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_argument", `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
  const expected = `Send an object with exactly one of ${jsonKeys.join(", ")}.`;
  if (!isObject(json)) throw new AppError("invalid_argument", `The body is ${Array.isArray(json) ? "a list" : "no object"}.`, { hint: expected });
  const given = jsonKeys.filter((key) => key in json);
  if (given.length !== 1)
    throw new AppError("invalid_argument", given.length === 0 ? "The body has no rows." : `The body has both ${given.join(" and ")}.`, {
      hint: expected,
    });
  const other = Object.keys(json).find((key) => key !== given[0] && key !== "params");
  if (other !== undefined) throw new AppError("invalid_argument", `The body has the unknown key ${other}.`, { hint: expected });
  const key = given[0]!; // exactly one, as checked above
  return { key, value: json[key] };
}

function jsonRows(text: string): Row[] {
  const { key, value } = jsonForm(text);
  if (key === "dataframe_split") return splitRows(value);
  if (isObject(value) && key === "inputs") return columnRows(value);
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new AppError("invalid_argument", `\`${key}\` is not a list of objects.`, { hint: "The model needs its columns by name." });
}

/** `{ columns, data, index? }` as pandas writes it. */
function splitRows(value: unknown): Row[] {
  const { columns, rows } = splitTable(value);
  return rows.map((row) => Object.fromEntries(columns.map((name, c) => [name, row[c]])));
}

/** As `splitRows`, in the order of the columns. */
export function splitTable(value: unknown): { columns: string[]; rows: unknown[][] } {
  const { columns, data } = isObject(value) ? value : {};
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === "string") || !Array.isArray(data))
    throw new AppError("invalid_argument", "`dataframe_split` needs a list of column names and a list of rows.", {
      hint: "As DataFrame.to_dict(orient='split') gives it.",
    });
  data.forEach((row: unknown, i) => {
    if (!Array.isArray(row) || row.length !== columns.length)
      throw new AppError("invalid_argument", `Row ${i} of \`dataframe_split\` does not have ${columns.length} values.`);
  });
  return { columns: columns as string[], rows: data as unknown[][] }; // just checked
}

/** `{ name: [values] }`, or of a single row `{ name: value }`. */
function columnRows(columns: Row): Row[] {
  const entries = Object.entries(columns).map(([name, values]) => [name, Array.isArray(values) ? values.flat() : [values]] as const);
  const rows = entries[0]?.[1].length ?? 0;
  const uneven = entries.find(([, values]) => values.length !== rows);
  if (uneven)
    throw new AppError("invalid_argument", `Column ${uneven[0]} of \`inputs\` has ${uneven[1].length} values, but ${entries[0]![0]} has ${rows}.`);
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(entries.map(([name, values]) => [name, values[row] as unknown])));
}

/** CSV has only texts: what the model takes as a number is made one, and an empty field is missing. */
function csvRows(text: string, signature: Signature): Row[] {
  const numbers = new Set(signature.inputs.filter((input) => input.kind === "number").map((input) => input.name));
  const { columns, rows } = csvTable(text, (name) => numbers.has(name));
  return rows.map((row) => Object.fromEntries(columns.map((name, c) => [name, row[c]])));
}

/** A table of CSV; `isNumber` says which columns may be read as numbers. */
export function csvTable(text: string, isNumber: (column: string) => boolean): { columns: string[]; rows: unknown[][] } {
  const [header, ...records] = parseCsv(text);
  if (!header) throw new AppError("invalid_argument", "The CSV is empty.", { hint: "The first line names the columns." });
  const rows = records.map((record, i) => {
    if (record.length !== header.length)
      throw new AppError("invalid_argument", `Row ${i} of the CSV has ${record.length} fields, but its header has ${header.length}.`);
    return header.map((name, c) => csvValue(record[c]!, isNumber(name)));
  });
  return { columns: header, rows };
}

function csvValue(field: string, isNumber: boolean): string | number | boolean | null {
  if (field === "") return null;
  if (!isNumber) return field;
  if (/^true$|^false$/i.test(field)) return /^true$/i.test(field);
  const number = Number(field);
  return Number.isNaN(number) || field.trim() === "" ? field : number; // text is refused by name when the row is read
}

export function isObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
