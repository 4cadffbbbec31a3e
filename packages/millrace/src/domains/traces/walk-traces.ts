import type { TracesServices } from "./model.ts";
import type { TraceWithSpans } from "./read-trace.ts";
import { matching } from "./search-traces.ts";
import { spansOf } from "./span-bodies.ts";
import { parseTrace, type TraceRow } from "./store.ts";
import { compileSearch, type TraceCondition } from "./trace-filter.ts";

export interface TraceWalk {
  /** Ids; default: all. */
  experiments?: string[];
  /** All of them hold. */
  conditions?: TraceCondition[];
}

const rowsAtATime = 1_000;
/** Spans are read for fewer: they may be long. */
const tracesWithSpansAtATime = 50;

/** Every trace that meets the conditions, newest first, with its spans where they are wanted (none otherwise); a few are held at a time. */
export async function* walkTraces(
  services: TracesServices,
  { spans = false, experiments, conditions }: TraceWalk & { spans?: boolean },
): AsyncGenerator<TraceWithSpans> {
  const filter = compileSearch(experiments, conditions);
  let part: TraceRow[] = [];
  for await (const row of matching(services, filter, undefined, rowsAtATime)) {
    if (!spans) {
      yield { trace: parseTrace(row), spans: [] };
      continue;
    }
    part.push(row);
    if (part.length < tracesWithSpansAtATime) continue;
    yield* await withSpans(services, part);
    part = [];
  }
  if (part.length > 0) yield* await withSpans(services, part);
}

/** How many traces meet the conditions. */
export async function countTraces(services: TracesServices, { experiments, conditions }: TraceWalk): Promise<number> {
  let count = 0;
  for await (const _ of matching(services, compileSearch(experiments, conditions), undefined, rowsAtATime)) count++;
  return count;
}

async function withSpans(services: TracesServices, rows: TraceRow[]): Promise<TraceWithSpans[]> {
  const spans = await spansOf(
    services,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({ trace: parseTrace(row), spans: spans.get(row.id)! })); // asked for
}
