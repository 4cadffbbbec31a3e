import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openEmbeddedStream } from "#adapters/stream/embedded";
import { closestName } from "#kit/close-names";
import { systemClock } from "#kit/clock";
import { silentLog } from "#kit/log";
import { createExclusive } from "./exclusive.ts";
import { decodePrediction, encodePrediction, parsePredictionId, predictionId, type PredictionRecord } from "./index.ts";
import { mergeByTime } from "./merge-by-time.ts";
import { createRecentEvents } from "./recent-events.ts";

const number = fc.oneof(fc.double(), fc.constant(Number.NaN)).map(Math.fround);
const recordOf: fc.Arbitrary<PredictionRecord> = fc.record(
  {
    key: fc.string({ unit: "binary" }),
    timeMs: fc.integer(),
    version: fc.nat(),
    score: fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map(Math.fround)
      .filter((score) => Number.isFinite(score) && !Object.is(score, -0)),
    shadow: fc.record({ version: fc.nat(), score: fc.constantFrom(0, 0.25, Math.fround(0.1)) }),
    inputs: fc.array(number, { maxLength: 5 }).map((values) => Float32Array.from(values)),
    known: fc.array(fc.option(fc.integer()), { maxLength: 3 }),
    given: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    source: fc.constantFrom("stream" as const, "http" as const),
  },
  { requiredKeys: ["key", "timeMs", "version", "score", "inputs", "known", "source"] },
);

describe("a prediction's record", () => {
  test("is read back as it was written, to the bit", () => {
    fc.assert(
      fc.property(recordOf, (record) => {
        expect(decodePrediction(Buffer.from(encodePrediction(record)))).toEqual(record);
      }),
    );
  });

  test.each(["", "{", "[]", "{}", '{"k":1}'])("is not read from %j", (text) => {
    expect(() => decodePrediction(Buffer.from(text))).toThrow(/A record of the predictions' topic is not/);
  });

  test("has an id that says where it is", () => {
    expect(parsePredictionId(predictionId("late-arrival", 0, 1234))).toEqual({ endpoint: "late-arrival", partition: 0, offset: 1234 });
    for (const text of ["late", "late.0", "late.0.x", "late.0.1.2", ".0.1", "late.-1.0"])
      expect(() => parsePredictionId(text)).toThrow("is no prediction's id");
  });
});

describe("topics merged by time", () => {
  test("give the same order from wherever they are taken up again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-merge-"));
    const stream = await openEmbeddedStream({ folder, clock: systemClock, log: silentLog });
    try {
      let run = 0;
      const times = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 12 }), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(times, fc.nat(), async (topics, cut) => {
          const names = topics.map((_, i) => `t${run}-${i}`);
          run++;
          for (const [i, list] of topics.entries()) {
            await stream.createTopic(names[i]!);
            if (list.length > 0)
              await stream.append(
                names[i]!,
                list.map((timeMs, n) => ({ value: String(n), timeMs })),
              );
          }
          const ends = topics.map((list) => list.length);
          const merged = async (from: number[], until: number[]) => {
            const seen: { topic: string; offset: number; timeMs: number }[] = [];
            const inputs = names.map((topic, i) => ({ topic, from: from[i]!, until: until[i]! }));
            for await (const list of mergeByTime(stream, inputs))
              for (const { topic, record } of list) seen.push({ topic, offset: record.offset, timeMs: record.timeMs });
            return seen;
          };
          const whole = await merged(
            ends.map(() => 0),
            ends,
          );
          expect(whole).toEqual(bruteForce(names, topics));
          const first = whole.slice(0, cut % (whole.length + 1));
          const from = names.map((name) => first.filter(({ topic }) => topic === name).length);
          expect(await merged(from, ends)).toEqual(whole.slice(first.length));
        }),
        { numRuns: 40 },
      );
    } finally {
      await stream.close();
      await rm(folder, { recursive: true });
    }
  });

  test("end at once where the signal came", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-merge-"));
    const stream = await openEmbeddedStream({ folder, clock: systemClock, log: silentLog });
    await stream.createTopic("a");
    await stream.append("a", [{ value: "1" }]);
    for await (const _ of mergeByTime(stream, [{ topic: "a", from: 0, until: 1 }], AbortSignal.abort())) expect.unreachable("nothing may come");
    await stream.close();
    await rm(folder, { recursive: true });
  });
});

/** Always the topic whose next record is the earliest; of equal ones the first. */
function bruteForce(names: string[], topics: number[][]): { topic: string; offset: number; timeMs: number }[] {
  const at = topics.map(() => 0);
  const order: { topic: string; offset: number; timeMs: number }[] = [];
  for (;;) {
    let best = -1;
    topics.forEach((list, i) => {
      if (at[i]! < list.length && (best < 0 || list[at[i]!]! < topics[best]![at[best]!]!)) best = i;
    });
    if (best < 0) return order;
    order.push({ topic: names[best]!, offset: at[best]!, timeMs: topics[best]![at[best]!]! });
    at[best]!++;
  }
}

test("repeated events are noticed as far back as is promised, wherever the noticing began", () => {
  const event = fc.record({ key: fc.constantFrom("a", "b"), timeMs: fc.integer({ min: 0, max: 60 }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const reachMs = 10;
      const recent = createRecentEvents(reachMs);
      const kept: { key: string; timeMs: number }[] = [];
      let newest = -Infinity;
      for (const { key, timeMs } of events) {
        newest = Math.max(newest, timeMs);
        const isRepeated = timeMs >= newest - reachMs && kept.some((other) => other.key === key && other.timeMs === timeMs);
        expect(recent.add(key, timeMs)).toBe(!isRepeated);
        kept.push({ key, timeMs });
      }
    }),
  );
});

test("exclusive work is done in the order it was asked for, also after an error", async () => {
  const exclusive = createExclusive();
  const done: number[] = [];
  const first = exclusive.run(async () => {
    await Promise.resolve();
    done.push(1);
  });
  const second = exclusive.run(async () => {
    done.push(2);
    throw new Error("no");
  });
  const third = exclusive.run(async () => done.push(3));
  expect(exclusive.waiting()).toBe(2);
  await first;
  await expect(second).rejects.toThrow("no");
  await third;
  expect(done).toEqual([1, 2, 3]);
});

test("a mistyped name finds the one that was meant, or none", () => {
  const known = ["origin", "destination", "distance"];
  expect(closestName("orgin", known)).toBe("origin");
  expect(closestName("Distence", known)).toBe("distance");
  expect(closestName("weekday", known)).toBeUndefined();
});
