/**
 * Up to three known names that a mistyped dotted one may have meant, nearest first. A name given without its schema or table
 * (`flights.delay`, `delay`) finds the full ones that end in it; otherwise a quarter of the letters may be off.
 */
export function similarNames(name: string, known: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  const scored: { candidate: string; distance: number }[] = [];
  for (const candidate of known) {
    const text = candidate.toLowerCase();
    const distance =
      text.endsWith(`.${wanted}`) || text.startsWith(`${wanted}@`) || wanted.startsWith(`${text}@`) ? 0.5 : boundedDistance(wanted, text, limit);
    if (distance <= limit) scored.push({ candidate, distance });
  }
  return scored
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Levenshtein distance, or something above `limit` as soon as it must be greater: graphs have many thousands of names. */
function boundedDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      row.push(cost);
      if (cost < best) best = cost;
    }
    if (best > limit) return limit + 1;
    previous = row;
  }
  return previous[b.length]!;
}
