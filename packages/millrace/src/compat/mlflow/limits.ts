import { posix } from "node:path";
import { absent, invalid } from "./protocol.ts";
import { invalidValue } from "./request.ts";

/** What MLflow takes (mlflow/utils/validation.py). */
export const limits = {
  keyLength: 250,
  paramLength: 6_000,
  tagLength: 8_000,
  experimentTagLength: 20_000,
  experimentNameLength: 500,
  metricsPerBatch: 1_000,
  batchTextLength: 1_000_000,
  paramsPerBatch: 100,
  runsPerPage: 50_000,
} as const;

const names = /^[/\p{L}\p{N}_.\- :]*$/u;

/** Checks the name of a metric, param or tag as MLflow does: it may become a file's path there. */
export function checkName(name: string, path: string): void {
  if (!names.test(name)) {
    const why = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";
    throw invalid(invalidValue(path, name, why));
  }
  const resolved = posix.normalize(name).replace(/(?<=.)\/$/, "");
  if (resolved !== name || name === "." || name.startsWith("..") || name.startsWith("/")) {
    const why = `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${resolved}'`;
    throw invalid(invalidValue(path, name, why));
  }
}

/** `checkName`, and the length; `what` names the thing in a refusal. */
export function checkKey(key: string, path: string, what: string): void {
  checkName(key, path);
  checkLength(what, limits.keyLength, key);
}

export function checkLength(what: string, limit: number, value: string): void {
  if (pastLimit(value, limit) !== undefined) throw invalid(`'${what}' exceeds the maximum length of ${limit} characters`);
}

/** Params and tags of runs are cut, not refused. */
export function cut(value: string, limit: number): string {
  return value.slice(0, pastLimit(value, limit));
}

/** Where a text goes past so many characters, as Python counts them: a pair of surrogates is one. Undefined where it does not. */
function pastLimit(value: string, limit: number): number | undefined {
  if (value.length <= limit) return undefined;
  let at = 0;
  for (let count = 0; count < limit && at < value.length; count++) at += value.codePointAt(at)! > 0xffff ? 2 : 1;
  return at < value.length ? at : undefined;
}

const runIds = /^[a-zA-Z0-9][\w-]{0,255}$/;

export function checkRunId(run: string): string {
  if (!runIds.test(run)) throw absent(`Run with id=${run} not found`);
  return run;
}

/** Checks the length of a page. */
export function checkPage(length: number, most: number): number {
  if (length < 1) throw invalid(`Invalid value ${length} for parameter 'max_results' supplied. It must be a positive integer`);
  if (length > most) throw invalid(`Invalid value ${length} for parameter 'max_results' supplied. It must be at most ${most}`);
  return length;
}
