import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  answers,
  dayMs,
  late,
  makeServingFolder,
  openServingCopy,
  streamFromMs,
  topics,
  trainVersion,
  type ServingProject,
} from "../../../../../tests/processes/serving-project.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";
import {
  createEndpointDesk,
  openEndpoint,
  parsePredictionId,
  servingRoutes,
  type EndpointDesk,
  type OpenEndpoint,
  type ScoredBatch,
} from "./index.ts";

let template: string;
let project: ServingProject;
let endpoint: OpenEndpoint;

beforeAll(async () => {
  template = await makeServingFolder(4_000, (made) => trainVersion(made, { seed: 3 }).then(() => undefined));
  project = await openServingCopy(template);
  project.registry.champion = 1;
  endpoint = await openEndpoint(project, late, topics);
});
afterAll(async () => {
  await endpoint.close();
  await project.close();
  await rm(template, { recursive: true });
});

const row = { origin: "SFO", destination: "JFK", distance: 2586, hour: 9 };
const score = async (given: Record<string, unknown>) => (await endpoint.predict([given], { record: false })).predictions[0]!.score;

describe("predictions over HTTP", () => {
  test("are recorded under an id, in the order of the rows", async () => {
    const heard: ScoredBatch[] = [];
    const stop = endpoint.onBatch((batch) => void heard.push(batch));
    const { predictions, missing } = await endpoint.predict([
      { ...row, flight_id: 7 },
      { ...row, origin: "LAX", flight_id: "8" },
    ]);
    stop();
    expect(missing).toEqual([]);
    const first = parsePredictionId(predictions[0]!.id!).offset;
    expect(predictions.map(({ id }) => id)).toEqual([`late.0.${first}`, `late.0.${first + 1}`]);
    const kept = (await answers(project)).slice(first);
    expect(kept.map(({ key, score, source, version }) => ({ key, score, source, version }))).toEqual(
      predictions.map(({ score }, i) => ({ key: ["7", "8"][i], score, source: "http", version: 1 })),
    );
    expect(heard).toMatchObject([{ endpoint: "late", firstOffset: first, predictions: [{ key: "7" }, { key: "8" }] }]);
  });

  test("of one turn share a commit and keep their own rows", async () => {
    let commits = 0;
    const stop = endpoint.onBatch(() => void commits++);
    const alone = await Promise.all(["SFO", "LAX", "JFK", "ORD"].map((origin) => score({ ...row, origin })));
    const together = await Promise.all(["SFO", "LAX", "JFK", "ORD"].map((origin) => endpoint.predict([{ ...row, origin }])));
    stop();
    expect(together.map(({ predictions }) => predictions[0]!.score)).toEqual(alone);
    expect(new Set(together.map(({ predictions }) => predictions[0]!.id)).size).toBe(4);
    expect(commits).toBe(1);
  });

  test("take the moment that is given, as a number or as text, and the newest event's otherwise", async () => {
    const at = streamFromMs - 6 * 3_600_000;
    const early = await score({ ...row, departed_at: at });
    expect(await score({ ...row, departed_at: "2001-05-31T18:00:00Z" })).toBe(early);
    expect(await score({ ...row, departed_at: "2001-05-31 18:00:00" })).toBe(early);
    expect(await score({ ...row, departed_at: "2001-05-31T20:00:00+02:00" })).toBe(early);
  });

  test("take features that the caller gives in place of those that are known", async () => {
    const names = endpoint.serving().signature.inputs.map(({ name }) => name);
    const at = names.indexOf("from_origin__late_rate_1h");
    const { predictions } = await endpoint.predict([{ ...row, from_origin__late_rate_1h: 0.875 }]);
    const { offset } = parsePredictionId(predictions[0]!.id!);
    const record = (await answers(project))[offset]!;
    expect(record.inputs[at]).toBe(0.875);
    expect(record.given).toEqual([at]);
    const all = Object.fromEntries(names.filter((name) => name.includes("__")).map((name) => [name, null]));
    expect(await score({ ...all, distance: 1, hour: 2 })).toBeTypeOf("number"); // no key is needed when nothing is read
  });

  test("say which columns were left out, and take unseen categories and nulls for missing", async () => {
    const { missing } = await endpoint.predict([{ origin: "SFO", destination: "LAX" }], { record: false });
    expect(missing).toEqual(["distance", "hour"]);
    expect(await score({ ...row, distance: null })).toBe(await score({ origin: "SFO", destination: "JFK", hour: 9 }));
    expect(await score({ ...row, origin: "XXX" })).toBe(await score({ ...row, origin: "YYY" }));
  });

  test.each([
    [{ ...row, orgin: "SFO" }, "Field orgin is none that late v1 knows; did you mean origin?"],
    [{ destination: "LAX" }, "Field origin is missing: feature view departed is read by it."],
    [{ ...row, distance: "far" }, 'Field distance is "far", but the model takes a number there.'],
    [{ ...row, distance: [1] }, "Field distance is [1], but the model takes a number there."],
    [{ ...row, origin: { name: "SFO" } }, 'Field origin is {"name":"SFO"}, but the model takes a text there.'],
    [{ ...row, origin: true }, "Field origin is true, but the model takes a text there."],
    [{ ...row, departed_at: "tomorrow" }, 'Field departed_at is "tomorrow", which is no time.'],
    [{ ...row, departed_at: 1e300 }, "Field departed_at is 1e+300, which is no time."],
    [{ ...row, departed_at: streamFromMs - 5 * dayMs }, "Field departed_at asks about 2001-05-27T00:00:00.000Z, but the live features reach back to"],
    [{ ...row, from_origin__late_rate_1h: "high" }, 'Field from_origin__late_rate_1h is "high", but the model takes a number there.'],
  ])("refuse %j", async (given, message) => {
    await expect(endpoint.predict([given])).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining(message) });
  });

  test("are all answered or none, and name the row that is wrong", async () => {
    const before = (await answers(project)).length;
    await expect(endpoint.predict([row, row, { ...row, hour: "nine" }])).rejects.toMatchObject({
      message: expect.stringMatching(/^Row 2: Field hour is "nine"/),
      details: { row: 2, field: "hour" },
    });
    expect(await answers(project)).toHaveLength(before);
  });

  test("go through many rows at once as through one", async () => {
    const many = Array.from({ length: 5_000 }, (_, i) => ({ ...row, distance: i % 7 }));
    const { predictions } = await endpoint.predict(many, { record: false });
    expect(predictions[4_999]!.score).toBe(await score(many[4_999]!));
    expect(predictions.slice(0, 7).map(({ score }) => score)).toEqual(predictions.slice(7, 14).map(({ score }) => score));
  });

  test("can be asked of the version beside, and of no other", async () => {
    project.registry.champion = 2;
    await endpoint.reload();
    const [one, two] = [await endpoint.predict([row], { record: false, version: 1 }), await endpoint.predict([row], { record: false })];
    expect([one.predictions[0]!.version, two.predictions[0]!.version]).toEqual([1, 2]);
    await expect(endpoint.predict([row], { version: 9 })).rejects.toMatchObject({
      code: "not_found",
      message: 'Endpoint "late" does not serve version 9 (it serves v2 and v1).',
    });
  });
});

