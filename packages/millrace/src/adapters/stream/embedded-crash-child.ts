/**
 * For embedded-crash.test.ts: fills the topic "in" and copies it to "out", exactly once, until it is killed. After each acknowledged
 * step it prints `in <offset>` or `out <offset>`: how far the topic was then durable.
 */
import { writeSync } from "node:fs";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { openEmbeddedStream } from "./embedded.ts";

const appendSize = 7;
const limits = { segmentBytes: 20_000, journalBytes: 10_000 };
const stream = await openEmbeddedStream({ folder: process.argv[2]!, clock: systemClock, log: silentLog, limits });
for (const topic of ["in", "out"]) await stream.createTopic(topic);
await Promise.all([fill(), copy()]);

async function fill(): Promise<never> {
  const [input] = await stream.topics(["in"]);
  const stored = input!.partitions[0]!.endOffset / appendSize;
  // A producer that does not know whether its last appends were stored repeats them; up to three are on the way at a time.
  for (let number = Math.max(0, stored - 4); ; number += 3) {
    await Promise.all(
      [number, number + 1, number + 2].map((each) =>
        stream.append(
          "in",
          Array.from({ length: appendSize }, (_, i) => ({ value: `${each * appendSize + i}`.padEnd(150, ".") })),
          { sequence: { producer: "filler", number: each } },
        ),
      ),
    );
    writeSync(1, `in ${(number + 3) * appendSize}\n`);
  }
}

async function copy(): Promise<void> {
  const producer = await stream.openProducer("copier");
  for await (const { records, topic, partition, nextOffset } of stream.read("in", { from: { group: "copier" }, follow: true, maxRecords: 16 })) {
    await producer.commit({
      append: [{ topic: "out", records: records.map(({ value, timeMs }) => ({ value, timeMs, headers: { by: "copier" } })) }],
      offsets: { group: "copier", positions: [{ topic, partition, offset: nextOffset }] },
      state: Buffer.from(String(nextOffset)),
    });
    writeSync(1, `out ${nextOffset}\n`);
  }
}
