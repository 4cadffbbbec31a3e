import { once } from "node:events";
import { rm } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendEvents } from "#domains/ingest";
import { fixedClock } from "#kit/clock";
import {
  answers,
  arrivals,
  dayMs,
  departed,
  departures,
  flightsSql,
  june,
  late,
  makeServingFolder,
  openServingCopy,
  streamFromMs,
  topics,
  traffic,
  trainVersion,
  type ServingProject,
} from "../../../../../tests/processes/serving-project.ts";
import { loadServedModel, openEndpoint, replayDays, scoreTable, type OpenEndpoint, type PredictionRecord, type ScoredBatch } from "./index.ts";

const flightCount = 12_000;
const perDay = flightCount / 10;
let template: string;
let project: ServingProject;
let endpoint: OpenEndpoint;

beforeAll(async () => {
  template = await makeServingFolder(flightCount, async (made) => {
    await trainVersion(made, { seed: 2, trees: 8 });
    await trainVersion(made, { features: { busy: traffic.at("destination"), from_origin: departed.at("origin") }, columns: ["origin", "distance"] });
    made.registry.champion = 1;
    await made.saveRegistry();
  });
});
afterAll(() => rm(template, { recursive: true }));
beforeEach(async () => {
  project = await openServingCopy(template);
});
afterEach(async () => {
  await endpoint?.close();
  await project.close();
});

const open = async () => (endpoint = await openEndpoint(project, late, topics));

/** Plays all days; `after` is called after each. */
async function play(after?: (index: number) => Promise<void>): Promise<void> {
  for await (const { index } of replayDays(project, june)) {
    await endpoint.advance();
    await after?.(index);
  }
}

/** Scores of the batch for all flights of June by flight, with the table as it stands once June has been brought into the lake. */
async function batchScores(version: number): Promise<Map<string, number>> {
  const present = Number((await project.warehouse.rows(`select count(*) as n from ${await project.lake.relation("models.flights")}`))[0]!["n"]);
  if (present < flightCount)
    await project.lake.append("models.flights", { sql: `select * from (${flightsSql(flightCount)}) where departed_at >= timestamp '2001-06-01'` });
  const model = await loadServedModel(project, await project.models.resolve(`late@${version}`));
  await scoreTable(project, {
    model,
    table: "models.flights",
    where: "departed_at >= timestamp '2001-06-01'",
    into: `v${version}`,
    rowsPerChunk: 700,
  });
  const table = await project.lake.columns(`predictions.v${version}`);
  const numbers = (name: string) => (table.columns.find((column) => column.name === name) as { values: Float64Array }).values;
  return new Map(Array.from(numbers("id"), (id, i) => [String(id), numbers("score")[i]!]));
}

const scoresOf = (records: PredictionRecord[]) => new Map(records.map((record) => [record.key, record.score]));