describe("the API", () => {
  let serving: EndpointDesk;
  let server: Awaited<ReturnType<typeof serveRoutes>>;
  let other: ServingProject;
  beforeAll(async () => {
    other = await openServingCopy(template);
    serving = createEndpointDesk(other, { endpoints: [late, { ...late, name: "unborn", model: "late@77" }], topics });
    server = await serveRoutes(servingRoutes, { serving });
  });
  afterAll(async () => {
    await server.close();
    await serving.close();
    await other.close();
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(server.address + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test("predicts, and shows what it predicted", async () => {
    const made = await call("POST", "/api/endpoints/late/predictions", { rows: [{ ...row, flight_id: 5 }] });
    expect(made).toMatchObject({ status: 200, body: { predictions: [{ id: "late.0.0", version: 2 }], missing: [] } });
    expect(await call("GET", "/api/predictions/late.0.0")).toMatchObject({
      status: 200,
      body: { id: "late.0.0", key: "5", source: "http", version: 2 },
    });
    expect(await call("GET", "/api/predictions/late.0.1")).toMatchObject({
      status: 404,
      body: { error: { message: "There is no prediction late.0.1." } },
    });
    expect(await call("GET", "/api/predictions/late")).toMatchObject({ status: 400, body: { error: { message: '"late" is no prediction\'s id.' } } });
    expect(await call("GET", "/api/predictions/lata.0.1")).toMatchObject({
      status: 404,
      body: { error: { message: 'There is no endpoint "lata"; did you mean late?' } },
    });
    expect(await call("POST", "/api/endpoints/late/predictions", { rows: [5] })).toMatchObject({
      status: 400,
      body: { error: { message: "rows.0: must be an object." } },
    });
    expect(await call("POST", "/api/endpoints/late/predictions", { rows: [{ origin: "SFO" }] })).toMatchObject({
      status: 400,
      body: { error: { details: { field: "destination" } } },
    });
  });

  test("lists endpoints as they stand", async () => {
    await call("POST", "/api/endpoints/unborn/predictions", { rows: [row] });
    const { body } = await call("GET", "/api/endpoints");
    expect(body["endpoints"]).toMatchObject([
      { name: "late", model: "late@champion", state: "answering", version: 2, in: "departures", out: "late-predictions", outcomes: "arrivals" },
      { name: "unborn", state: "waiting", version: null, problem: "There is no late@77." },
    ]);
    expect(await call("GET", "/api/endpoints/late")).toMatchObject({ status: 200, body: { name: "late", shadow: null } });
  });

  test("takes events, each call once", async () => {
    const events = [{ flight_id: 1, origin: "SFO", destination: "LAX", distance: 337, hour: 9, departed_at: streamFromMs }];
    const sent = { events, producer: "gate 7", sequence: 0 };
    for (let i = 0; i < 2; i++)
      expect(await call("POST", "/api/topics/departures/events", sent)).toEqual({ status: 200, body: { topic: "departures", events: 1 } });
    expect((await other.stream.topics(["departures"]))[0]!.partitions[0]!.endOffset).toBe(1);
    expect(await call("POST", "/api/topics/departures/events", { events, producer: "gate 7", sequence: 5 })).toMatchObject({ status: 409 });
    expect(await call("POST", "/api/topics/departures/events", { events, producer: "gate 7" })).toMatchObject({
      status: 400,
      body: { error: { hint: "Send both `producer` and `sequence`, or neither." } },
    });
    expect(await call("POST", "/api/topics/departure/events", { events })).toMatchObject({
      status: 404,
      body: { error: { message: 'There is no topic "departure"; did you mean departures?' } },
    });
    expect(await call("POST", "/api/topics/departures/events", { events: [{ ...events[0], hour: "nine" }] })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("Field hour of topic") } },
    });
    expect(await (await serving.open("late")).advance()).toMatchObject({ answered: 1 });
  });
});
