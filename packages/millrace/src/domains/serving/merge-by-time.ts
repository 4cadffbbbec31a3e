import { setImmediate } from "node:timers/promises";
import type { ReadOptions, Stream, StreamRecord } from "#ports/stream";

export interface MergeInput {
  topic: string;
  from: ReadOptions["from"];
  /** Stops before this offset. */
  until: number;
}

export interface MergedRecord {
  topic: string;
  record: StreamRecord;
}

interface Cursor {
  topic: string;
  batches: AsyncIterator<{ records: StreamRecord[] }>;
  records: StreamRecord[];
  at: number;
}

const recordsPerTurn = 1_024;

/**
 * The records of several topics (partition 0) in the order of their times; those of equal time in the order of the topics. Within
 * a topic records keep their order, even where an event came late. So the order depends on the topics and the offsets alone.
 * They come in lists of about a thousand, with a turn of the event loop after each.
 */
export async function* mergeByTime(stream: Stream, inputs: MergeInput[], signal?: AbortSignal): AsyncGenerator<MergedRecord[]> {
  const cursors: Cursor[] = [];
  const opened: Cursor[] = [];
  try {
    for (const { topic, from, until } of inputs) {
      if (typeof from === "number" && from >= until) continue;
      const batches = stream.read(topic, { from, until, ...(signal && { signal }) })[Symbol.asyncIterator]();
      const cursor = { topic, batches, records: [], at: 0 };
      opened.push(cursor);
      if (await fill(cursor)) cursors.push(cursor);
    }
    if (signal?.aborted) return;
    let list: MergedRecord[] = [];
    while (cursors.length > 0) {
      let first = cursors[0]!;
      for (let i = 1; i < cursors.length; i++) if (timeOf(cursors[i]!) < timeOf(first)) first = cursors[i]!;
      list.push({ topic: first.topic, record: first.records[first.at]! });
      if (++first.at === first.records.length && !(await fill(first))) {
        if (signal?.aborted) break; // a reading that was stopped looks like a topic's end: what follows would be out of order
        cursors.splice(cursors.indexOf(first), 1);
      }
      if (list.length < recordsPerTurn) continue;
      yield list;
      list = [];
      await setImmediate();
      if (signal?.aborted) return;
    }
    if (list.length > 0) yield list;
  } finally {
    for (const cursor of opened) await cursor.batches.return?.();
  }
}

function timeOf(cursor: Cursor): number {
  return cursor.records[cursor.at]!.timeMs;
}

async function fill(cursor: Cursor): Promise<boolean> {
  const { done, value } = await cursor.batches.next();
  if (done) return false;
  cursor.records = value.records;
  cursor.at = 0;
  return true;
}
