/** Moments and lengths of time as a query writes them. */

export const dayMs = 86_400_000;
const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: dayMs, w: 7 * dayMs };
const length = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/i;
const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Milliseconds of `90s`, `1.5h` or `1h30m`; undefined for any other text. */
export function lengthMs(text: string): number | undefined {
  if (!length.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.toLowerCase().matchAll(/([\d.]+)(ms|[smhdw])/g)) ms += Number(count) * unitMs[unit!]!;
  return Math.round(ms);
}

/** First and last millisecond of a day (`2026-03-01`) or a moment (`2026-03-01T10:00`), in UTC unless it says otherwise; undefined for any other text. */
export function isoTime(text: string): { fromMs: number; toMs: number } | undefined {
  if (!iso.test(text)) return undefined;
  const zoned = text.length > 10 && !/(?:Z|[+-]\d{2}:?\d{2})$/i.test(text.slice(10)) ? `${text}Z` : text;
  const fromMs = Date.parse(zoned.replace(" ", "T"));
  const day = text.slice(0, 10);
  if (Number.isNaN(fromMs) || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day) return undefined; // 31 February
  return { fromMs, toMs: text.length === 10 ? fromMs + dayMs - 1 : fromMs };
}
