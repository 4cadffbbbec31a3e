import { AppError, toAppError } from "#kit/app-error";

/** What DuckDB says with `errors_as_json`. */
interface EngineError {
  exception_type: string;
  exception_message: string;
  /** Byte offset into the statement. */
  position?: string;
  errno?: string;
}

/**
 * Turns what DuckDB threw into one of our errors: `storage_full`, `corrupt_data` (a Parquet file that cannot be read), `not_found` (a file
 * that is not there), `permission_denied`, and `sql_error` with the engine's words and the line and column for all that is wrong with the statement. `offset` is how far into the statement as run `sql` begins.
 */
export function translateEngineError(thrown: unknown, sql: string, offset = 0): AppError {
  if (thrown instanceof AppError) return thrown;
  const engine = parseEngineError(thrown instanceof Error ? thrown.message : String(thrown));
  if (engine === undefined) return toAppError(thrown);
  const message = withoutAdvice(engine.exception_message);
  if (engine.errno === "28" || engine.errno === "122" || /No space left on device|failed to offload data block/i.test(message)) {
    return new AppError("storage_full", `The disk is full: ${message}.`, {
      cause: thrown,
      hint: "Free some space and run the same command again; it takes up where it stopped.",
    });
  }
  if (engine.errno === "13" || engine.errno === "30") {
    return new AppError("permission_denied", `The operating system refused: ${message}.`, {
      cause: thrown,
      hint: "Check the owner and mode of the named file or folder.",
    });
  }
  if (engine.errno === "2" || message.startsWith("No files found that match the pattern")) {
    return new AppError("not_found", `${message}.`, {
      cause: thrown,
      hint: "Check the path; relative paths start at the folder the command runs in.",
    });
  }
  if (isDamagedFile(engine.exception_type, message)) {
    return new AppError("corrupt_data", `A Parquet file cannot be read: ${message}.`, {
      cause: thrown,
      hint: "Restore the file or write it again.",
      details: { file: /["']([^"']+\.parquet[^"']*)["']/i.exec(message)?.[1] },
    });
  }
  const place = engine.position === undefined ? undefined : placeInSql(sql, Number(engine.position) - offset);
  return new AppError("sql_error", `${engine.exception_type} error${place === undefined ? "" : ` at ${placeInWords(place)}`}: ${message}`, {
    cause: thrown,
    ...hintFor(engine),
    details: { type: engine.exception_type, ...place },
  });
}

/** Whether an error says that a file is damaged without saying which, so that the caller should look for it. */
export function isUnnamedDamage(error: AppError): boolean {
  return error.code === "corrupt_data" && error.details?.["file"] === undefined;
}

interface SqlPlace {
  line: number;
  column: number;
  /** The line of the statement that the position points into. */
  text: string;
}

/** Line and column (both from 1) of a byte offset. */
function placeInSql(sql: string, position: number): SqlPlace | undefined {
  if (position < 0) return undefined;
  const before = Buffer.from(sql).subarray(0, position).toString();
  const lineStart = before.lastIndexOf("\n") + 1;
  const text = sql.slice(lineStart).split("\n", 1)[0] ?? "";
  return { line: before.split("\n").length, column: before.length - lineStart + 1, text: text.trim().slice(0, 200) };
}

function placeInWords(place: SqlPlace): string {
  return `line ${place.line}, column ${place.column}`;
}

function parseEngineError(text: string): EngineError | undefined {
  try {
    const parsed: unknown = JSON.parse(text.replace(/^[^{]*: (?=\{"exception_type")/, "")); // the parser's come with a prefix
    // DuckDB's own JSON; the two fields that are read always are checked
    if (parsed !== null && typeof parsed === "object" && "exception_message" in parsed && "exception_type" in parsed) return parsed as EngineError;
  } catch {
    // not every error comes as JSON, such as those of the bindings
  }
  const plain = /^([A-Z][\w ]*?) Error: ([\s\S]*)$/.exec(text);
  return plain === null ? undefined : { exception_type: plain[1]!, exception_message: plain[2]! };
}

/** What is damaged rather than wrongly asked for: the words of DuckDB's Parquet reader. */
function isDamagedFile(type: string, message: string): boolean {
  if (/No magic bytes found|too small to be a Parquet file|is not a Parquet file|Decompression failure|Corrupt|corrupted/i.test(message)) return true;
  if (/^Failed to read file "[^"]*\.parquet"/.test(message)) return true;
  // The thrift decoder of footers and page headers throws these, without the name of the file.
  if (type === "Invalid" || /TProtocolException|don't know what type|Invalid data|No more data to read|Out of buffer|MaxMessageSize/i.test(message)) {
    return /Invalid|IO|TProtocol|Unknown/.test(type);
  }
  return false;
}

/** Without DuckDB's advice (settings that are ours, extensions to download), and without its lists of candidates. */
function withoutAdvice(message: string): string {
  return message
    .split(/\n\nPlease try installing|\n\tCandidate functions:|\n\nAlternatively|\n\nPossible solutions/)[0]!
    .trim()
    .replace(/\.$/, "");
}

function hintFor(engine: EngineError): { hint?: string } {
  if (engine.exception_type === "Out of Memory")
    return { hint: "Give the warehouse more memory (`warehouse.memoryLimitMb`) or make the query smaller." };
  if (engine.exception_type === "Missing Extension") return { hint: "The warehouse reads local files only; fetch the data first, as a source does." };
  return {};
}
