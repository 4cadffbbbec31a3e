import { invalid, refusal } from "./protocol.ts";
import { rawJson } from "./raw-json.ts";

/** A request's fields: the query's, or those of the JSON body. Unknown ones are ignored, as MLflow does. */
export type Fields = Record<string, unknown>;

const apiDocs = "See the API docs for more information about request parameters.";

/** Fields of queries, where one value stands for a list of one. */
const queries = new WeakSet<Fields>();
/** The bodies that fields came in. */
const bodies = new WeakMap<Fields, Uint8Array>();

/** Reads what a route got: path parameters and query beside `body` and `headers`. Throws where the body is not a JSON object. */
export function fieldsOf({ body, ...rest }: { body: Uint8Array } & Fields): Fields {
  delete rest["headers"];
  if (body.length === 0) {
    queries.add(rest);
    return rest;
  }
  const value = parseBody(body);
  if (value === null) return rest;
  if (typeof value !== "object" || Array.isArray(value)) throw invalid("The request's body must be a JSON object.");
  const fields = { ...(value as Fields), ...rest };
  bodies.set(fields, body);
  return fields;
}

/** Refuses what is not called JSON: a page of another site may post anything else without asking first. */
export function checkType({ "content-type": type }: Fields): void {
  if (typeof type !== "string" || type.split(";")[0]!.trim().toLowerCase() !== "application/json")
    throw invalid("Bad Request. Content-Type must be one of ['application/json'].");
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

function parseBody(body: Uint8Array, revive?: Reviver): unknown {
  const value = parseJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"), revive);
  return typeof value === "string" ? parseJson(value, revive) : value; // old clients
}

function parseJson(text: string, revive?: Reviver): unknown {
  try {
    return JSON.parse(text, revive);
  } catch {
    throw invalid("The request's body is not JSON.");
  }
}

export function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(name, value, fields);
  return value;
}

/** As `text`; an empty one counts as missing, as in Protocol Buffers. */
export function needText(fields: Fields, name: string): string {
  const value = text(fields, name);
  if (value === undefined || value === "") throw missing(name);
  return value;
}

/** As `needText`, where MLflow asks for a parameter of the query in words of its own. */
export function needQuery(fields: Fields, name: string): string {
  const value = text(fields, name);
  if (!value) throw refusal("BAD_REQUEST", `Request must include the "${name}" query parameter.`);
  return value;
}

/** The run's id, which old clients send as `run_uuid`. */
export function needRun(fields: Fields): string {
  const run = text(fields, "run_id") || text(fields, "run_uuid");
  if (!run) throw missing("run_id");
  return run;
}

/** An integer; those of queries come as text, int64 of some clients too. */
export function integer(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  const number = typeof value === "string" && /^-?\d{1,19}$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) throw wrongType(name, value, fields);
  return number;
}

export function truth(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw typeof value === "string" ? invalid(`Invalid boolean value: ${value}, must be 'true' or 'false'.`) : wrongType(name, value, fields);
}

export function objects(fields: Fields, name: string): Fields[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrongType(name, value, fields);
  for (const item of value) if (typeof item !== "object" || item === null || Array.isArray(item)) throw wrongType(name, value, fields);
  return value as Fields[]; // just asked
}

/** A list of texts; in a query one value stands for a list of one. */
export function texts(fields: Fields, name: string): string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  const list = typeof value === "string" && queries.has(fields) ? [value] : value;
  if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) throw wrongType(name, value, fields);
  return list;
}

export function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw wrongType(name, value, fields);
  return value as Fields; // just asked
}

/** `[{key, value}]` as a record; the later of two wins. An absent value is empty. */
export function keyValues(fields: Fields, name: string): Record<string, string> {
  return Object.fromEntries(
    objects(fields, name).map((item, i) => {
      const key = text(item, "key");
      if (key === undefined || key === "") throw missing(`${name}[${i}].key`);
      return [key, text(item, "value") ?? ""];
    }),
  );
}

/** Double: NaN and the infinities come as texts. */
export function double(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  if (value === "NaN") return Number.NaN;
  if (value === "Infinity" || value === "-Infinity") return Number(value);
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined;
}

export function missing(name: string): Error {
  return invalid(`Missing value for required parameter '${name}'. ${apiDocs}`);
}

export function wrongType(name: string, value: unknown, fields: Fields = {}): Error {
  const written = asWritten(fields, name) ?? JSON.stringify(value);
  return invalid(`${invalidText(name, written, ` Hint: Value was of type '${pythonType(value, written)}'.`)} ${apiDocs}`);
}

/** MLflow's words for a value it does not take (mlflow/utils/validation.py). */
export function invalidValue(name: string, value: unknown, why: string): string {
  return invalidText(name, JSON.stringify(value), why);
}

function invalidText(name: string, written: string, why: string): string {
  return `Invalid value ${written} for parameter '${name}' supplied: ${why}`;
}

/** A field of a body as JSON in which 9.0 is not 9: only the text of a number tells them apart. */
function asWritten(fields: Fields, name: string): string | undefined {
  const body = bodies.get(fields);
  if (body === undefined) return undefined;
  const revived = parseBody(body, (_, value, context) =>
    Number.isInteger(value) && /[.e]/i.test(context?.source ?? "") ? rawJson(context!.source!) : value,
  ) as Fields; // it was an object before
  return JSON.stringify(revived[name]);
}

function pythonType(value: unknown, written: string): string {
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return /[.e]/i.test(written) ? "float" : "int";
  return Array.isArray(value) ? "list" : "dict";
}
