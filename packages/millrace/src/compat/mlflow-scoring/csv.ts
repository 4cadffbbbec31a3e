import { AppError } from "#kit/app-error";

/** Parses CSV as RFC 4180 has it (commas, double quotes, either line end). Throws `invalid_argument` naming the line. */
export function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const { field, end } = text[at] === '"' ? quotedField(text, at, line) : plainField(text, at);
    record.push(field);
    line += field.split("\n").length - 1;
    at = end;
    if (text[at] === ",") {
      at++;
      if (at === text.length) record.push("");
      continue;
    }
    if (text.startsWith("\r\n", at)) at += 2;
    else if (at < text.length && text[at] !== "\n")
      throw new AppError("invalid_argument", `Line ${line} of the CSV has text behind a closing quote.`);
    else at++;
    records.push(record);
    record = [];
    line++;
  }
  if (record.length > 0) records.push(record);
  return records;
}

function plainField(text: string, at: number): { field: string; end: number } {
  let end = at;
  while (end < text.length && text[end] !== "," && text[end] !== "\n" && !text.startsWith("\r\n", end)) end++;
  return { field: text.slice(at, end), end };
}

function quotedField(text: string, at: number, line: number): { field: string; end: number } {
  for (let end = at + 1; ; end += 2) {
    end = text.indexOf('"', end);
    if (end < 0) throw new AppError("invalid_argument", `Line ${line} of the CSV has a quote that does not end.`);
    if (text[end + 1] !== '"') return { field: text.slice(at + 1, end).replaceAll('""', '"'), end: end + 1 };
  }
}
