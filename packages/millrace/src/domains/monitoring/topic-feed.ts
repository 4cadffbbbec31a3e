import { setImmediate } from "node:timers/promises";
import type { Log } from "#kit/log";
import type { Stream, StreamRecord } from "#ports/stream";

/** A record on its way into the monitor. */
export interface Fed {
  offset: number;
  timeMs: number;
}

/**
 * Records of one topic (partition 0), each once and in order, from two sides: handed over as they are recorded, which saves
 * decoding them again, or read from the log.
 */
export interface TopicFeed<Item extends Fed> {
  /** Offset after the last record that was taken in. */
  readonly next: number;
  /** Takes records that stand at `firstOffset` and after it without gaps. */
  offer(firstOffset: number, items: readonly Item[]): void;
  /** There are records up to this offset. */
  reaches(end: number): void;
  /** Reads what is missing. */
  fill(): Promise<void>;
  /** Removes and returns what has been taken in, of times before a moment and, where given, of offsets before `to`. */
  before(timeMs: number, to?: number): Item[];
  /** What has been taken in and not removed. */
  readonly waiting: readonly Item[];
}

export function createTopicFeed<Item extends Fed>(options: {
  stream: Stream;
  topic: string;
  from: number;
  decode: (record: StreamRecord) => Item;
  log: Log;
}): TopicFeed<Item> {
  const { stream, topic, decode, log } = options;
  let next = options.from;
  let end = options.from;
  let waiting: Item[] = [];
  return {
    get next() {
      return next;
    },
    get waiting() {
      return waiting;
    },
    offer(firstOffset, items) {
      if (firstOffset === next && end === next) {
        for (const item of items) waiting.push(item);
        next += items.length;
      }
      end = Math.max(end, firstOffset + items.length, next);
    },
    reaches(offset) {
      end = Math.max(end, offset);
    },
    async fill() {
      if (next >= end) return;
      const [info] = await stream.topics([topic]);
      const first = info?.partitions[0]?.firstOffset ?? 0;
      if (first > next) log.warn("records were dropped before they could be monitored", { topic, from: next, until: first });
      for await (const batch of stream.read(topic, { from: Math.max(next, first), until: end })) {
        for (const record of batch.records) waiting.push(decode(record));
        next = batch.nextOffset;
        await setImmediate(); // decoding a batch takes some milliseconds; others get their turn
      }
      next = end; // a log may leave gaps where transactions ended
    },
    before(timeMs, to = Infinity) {
      const wanted = (item: Item) => item.timeMs < timeMs && item.offset < to;
      const taken = waiting.filter(wanted);
      if (taken.length > 0) waiting = waiting.filter((item) => !wanted(item));
      return taken;
    },
  };
}
