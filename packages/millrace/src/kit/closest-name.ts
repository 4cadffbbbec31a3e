/** The known name most like a mistyped one, whatever the case; undefined where more than a third of its letters would have to change. */
export function closestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let closest: string | undefined;
  for (const candidate of known) {
    const text = candidate.toLowerCase();
    if (Math.abs(text.length - wanted.length) >= least) continue;
    const distance = editDistance(wanted, text);
    if (distance < least) [least, closest] = [distance, candidate];
  }
  return closest;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    previous = row;
  }
  return previous[b.length]!;
}