describe("an endpoint", () => {
  test("answers every departure once, with the numbers of the batch and of HTTP to the last bit", async () => {
    await open();
    await play();
    const records = await answers(project);
    expect(records.map((record) => record.key)).toEqual(Array.from({ length: 4 * perDay }, (_, i) => String(6 * perDay + i)));
    expect(new Set(records.map((record) => record.score)).size).toBeGreaterThan(500);
    expect(scoresOf(records)).toEqual(await batchScores(1));

    const last = records.slice(-perDay + 100);
    const rows: Record<string, unknown>[] = [];
    for await (const { records: events } of project.stream.read("departures", { from: 3 * perDay + 100 }))
      for (const { value } of events) rows.push(JSON.parse(value.toString()) as Record<string, unknown>);
    const { predictions, missing } = await endpoint.predict(rows, { record: false });
    expect(missing).toEqual([]);
    expect(predictions.map(({ score }) => score)).toEqual(last.map(({ score }) => score));
  });

  test("goes on from a checkpoint as if it had never stopped", async () => {
    await open();
    await play(async (index) => {
      if (index === 1) await endpoint.checkpoint();
      if (index !== 2) return;
      await endpoint.close(); // a checkpoint as well
      await open();
    });
    const whole = await answers(project);
    expect(whole).toHaveLength(4 * perDay);
    expect(scoresOf(whole)).toEqual(await batchScores(1));
  });

  test("opens from tables and topics where the checkpoint is damaged", async () => {
    await open();
    await play(async (index) => {
      if (index !== 1) return;
      await endpoint.close();
      for await (const { key } of project.blobs.list("checkpoints/")) {
        await project.blobs.delete(key);
        await project.blobs.put(key, Buffer.from("damaged"));
      }
      // What was kept of the stream is in the table by now, too: it must not count twice.
      await project.lake.append("models.flights", {
        sql: `select * from (${flightsSql(flightCount)}) where departed_at >= timestamp '2001-06-01' and landed_at < timestamp '2001-06-03'`,
      });
      await open();
    });
    const records = await answers(project);
    expect(records).toHaveLength(4 * perDay);
    await project.lake.replace("models.flights", { sql: flightsSql(flightCount) });
    expect(scoresOf(records)).toEqual(await batchScores(1));
  });

  test("answers with a promoted version from the next batch on, and with the one before beside it", async () => {
    await open();
    const batches: ScoredBatch[] = [];
    endpoint.onBatch((batch) => void batches.push(batch));
    await play(async (index) => {
      if (index !== 1) return;
      project.registry.champion = 2;
      expect(await endpoint.reload()).toEqual({ changed: true, version: 2, previous: 1 });
      expect(await endpoint.reload()).toEqual({ changed: false, version: 2, previous: 2 });
    });
    const records = await answers(project);
    expect(records.map(({ version }) => version)).toEqual([...Array(2 * perDay).fill(1), ...Array(2 * perDay).fill(2)]);
    const [first, second] = [await batchScores(1), await batchScores(2)];
    for (const { key, version, score, shadow } of records) {
      expect(score).toBe((version === 1 ? first : second).get(key));
      expect(shadow).toEqual(version === 1 ? undefined : { version: 1, score: first.get(key) });
    }
    expect(batches.flatMap(({ predictions }) => predictions)).toEqual(records);
    expect(batches.flatMap(({ events }) => events).flatMap(({ events }) => events)).toHaveLength(4 * perDay);
    await endpoint.close();
    await open();
    expect(endpoint.status()).toMatchObject({ version: 2, shadow: 1 });
  });

  test("takes up a promotion in the middle of a long stream", async () => {
    const loaded = Promise.withResolvers<void>();
    let commits = 0;
    let reloaded: Promise<unknown> | undefined;
    endpoint = await openEndpoint(
      {
        ...project,
        stream: {
          ...project.stream,
          async openProducer(id) {
            const producer = await project.stream.openProducer(id);
            return {
              ...producer,
              async commit(transaction) {
                if (++commits === 3) {
                  project.registry.champion = 3; // with other features: they are built anew in between
                  reloaded = endpoint.reload();
                  await loaded.promise;
                  await setImmediate();
                }
                return producer.commit(transaction);
              },
            };
          },
        },
        adapters: project.adapters.map((adapter) => ({
          ...adapter,
          async load(bytes) {
            const model = await adapter.load(bytes);
            if (commits > 0) loaded.resolve();
            return model;
          },
        })),
      },
      late,
      topics,
    );
    for await (const _ of replayDays(project, june)); // everything waits
    await endpoint.advance();
    await reloaded;
    const records = await answers(project);
    expect(records.map((record) => record.key)).toEqual(Array.from({ length: 4 * perDay }, (_, i) => String(6 * perDay + i)));
    expect(new Set(records.map(({ version }) => version))).toEqual(new Set([1, 3]));
    const [first, third] = [await batchScores(1), await batchScores(3)];
    for (const { key, version, score } of records) expect(score).toBe((version === 1 ? first : third).get(key));
  });

  test("stays on its version when the new one cannot be loaded, and says why", async () => {
    await open();
    const { blob, version } = await project.models.resolve("late@2");
    const bytes: Uint8Array[] = [];
    for await (const chunk of await project.blobs.get(blob)) bytes.push(chunk);
    project.registry.champion = version;
    await project.blobs.delete(blob);
    await expect(endpoint.reload()).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("late v2 is gone") });
    const damaged = Buffer.concat(bytes);
    damaged[100]! ^= 1;
    await project.blobs.put(blob, damaged);
    await expect(endpoint.reload()).rejects.toMatchObject({ code: "corrupt_data", message: expect.stringContaining("late v2 is damaged") });
    expect(endpoint.status()).toMatchObject({ version: 1, problem: expect.stringContaining("late v2 cannot be loaded") });
    await play();
    expect(await answers(project)).toHaveLength(4 * perDay);
    await endpoint.close();
    await open(); // also a new process goes on with what it can load
    expect(endpoint.status()).toMatchObject({ version: 1, problem: expect.stringContaining("late v2 cannot be loaded") });
    await project.blobs.delete(blob);
    await project.blobs.put(blob, Buffer.concat(bytes));
    expect(await endpoint.reload()).toMatchObject({ changed: true, version: 2 });
    expect(endpoint.status().problem).toBeUndefined();
  });

  test("knows its model by the name that it has now, and another one that gets its name from it", async () => {
    await open();
    const { versions } = project.registry;
    versions[0] = { ...versions[0]!, name: "delays" };
    expect(await endpoint.reload()).toEqual({ changed: false, version: 1, previous: 1 });
    expect(endpoint.serving()).toMatchObject({ name: "delays", version: 1 });
    versions[0] = { ...versions[1]!, version: 1 };
    expect(await endpoint.reload()).toEqual({ changed: true, version: 1, previous: 1 });
    expect(endpoint.serving()).toMatchObject({ name: "late", digest: versions[1]!.digest });
    expect(endpoint.shadow()).toBeUndefined();
    await play();
    expect(await answers(project)).toHaveLength(4 * perDay);
  });

  test("counts a late event at its place and a repeated one once", async () => {
    await open();
    const flight = (id: number, departedMs: number, landedMs: number) => ({
      ...{ flight_id: id, origin: "SFO", destination: "LAX", distance: 337, hour: 1, delay: 50, late: true },
      ...{ departed_at: departedMs, landed_at: landedMs },
    });
    const ask = (id: number, atMs: number) => ({ flight_id: id, origin: "SFO", destination: "LAX", distance: 337, hour: 1, departed_at: atMs });
    const at = streamFromMs + 8 * 3_600_000;
    const landing = flight(900_001, at, at + 1_000_000);
    await appendEvents(project.stream, departures, [ask(900_001, at)]);
    await appendEvents(project.stream, arrivals, [landing, flight(900_002, at, at + 3_000_000), landing]);
    expect(await endpoint.advance()).toEqual({ answered: 1, events: 4, repeated: 1, rejected: 0 });
    await appendEvents(project.stream, arrivals, [flight(900_003, at, at + 2_000_000), landing]); // late, and repeated in another batch
    await appendEvents(project.stream, departures, [ask(900_004, at + 3_500_000), ask(900_004, at + 3_500_000)]);
    expect(await endpoint.advance()).toEqual({ answered: 1, events: 4, repeated: 2, rejected: 0 });
    const seen = (await answers(project)).map(
      ({ inputs }) => inputs[endpoint.serving().signature.inputs.findIndex(({ name }) => name === "from_origin__flights_1h")],
    );
    expect(seen[1]! - seen[0]!).toBeGreaterThan(0);
    await endpoint.close();
    await open();
    await appendEvents(project.stream, arrivals, [landing]);
    await appendEvents(project.stream, departures, [ask(900_005, at + 3_500_001)]);
    expect(await endpoint.advance()).toEqual({ answered: 1, events: 2, repeated: 1, rejected: 0 });
    const again = (await answers(project)).at(-1)!;
    expect(again.inputs[endpoint.serving().signature.inputs.findIndex(({ name }) => name === "from_origin__flights_1h")]).toBe(seen[1]);
  });

  test("puts events that it cannot use aside, with the reason, and goes on", async () => {
    await open();
    const at = streamFromMs;
    await project.stream.append("departures", [
      { value: "not json", key: "1", timeMs: at },
      { value: JSON.stringify({ flight_id: 2, origin: ["SFO"], destination: "LAX", distance: 1, hour: 1, departed_at: at }), key: "2", timeMs: at },
      { value: JSON.stringify({ flight_id: 3, origin: "SFO", destination: "LAX", distance: "far", hour: 1, departed_at: at }), key: "3", timeMs: at },
      {
        value: JSON.stringify({ flight_id: 4, origin: "SFO", destination: "LAX", distance: 1, hour: 1, departed_at: at - 30 * dayMs }),
        key: "4",
        timeMs: at - 30 * dayMs,
      },
      { value: JSON.stringify({ flight_id: 5, origin: "SFO", destination: "LAX", distance: 1, hour: 1, departed_at: at }), key: "5", timeMs: at },
    ]);
    expect(await endpoint.advance()).toMatchObject({ answered: 1, events: 5 });
    expect((await answers(project)).map(({ key }) => key)).toEqual(["5"]);
    const reasons: string[] = [];
    for await (const { records } of project.stream.read(endpoint.rejected, { from: "first" }))
      for (const { headers } of records) reasons.push(`${headers!["offset"]} ${headers!["error"]}`);
    expect(reasons).toEqual([
      "0 Record 0 of topic departures is not a JSON object.",
      expect.stringContaining('1 `origin` is ["SFO"]'),
      expect.stringContaining('1 `origin` is ["SFO"]'),
      '2 Field distance is "far", but the model takes a number there.',
      expect.stringContaining("3 The event asks about 2001-05-02T00:00:00.000Z, but the features reach back to"),
    ]);
  });

  test("does not take an event of the far future for the present", async () => {
    const clock = fixedClock(streamFromMs + dayMs);
    endpoint = await openEndpoint({ ...project, clock }, late, topics);
    const event = (id: number, at: number) => ({ flight_id: id, origin: "SFO", destination: "LAX", distance: 1, hour: 1, departed_at: at });
    await appendEvents(project.stream, departures, [event(1, streamFromMs), event(2, streamFromMs + 400 * dayMs), event(3, streamFromMs + 5)]);
    await endpoint.advance();
    expect(endpoint.status().newestMs).toBe(streamFromMs + 5);
    expect(await answers(project)).toHaveLength(3);
  });

  test("follows events as they come until it is told to stop", async () => {
    await open();
    const stop = new AbortController();
    const answered = new EventTarget();
    endpoint.onBatch(({ predictions }) => void (predictions.length > 0 && answered.dispatchEvent(new Event("answer"))));
    const following = endpoint.follow(stop.signal);
    for (const id of [1, 2, 3]) {
      const next = once(answered, "answer");
      await appendEvents(project.stream, departures, [
        { flight_id: id, origin: "SFO", destination: "LAX", distance: 1, hour: 1, departed_at: streamFromMs + id },
      ]);
      await next;
    }
    stop.abort();
    await following;
    expect((await answers(project)).map(({ key }) => key)).toEqual(["1", "2", "3"]);
  });

  test("is taken over by who opens it next", async () => {
    const first = await open();
    await open();
    await appendEvents(project.stream, departures, [
      { flight_id: 1, origin: "SFO", destination: "LAX", distance: 1, hour: 1, departed_at: streamFromMs },
    ]);
    await expect(first.advance()).rejects.toMatchObject({ code: "conflict" });
    await expect(first.advance()).rejects.toMatchObject({ code: "unavailable", hint: expect.stringContaining("Open it again") });
    expect(first.usable()).toBe(false);
    expect(await endpoint.advance()).toMatchObject({ answered: 1 });
    expect(await answers(project)).toHaveLength(1);
  });

  test("refuses a model that takes what the events lack", async () => {
    const narrow = { ...departures, columns: { ...departures.columns } as Record<string, string> };
    delete narrow.columns["distance"];
    await expect(openEndpoint(project, { ...late, stream: { in: narrow, out: "late-predictions" } }, topics)).rejects.toMatchObject({
      code: "invalid_definition",
      message: 'Model late v1 takes distance, which events of topic departures lack, so endpoint "late" cannot answer with it.',
    });
  });
});
