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
  return /(^|[a-z])(started|ended|finished|created|updated|at|from|until|time|timestamp)Ms$/i.test(column);
}

function cell(column: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && isTime(column)) return new Date(value).toISOString().replace("T", " ").slice(0, 19);
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en-US") : String(Number(value.toPrecision(5)));
  const text = typeof value === "object" ? JSON.stringify(value) : String(value); // oxlint-disable-line typescript/no-base-to-string -- of what is left
  return text.replaceAll(/\p{Cc}/gu, " "); // a value must not move the cursor
}
