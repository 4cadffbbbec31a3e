import { AppError, toAppError } from "#kit/app-error";

/** What a command gets to talk to its caller: results on stdout, everything for people on stderr. */
export interface Terminal {
  json: boolean;
  /** Prints the result: JSON with `--json`, else the text. */
  result(value: unknown, text: string): void;
  /** A line for people, left out with `--quiet`. */
  note(line: string): void;
  /** Replaces the last progress line on a terminal; prints only every so often elsewhere. */
  progress(line: string): void;
}

export interface TerminalOptions {
  json: boolean;
  quiet: boolean;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
}

export function openTerminal({ json, quiet, stdout, stderr }: TerminalOptions): Terminal {
  let pending = false;
  const clear = () => {
    if (pending) stderr.write("\r\u001b[2K");
    pending = false;
  };
  return {
    json,
    result(value, text) {
      clear();
      stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : text.endsWith("\n") || text === "" ? text : `${text}\n`);
    },
    note(line) {
      if (quiet) return;
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (quiet || !stderr.isTTY) return;
      stderr.write(`\r\u001b[2K${line.slice(0, (stderr.columns ?? 100) - 1)}`);
      pending = true;
    },
  };
}

/** Prints an error as `error[code]: message` with its hint, or as JSON, and gives the exit code. */
export function reportError(thrown: unknown, { json, stderr, debug }: { json: boolean; stderr: NodeJS.WritableStream; debug: boolean }): number {
  const error = toAppError(thrown);
  if (json) {
    stderr.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
  } else {
    stderr.write(`error[${error.code}]: ${error.message}\n`);
    if (error.hint !== undefined) stderr.write(`hint: ${error.hint}\n`);
  }
  if (debug || error.code === "internal") stderr.write(`${chain(thrown)}\n`);
  return error.exitCode;
}

/** A table with aligned columns for a terminal; numbers to the right. */
export function textTable(rows: Record<string, unknown>[], columns = Object.keys(rows[0] ?? {})): string {
  if (rows.length === 0) return "(none)";
  const cells = rows.map((row) => columns.map((column) => cell(column, row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]!.length)));
  const numeric = columns.map(
    (column) => !isTime(column) && rows.every((row) => typeof row[column] === "number" || row[column] === null || row[column] === undefined),
  );
  const line = (values: string[]) =>
    values
      .map((value, i) => (numeric[i] ? value.padStart(widths[i]!) : value.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(columns), ...cells.map(line)].join("\n");
}

/** Fields named so hold epoch milliseconds. */
function isTime(column: string): boolean {
  return /(^|[a-z])(started|finished|created|updated|at|from|until|time|timestamp)Ms$/i.test(column);
}

function cell(column: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && isTime(column)) return new Date(value).toISOString().replace("T", " ").slice(0, 19);
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(5)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function chain(thrown: unknown): string {
  const lines: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) lines.push(error.stack ?? error.message);
  return lines.join("\ncaused by: ");
}

/** A usage error of the command line. */
export function usage(message: string, hint: string): AppError {
  return new AppError("invalid_argument", message, { hint });
}
