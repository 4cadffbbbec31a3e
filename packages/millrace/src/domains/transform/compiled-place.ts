import { AppError } from "#kit/app-error";
import { closeNames } from "#kit/close-names";
import type { CompiledSql } from "./compile.ts";
import { templateError, type TemplatePosition } from "./jinja-source.ts";

/** The place in the template that wrote a place of the compiled SQL, both from 1. Text of the template maps exactly; text of an expression to the expression. */
function templatePlace(compiled: CompiledSql, line: number, column: number): TemplatePosition | undefined {
  const lines = compiled.sql.split("\n");
  if (line < 1 || line > lines.length) return undefined;
  const offset = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
  let start = 0;
  for (const piece of compiled.pieces) {
    const end = start + piece.text.length;
    if (offset < end || (offset === compiled.sql.length && end === offset)) {
      const verbatim = piece.source.text.startsWith(piece.text, piece.at); // the template's own text, not what an expression gave
      return { source: piece.source, at: verbatim ? piece.at + (offset - start) : piece.at };
    }
    start = end;
  }
  return undefined;
}

/**
 * Turns the engine's complaint about compiled SQL into one about the template: its file and line, the engine's words, and the name
 * that was probably meant. `names` are the columns and relations in reach. Other errors pass through.
 */
export function modelSqlError(compiled: CompiledSql, thrown: unknown, names: { columns: string[]; database?: string }): unknown {
  if (!(thrown instanceof AppError) || thrown.code !== "sql_error") return thrown;
  const { line, column, text } = thrown.details ?? {};
  const own = ownLine(compiled.sql, line, text);
  const place = own === undefined || typeof column !== "number" ? undefined : templatePlace(compiled, own, column);
  const message = ownWords(thrown.message, names.database);
  const hint = thrown.hint ?? hintFor(message, names.columns);
  if (place !== undefined) return templateError(place, message, { ...(hint !== undefined && { hint }), cause: thrown });
  return new AppError("sql_error", `${compiled.file}: ${message}`, {
    ...(hint !== undefined && { hint }),
    cause: thrown,
    details: { file: compiled.file, reason: message },
  });
}

/** The line of our SQL that the engine means. A statement around ours moves lines, but the line's own text stays. */
function ownLine(sql: string, line: unknown, text: unknown): number | undefined {
  const lines = sql.split("\n").map((content) => content.trim().slice(0, 200));
  if (typeof line === "number" && lines[line - 1] === text) return line;
  const first = lines.findIndex((content) => content === text);
  return first < 0 || lines.lastIndexOf(String(text)) !== first ? undefined : first + 1;
}

/** Without the position in the compiled SQL and the name of the build's own database, which mean nothing to the reader. */
function ownWords(message: string, database: string | undefined): string {
  const words = message.replace(/^(\w[\w ]*error) at line \d+, column \d+:/, "$1:").replace(/\nLINE \d+:[\s\S]*$/, "");
  return database === undefined ? words : words.replaceAll(`"${database}".`, "").replaceAll(`${database}.`, "");
}

function hintFor(message: string, columns: string[]): string | undefined {
  const candidates = /Candidate bindings: (.*)/
    .exec(message)?.[1]
    ?.match(/"([^"]+)"/g)
    ?.map((quoted) => quoted.slice(1, -1).replace(/^.*\./, ""));
  const wanted =
    /Referenced column "([^"]+)"/.exec(message)?.[1] ??
    /does not have a column named "([^"]+)"/.exec(message)?.[1] ??
    /column named "([^"]+)"/.exec(message)?.[1];
  if (wanted !== undefined) {
    const close = closeNames(wanted, [...(candidates ?? []), ...columns]);
    return close.length === 0 ? undefined : `Did you mean ${close.map((name) => `\`${name}\``).join(" or ")}?`;
  }
  const table = /Table with name "?([\w.]+?)"? does not exist/.exec(message)?.[1];
  if (table !== undefined) return `Name models by {{ ref('${table}') }} and sources by {{ source('…', '${table}') }}.`;
  return undefined;
}
