import { once } from "node:events";
import { AppError, toAppError } from "#kit/app-error";

export { textTable } from "#kit/text-table";

/** What a command gets to talk to its caller: results on stdout, everything for people on stderr. */
export interface Terminal {
  json: boolean;
  /** Prints the result: JSON with `--json`, else the text. */
  result(value: unknown, text: string): void;
  /** Prints a result as it comes, as fast as it is read. */
  stream(pieces: AsyncIterable<Uint8Array> | Uint8Array[]): Promise<void>;
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
    async stream(pieces) {
      clear();
      for await (const piece of pieces) if (!stdout.write(piece)) await once(stdout, "drain");
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

function chain(thrown: unknown): string {
  const lines: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) lines.push(error.stack ?? error.message);
  return lines.join("\ncaused by: ");
}

/** A usage error of the command line. */
export function usage(message: string, hint: string): AppError {
  return new AppError("invalid_argument", message, { hint });
}
