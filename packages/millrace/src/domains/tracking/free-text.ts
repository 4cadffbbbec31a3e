import { decimalText, type RunColumns, type TextColumn } from "./run-columns.ts";

const attributes = ["id", "name", "note", "experimentName"] as const;

/** One byte per run: 1 where its id, name, note, experiment, or the value of a param or tag has the text, in any case. */
export function matchFreeText(columns: RunColumns, text: string): Uint8Array {
  const wanted = new RegExp(text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "iu"); // a literal: it cannot backtrack
  const bits = new Uint8Array(columns.size);
  const inDecimals = decimalText.test(text);
  for (const column of searched(columns)) {
    if (column.decimal && !inDecimals) continue;
    const verdicts = Uint8Array.from(column.levels, (level) => (wanted.test(level) ? 1 : 0)); // once a distinct text
    if (!verdicts.includes(1)) continue;
    for (let slot = 0; slot < bits.length; slot++) if (bits[slot] === 0) bits[slot] = verdicts[column.code(slot)] ?? 0;
  }
  return bits;
}

function searched(columns: RunColumns): TextColumn[] {
  const found = [
    ...attributes.map((key) => columns.column("attribute", key)),
    ...columns.keys("param").map((key) => columns.column("param", key)),
    ...columns.keys("tag").map((key) => columns.column("tag", key)),
  ];
  return found.filter((column) => column?.kind === "text");
}
