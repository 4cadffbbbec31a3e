import { AppError } from "#kit/app-error";

/** A template file's text with its name as people know it, such as `models/flights.sql`. Line ends are `\n`. */
export interface TemplateSource {
  file: string;
  text: string;
}

/** A place in a template: the offset of a character of its text. */
export interface TemplatePosition {
  source: TemplateSource;
  at: number;
}

export function templateSource(file: string, text: string): TemplateSource {
  return { file, text: text.replace(/\r\n?/g, "\n") };
}

/** Line and column of an offset, both from 1. */
function lineAndColumn(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, Math.max(0, at));
  const line = before.split("\n").length;
  return { line, column: before.length - before.lastIndexOf("\n") };
}

/** The line of a place with a caret below the column, as a compiler prints it. */
function caretExcerpt(text: string, line: number, column: number): string {
  const content = (text.split("\n")[line - 1] ?? "").replaceAll("\t", " ");
  const from = Math.max(0, column - 100); // a very long line shows the part around the caret
  const prefix = `${line} | `;
  return `${prefix}${content.slice(from, from + 140)}\n${" ".repeat(prefix.length + column - 1 - from)}^`;
}

/** A `sql_error` that names file, line and column of a template and shows the line. `details` has the same facts for programs. */
export function templateError(
  position: TemplatePosition,
  message: string,
  options: { hint?: string; cause?: unknown; within?: string[] } = {},
): AppError {
  const { source, at } = position;
  const { line, column } = lineAndColumn(source.text, at);
  const excerpt = caretExcerpt(source.text, line, column);
  const within = options.within ?? [];
  const trail = within.length === 0 ? "" : `\n${within.map((place) => `  in ${place}`).join("\n")}`;
  return new AppError("sql_error", `${source.file}:${line}:${column}: ${message}\n${excerpt}${trail}`, {
    ...(options.hint !== undefined && { hint: options.hint }),
    ...(options.cause !== undefined && { cause: options.cause }),
    details: { file: source.file, line, column, excerpt, reason: message },
  });
}
