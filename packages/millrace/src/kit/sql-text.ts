/** Pieces of SQL text that cannot break out of their place. */

/** An identifier in double quotes, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal in single quotes, whatever it contains. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
