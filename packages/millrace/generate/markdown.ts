/** First line of every generated page. */
export const notice = "<!-- Made by `npm run generate`; do not edit. -->\n\n";

/** A table; pipes and line ends in cells are escaped. */
export function markdownTable(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`).replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Text as code, or nothing. */
export function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}
