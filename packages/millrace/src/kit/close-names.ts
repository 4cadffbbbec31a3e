/** The known name most like a mistyped one; undefined where none is near enough to be worth suggesting. */
export function closestName(name: string, known: Iterable<string>): string | undefined {
  return closeNames(name, known)[0];
}

/**
 * The known names like a mistyped one, nearest first, at most three. Case is ignored. A third of the letters may be off; a part that was
 * left out or added (`delay` for `flights.delay` or `arr_delay`, `late` for `late-arrival`, `model@4` for `model`) counts as one letter.
 */
export function closeNames(name: string, known: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const near: { candidate: string; distance: number }[] = [];
  for (const candidate of new Set(known)) {
    const distance = nearness(wanted, candidate.toLowerCase(), limit);
    if (distance <= limit) near.push({ candidate, distance });
  }
  return near
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function nearness(wanted: string, candidate: string, limit: number): number {
  if (wanted === candidate) return 0;
  const begins = wanted.length >= 3 && candidate.startsWith(wanted);
  if (begins || endsInPart(candidate, wanted) || beginsWithPart(wanted, candidate)) return 1;
  return editDistance(wanted, candidate, limit);
}

function endsInPart(whole: string, part: string): boolean {
  return part.length >= 3 && whole.endsWith(part) && "._".includes(whole.at(-part.length - 1)!);
}

function beginsWithPart(whole: string, part: string): boolean {
  return part.length >= 3 && whole.startsWith(part) && "_@".includes(whole[part.length]!);
}

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours count one each. Some number above
 * `limit` as soon as it must be greater, as a graph's names are many thousands.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > limit + 1) return limit + 1; // a swap looks back two rows
    [beforePrevious, previous] = [previous, row];
  }
  return previous[b.length]!;
}
