/**
 * Any text as one line of Markdown that shows that text and nothing else: no headings, tables, links, images, HTML or mentions come
 * of it, in CommonMark and in GitHub's dialect. For headings, list items and cells of tables.
 */
export function markdownLine(text: string): string {
  return escape(text.replaceAll(/\s+/g, " "));
}

/** Any text as a quotation that ends where the text ends; its lines and paragraphs are kept. */
export function markdownQuote(text: string): string {
  const lines = text
    .replaceAll(/\r\n?|[\u2028\u2029\v\f\u0085]/g, "\n")
    .trim()
    .split("\n");
  // Two spaces at a line's end keep the line; an empty line keeps the paragraph.
  return lines.map((line) => (line.trim() === "" ? ">" : `> ${escape(line)}  `)).join("\n");
}

function escape(line: string): string {
  return (
    line
      // Control characters, and those that turn the direction of what follows around.
      .replaceAll(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => (character === "\t" ? " " : ""))
      .trim()
      .replaceAll(/[\\`*[\]{}<>|~$&#@^]/g, "\\$&")
      // Within a word they are no emphasis, and names are full of them.
      .replaceAll(/(?<![\p{L}\p{N}_])_+|_+(?![\p{L}\p{N}_])/gu, (run) => run.replaceAll("_", "\\_"))
      // Addresses that would become links by themselves.
      .replaceAll(/:(?=\/\/)/g, "\\:")
      .replaceAll(/\b(www)\./gi, "$1\\.")
      // What begins a list, a rule or an underlined heading.
      .replace(/^(=|[-+](?=[-+\s]|$))/, "\\$&")
      .replace(/^(\d{1,9})([.)])(?=\s|$)/, "$1\\$2")
  );
}
