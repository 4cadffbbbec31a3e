import type { Preview } from "./preview.ts";

const delimiters = [",", "\t", ";", "|"];
const cellLength = 1_000;
const columnsAtMost = 1_000;

/** The beginning of a text as a table, where its lines have equally many fields (RFC 4180, with any of four delimiters); else undefined. */
export function previewCsv(head: string, { rows, truncated }: { rows: number; truncated: boolean }): Preview | undefined {
  let best: { delimiter: string; records: string[][]; more: boolean } | undefined;
  for (const delimiter of delimiters) {
    const { records, more } = readRecords(head, delimiter, rows + 1, truncated);
    const width = records[0]?.length ?? 0;
    if (records.length < 2 || width < 2 || width > columnsAtMost || records.some((record) => record.length !== width)) continue;
    if (best === undefined || width > best.records[0]!.length) best = { delimiter, records, more };
  }
  if (best === undefined) return undefined;
  const [first, ...rest] = best.records;
  const titled = first!.every((cell) => cell !== "" && typeOf(cell) === "text") && new Set(first).size === first!.length;
  const body = titled ? rest : best.records.slice(0, rows);
  return {
    kind: "table",
    format: "csv",
    delimiter: best.delimiter,
    columns: first!.map((cell, i) => ({
      name: titled ? cell.slice(0, cellLength) : `column${i + 1}`,
      type: columnType(body.map((record) => record[i]!)),
    })),
    rows: body.map((record) => record.map((cell) => (cell === "" ? null : cell.slice(0, cellLength)))),
    truncated: best.more || truncated,
  };
}

/** Records of a text; the last one is left out where the text is cut off and it may not be whole. */
function readRecords(text: string, delimiter: string, most: number, cutOff: boolean): { records: string[][]; more: boolean } {
  const records: string[][] = [];
  let record: string[] = [];
  let field = "";
  let quoted = false;
  let at = 0;
  const endRecord = () => {
    record.push(field);
    field = "";
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  };
  for (; at < text.length && records.length < most; at++) {
    const char = text[at]!;
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') field += text[++at];
      else quoted = false;
    } else if (char === '"' && field === "") quoted = true;
    else if (char === delimiter) {
      record.push(field);
      field = "";
    } else if (char === "\n") endRecord();
    else if (char !== "\r" || text[at + 1] !== "\n") field += char;
  }
  const more = records.length === most && at < text.length;
  if (!more && !cutOff && !quoted && (field !== "" || record.length > 0)) endRecord();
  return { records, more };
}

type CellType = "integer" | "number" | "boolean" | "time" | "text";

function columnType(cells: string[]): CellType {
  const types = new Set(cells.filter((cell) => cell !== "").map(typeOf));
  if (types.size === 1) return [...types][0]!;
  return types.size === 2 && types.has("integer") && types.has("number") ? "number" : "text";
}

function typeOf(cell: string): CellType {
  if (/^[-+]?\d{1,15}$/.test(cell)) return "integer";
  if (/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(cell) || /^(nan|[-+]?inf)$/i.test(cell)) return "number";
  if (/^(true|false)$/i.test(cell)) return "boolean";
  return /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[-+]\d{2}:?\d{2})?)?$/.test(cell) ? "time" : "text";
}
