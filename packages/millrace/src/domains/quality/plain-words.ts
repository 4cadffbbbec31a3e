/** A number as a sentence shows it: four decimals below 100, fewer above, no trailing zeros; very small ones in scientific form. */
export function words(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.0001) return value.toExponential(1);
  return size >= 100 ? whole(value) : String(Number(value.toFixed(4)));
}

/** A count with thousands separated: 12,345. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** "1 row", "1,200 rows". */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** The first few names and how many more there are. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${whole(names.length - most)} more` : shown;
}
