import { afterEach, beforeEach, expect, it } from "vitest";
import type { ReadOptions, Stream, StreamInput, StreamRecord } from "#ports/stream";

/** A place for one stream: `open` again after `close` finds what was written. */
export interface StreamPlace {
  open(): Promise<Stream>;
  dispose(): Promise<void>;
}

/** What every stream must do; `place` gives an empty one. */
export function streamContract(place: () => Promise<StreamPlace>): void {
  let home: StreamPlace;
  let stream: Stream;
  beforeEach(async () => {
    home = await place();
    stream = await home.open();
  });
  afterEach(async () => {
    await stream.close();
    await home.dispose();
  });
  const reopen = async () => {
    await stream.close();
    stream = await home.open();
  };
  const values = async (topic: string, options: Partial<ReadOptions> = {}) =>
    (await readRecords(stream, topic, options)).map((record) => record.value.toString());
  const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ value: `v${from + i}` }));

  it("gives back key, value, time and headers as they were appended", async () => {
    await stream.createTopic("t");
    const input: StreamInput[] = [
      { key: "k", value: "plain", timeMs: 1_000.5, headers: { model: "late@3", empty: "" } },
      { value: new Uint8Array([0, 255]), timeMs: 2_000 },
      { key: new Uint8Array(), value: "", timeMs: 3_000 },
      { key: "ключ", value: "ü🙂", timeMs: 4_000, headers: { ü: "🙂" } },
    ];
    expect(await stream.append("t", input)).toEqual([{ partition: 0, firstOffset: 0, count: 4 }]);
    for (const look of [async () => undefined, reopen]) {
      await look();
      const records = await readRecords(stream, "t");
      expect(records.map(({ offset, timeMs, headers }) => ({ offset, timeMs, headers }))).toEqual([
        { offset: 0, timeMs: 1_000.5, headers: { model: "late@3", empty: "" } },
        { offset: 1, timeMs: 2_000, headers: undefined },
        { offset: 2, timeMs: 3_000, headers: undefined },
        { offset: 3, timeMs: 4_000, headers: { ü: "🙂" } },
      ]);
      expect(records.map(({ key }) => key?.toString())).toEqual(["k", undefined, "", "ключ"]);
      expect(records.map(({ value }) => value.toString("hex"))).toEqual([
        Buffer.from("plain").toString("hex"),
        "00ff",
        "",
        Buffer.from("ü🙂").toString("hex"),
      ]);
    }
  });

  it("reads from an offset, from both ends and up to a limit", async () => {
    await stream.createTopic("t");
    for (let i = 0; i < 30; i += 3) await stream.append("t", numbered(i, i + 3));
    expect(await values("t")).toEqual(numbered(0, 30).map(({ value }) => value));
    expect(await values("t", { from: 28 })).toEqual(["v28", "v29"]);
    expect(await values("t", { from: 4, until: 7 })).toEqual(["v4", "v5", "v6"]);
    expect(await values("t", { from: "end" })).toEqual([]);
    expect(await values("t", { from: 30 })).toEqual([]);
    const sizes: number[] = [];
    let next = 0;
    for await (const batch of stream.read("t", { from: "first", maxRecords: 4 })) {
      expect(batch.records[0]!.offset).toBe(next);
      sizes.push(batch.records.length);
      next = batch.nextOffset;
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
    expect(next).toBe(30);
    await expect(values("t", { from: 31 })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("finds the first record at or after a time, also where times are not in order", async () => {
    await stream.createTopic("t");
    const times = [10, 30, 20, 40, 35, 60];
    for (const timeMs of times) await stream.append("t", [{ value: String(timeMs), timeMs }]);
    for (let timeMs = 0; timeMs <= 61; timeMs++) {
      const first = times.findIndex((time) => time >= timeMs);
      expect(await values("t", { from: { timeMs } })).toEqual(first < 0 ? [] : times.slice(first).map(String));
    }
  });

  it("keeps all records of a key in one partition, in order", async () => {
    await stream.createTopic("t", { partitions: 4 });
    const records = Array.from({ length: 200 }, (_, i) => ({ key: `key-${i % 20}`, value: String(i) }));
    await stream.append("t", records.slice(0, 90));
    await stream.append("t", records.slice(90));
    await stream.append("t", [{ value: "by number", partition: 3 }]);
    const partitionsOfKey = new Map<string, Set<number>>();
    let count = 0;
    for (let partition = 0; partition < 4; partition++) {
      const last = new Map<string, number>();
      for (const { key, value } of await readRecords(stream, "t", { partition })) {
        count++;
        if (!key) {
          expect(partition).toBe(3);
          continue;
        }
        const name = key.toString();
        partitionsOfKey.set(name, (partitionsOfKey.get(name) ?? new Set()).add(partition));
        expect(Number(value)).toBeGreaterThan(last.get(name) ?? -1);
        last.set(name, Number(value));
      }
    }
    expect(count).toBe(201);
    expect([...partitionsOfKey.values()].map((partitions) => partitions.size)).toEqual(Array(20).fill(1));
    expect(new Set([...partitionsOfKey.values()].flatMap((partitions) => [...partitions])).size).toBe(4);
  });

  it("keeps groups' offsets and knows their lag", async () => {
    await stream.createTopic("t", { partitions: 2 });
    await stream.append(
      "t",
      [0, 0, 0, 1].map((partition) => ({ value: "v", partition })),
    );
    expect(await stream.groups("g")).toEqual([]);
    await stream.commitOffsets("g", [{ topic: "t", partition: 0, offset: 2 }]);
    await stream.commitOffsets("h", [{ topic: "t", partition: 1, offset: 0 }]);
    await reopen();
    expect(await stream.groups("g")).toEqual([{ group: "g", topic: "t", partition: 0, offset: 2, lag: 1 }]);
    expect((await stream.groups()).map(({ group, lag }) => [group, lag]).sort()).toEqual([
      ["g", 1],
      ["h", 1],
    ]);
    expect(await values("t", { from: { group: "g" } })).toHaveLength(1);
    expect(await values("t", { from: { group: "nobody" } })).toHaveLength(3);
    await expect(stream.commitOffsets("g", [{ topic: "t", partition: 0, offset: 4 }])).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("appends to several topics, commits offsets and keeps a state in one step", async () => {
    for (const topic of ["in", "out", "rejected"]) await stream.createTopic(topic);
    await stream.append("in", numbered(0, 5));
    const producer = await stream.openProducer("scorer");
    expect(producer.state).toBeUndefined();
    const appended = await producer.commit({
      append: [
        { topic: "out", records: numbered(0, 4) },
        { topic: "rejected", records: numbered(4, 5) },
      ],
      offsets: { group: "scorer", positions: [{ topic: "in", partition: 0, offset: 5 }] },
      ...(stream.capabilities.maxStateBytes > 0 && { state: Buffer.from("five") }),
    });
    expect(appended).toEqual([[{ partition: 0, firstOffset: 0, count: 4 }], [{ partition: 0, firstOffset: 0, count: 1 }]]);
    await reopen();
    expect(await values("out")).toEqual(["v0", "v1", "v2", "v3"]);
    expect(await values("rejected")).toEqual(["v4"]);
    expect(await stream.groups("scorer")).toMatchObject([{ offset: 5, lag: 0 }]);
    const again = await stream.openProducer("scorer");
    expect(again.epoch).toBeGreaterThan(producer.epoch);
    if (stream.capabilities.maxStateBytes > 0) expect(again.state?.toString()).toBe("five");
  });

  it("does nothing of a transaction of which one part cannot be done", async () => {
    await stream.createTopic("out");
    const producer = await stream.openProducer("scorer");
    const parts = [
      {
        append: [
          { topic: "out", records: numbered(0, 1) },
          { topic: "missing", records: numbered(0, 1) },
        ],
      },
      {
        append: [
          { topic: "out", records: numbered(0, 1) },
          { topic: "out", records: [{ value: "v", partition: 9 }] },
        ],
      },
      { append: [{ topic: "out", records: numbered(0, 1) }], offsets: { group: "g", positions: [{ topic: "missing", partition: 0, offset: 0 }] } },
    ];
    for (const transaction of parts) {
      const error = await producer.commit(transaction).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: expect.stringMatching(/^(not_found|invalid_argument)$/) });
    }
    expect(await values("out")).toEqual([]);
    expect(await stream.groups("g")).toEqual([]);
  });

  it("fences a producer whose id was opened again", async () => {
    await stream.createTopic("out");
    const zombie = await stream.openProducer("scorer");
    const other = await stream.openProducer("another");
    const heir = await stream.openProducer("scorer");
    await expect(zombie.commit({ append: [{ topic: "out", records: numbered(0, 1) }] })).rejects.toMatchObject({ code: "conflict" });
    await heir.commit({ append: [{ topic: "out", records: numbered(1, 2) }] });
    await other.commit({ append: [{ topic: "out", records: numbered(2, 3) }] });
    await expect(zombie.commit({ append: [{ topic: "out", records: numbered(0, 1) }] })).rejects.toMatchObject({ code: "conflict" });
    expect(await values("out")).toEqual(["v1", "v2"]);
  });

  it("stores an append with a number once, however often it is repeated", async () => {
    await stream.createTopic("t");
    const send = (number: number) => stream.append("t", numbered(number * 2, number * 2 + 2), { sequence: { producer: "p", number } });
    if (!stream.capabilities.sequencedAppends) {
      await expect(send(0)).rejects.toMatchObject({ code: "unsupported" });
      return;
    }
    const first = await send(0);
    expect(await Promise.all([send(1), send(1), send(0)])).toEqual([
      [{ partition: 0, firstOffset: 2, count: 2 }],
      [{ partition: 0, firstOffset: 2, count: 2 }],
      first,
    ]);
    await expect(send(3)).rejects.toMatchObject({ code: "conflict" });
    await reopen();
    expect(await send(0)).toEqual(first);
    expect(await send(1)).toEqual([{ partition: 0, firstOffset: 2, count: 2 }]);
    for (let number = 2; number < 12; number++) await send(number);
    expect(await send(0)).toEqual([]);
    expect(await values("t")).toEqual(numbered(0, 24).map(({ value }) => value));
  });

  it("follows the end: records come as they are appended, and a signal ends it", async () => {
    await stream.createTopic("t");
    await stream.append("t", numbered(0, 2));
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const batch of stream.read("t", { from: "first", follow: true, signal: stop.signal })) {
        seen.push(...batch.records.map((record) => record.value.toString()));
        if (seen.length < 8) await stream.append("t", numbered(seen.length, seen.length + 2));
        else setImmediate(() => stop.abort());
      }
    })();
    await reading;
    expect(seen).toEqual(numbered(0, 8).map(({ value }) => value));
  });

  it("follows from the end without what came before", async () => {
    await stream.createTopic("t");
    await stream.append("t", numbered(0, 5));
    const reader = stream.read("t", { from: "end", follow: true })[Symbol.asyncIterator]();
    const next = reader.next();
    const other = stream.read("t", { from: 5, follow: true, until: 6 })[Symbol.asyncIterator]();
    const otherNext = other.next();
    await new Promise(setImmediate);
    await stream.append("t", numbered(5, 7));
    expect((await next).value.records.map((record: StreamRecord) => record.offset)).toEqual([5, 6]);
    expect((await otherNext).value.nextOffset).toBe(6);
    expect((await other.next()).done).toBe(true);
    await reader.return?.();
  });

  it("ends all following when it is closed", async () => {
    await stream.createTopic("t");
    const reader = stream.read("t", { from: "first", follow: true })[Symbol.asyncIterator]();
    const next = reader.next();
    await new Promise(setImmediate);
    await stream.close();
    expect((await next).done).toBe(true);
    stream = await home.open();
  });

  it("truncates: what is before the offset cannot be read, the rest can, offsets go on", async () => {
    await stream.createTopic("t");
    await stream.append("t", numbered(0, 10));
    await stream.commitOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]);
    await stream.truncateBefore("t", 0, 4);
    await stream.truncateBefore("t", 0, 2);
    expect((await stream.topics(["t"]))[0]!.partitions).toMatchObject([{ partition: 0, firstOffset: 4, endOffset: 10 }]);
    expect((await values("t")).at(0)).toBe("v4");
    await expect(values("t", { from: 3 })).rejects.toMatchObject({ code: "not_found" });
    expect(await stream.groups("g")).toMatchObject([{ offset: 1, lag: 6 }]);
    await expect(stream.truncateBefore("t", 0, 11)).rejects.toMatchObject({ code: "invalid_argument" });
    await stream.truncateBefore("t", 0, 10);
    await reopen();
    expect(await values("t")).toEqual([]);
    expect(await stream.append("t", numbered(10, 11))).toEqual([{ partition: 0, firstOffset: 10, count: 1 }]);
    expect(await values("t")).toEqual(["v10"]);
    expect(await values("t", { from: { timeMs: 0 } })).toEqual(["v10"]);
  });

  it("lists topics with what they hold", async () => {
    await stream.createTopic("b", { partitions: 2, retentionMs: 1e12 });
    await stream.createTopic("a");
    await stream.createTopic("b", { partitions: 2, retentionBytes: 1e9 });
    await stream.append("a", numbered(0, 3));
    const topics = await stream.topics();
    expect(topics.map(({ name, partitions }) => [name, partitions.map((p) => [p.firstOffset, p.endOffset])])).toEqual([
      ["a", [[0, 3]]],
      [
        "b",
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ]);
    expect(topics[1]).toMatchObject({ retentionBytes: 1e9 });
    expect(topics[1]).not.toHaveProperty("retentionMs");
    if (stream.capabilities.sizes) expect(topics[0]!.partitions[0]!.sizeBytes).toBeGreaterThan(6);
  });

  it("refuses what cannot be, naming it", async () => {
    await stream.createTopic("t");
    const refused: [() => Promise<unknown>, string, RegExp][] = [
      [() => stream.append("missing", [{ value: "v" }]), "not_found", /missing.*t/],
      [() => stream.topics(["missing"]), "not_found", /missing/],
      [() => stream.read("missing", { from: 0 })[Symbol.asyncIterator]().next(), "not_found", /missing/],
      [() => stream.read("t", { from: 0, partition: 1 })[Symbol.asyncIterator]().next(), "not_found", /partition 1/],
      [() => stream.createTopic("a/b"), "invalid_argument", /a\/b/],
      [() => stream.createTopic("p", { partitions: 0 }), "invalid_argument", /partitions/],
      [() => stream.createTopic("t", { partitions: 2 }), "conflict", /1 partition/],
      [() => stream.append("t", [{ value: "v" }, { value: "v", timeMs: Number.NaN }]), "invalid_argument", /Record 1/],
      [() => stream.append("t", [{ value: "v", partition: 1 }]), "invalid_argument", /partition 1/],
      [() => stream.append("t", [{ value: new Uint8Array(17 << 20) }]), "invalid_argument", /Record 0/],
    ];
    for (const [attempt, code, message] of refused) await expect(attempt()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await values("t")).toEqual([]);
  });

  it("lets many writers append at once without losing or mixing anything", async () => {
    await stream.createTopic("t");
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 20; i++)
        await stream.append(
          "t",
          [0, 1, 2].map((part) => ({ value: `${writer}/${i}/${part}` })),
        );
    });
    await Promise.all(writers);
    const all = await values("t");
    expect(all).toHaveLength(480);
    for (let writer = 0; writer < 8; writer++) {
      const own = all.filter((value) => value.startsWith(`${writer}/`));
      expect(own).toEqual(Array.from({ length: 60 }, (_, i) => `${writer}/${Math.floor(i / 3)}/${i % 3}`));
    }
    for (let i = 0; i < all.length; i += 3) expect([all[i + 1], all[i + 2]]).toEqual([all[i]!.replace(/.$/, "1"), all[i]!.replace(/.$/, "2")]);
  });
}

/** All records of a partition, from the oldest on unless told otherwise. */
export async function readRecords(stream: Stream, topic: string, options: Partial<ReadOptions> = {}): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  for await (const batch of stream.read(topic, { from: "first", ...options })) records.push(...batch.records);
  return records;
}
