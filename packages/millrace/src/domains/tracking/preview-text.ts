import { textTable } from "#kit/text-table";
import type { Preview } from "./preview.ts";

/** A preview for a terminal. What a file holds cannot move the cursor or change colours. */
export function previewText(preview: Preview): string {
  if (preview.kind === "table") return tableText(preview);
  if (preview.kind === "text") return printable(`${preview.text}${preview.truncated ? "\n…" : ""}`);
  if (preview.kind === "model") return printable(preview.text);
  return Object.entries(preview)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${printable(Array.isArray(value) ? value.join(" × ") : String(value))}`)
    .join("\n");
}

function tableText({ columns, rows, rowCount, truncated, note }: Preview & { kind: "table" }): string {
  const titles = columns.map(({ name, type }) => printable(`${name} ${type}`));
  const table = textTable(
    rows.map((row) => Object.fromEntries(row.map((cell, i) => [titles[i]!, cell === null ? "" : printable(cell)]))),
    titles,
  );
  const count = rowCount !== undefined ? `${rowCount} rows` : truncated ? "and more rows" : undefined;
  return [table, ...(count === undefined ? [] : [count]), ...(note === undefined ? [] : [note])].join("\n");
}

function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced here
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}
