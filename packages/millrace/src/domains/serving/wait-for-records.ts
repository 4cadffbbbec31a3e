import type { Stream } from "#ports/stream";

/** Resolves once one of the topics (partition 0) has a record at or after its offset, or the signal comes. */
export async function waitForRecords(stream: Stream, positions: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
  const found = new AbortController();
  const until = AbortSignal.any([signal, found.signal]);
  try {
    await Promise.race(
      [...positions].map(async ([topic, from]) => {
        for await (const _ of stream.read(topic, { from, follow: true, signal: until, maxRecords: 1 })) return;
        if (!until.aborted) await new Promise((resolve) => until.addEventListener("abort", resolve, { once: true })); // the log was closed
      }),
    );
  } finally {
    found.abort();
  }
}
