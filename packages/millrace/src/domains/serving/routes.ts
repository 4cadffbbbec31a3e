import { z } from "zod";
import { appendEvents, type Event } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import type { EndpointDesk } from "./endpoint-desk.ts";

const servingRoute = route<{ serving: EndpointDesk }>();

/** Rows are looked at value by value where they are scored, which names the field that is wrong; a schema would only cost time here. */
const rowSchema = z.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "must be an object",
);

const endpointSchema = z.object({
  name: z.string(),
  model: z.string(),
  state: z.enum(["answering", "closed", "waiting"]),
  version: z.number().nullable(),
  shadow: z.number().nullable(),
  problem: z.string().nullable(),
  in: z.string().nullable(),
  out: z.string(),
  outcomes: z.string().nullable(),
  lag: z.record(z.string(), z.number()),
});

const predictionSchema = z.object({
  id: z.string(),
  key: z.string(),
  timeMs: z.number(),
  version: z.number(),
  score: z.number(),
  shadow: z.object({ version: z.number(), score: z.number() }).nullable(),
  source: z.enum(["stream", "http"]),
  inputs: z.array(z.number().nullable()),
  known: z.array(z.number().nullable()),
});

export const servingRoutes = [
  servingRoute({
    name: "endpoints.list",
    method: "GET",
    path: "/api/endpoints",
    summary: "List the endpoints, with what answers at each.",
    permission: "project:read",
    input: z.object({}),
    output: z.object({ endpoints: z.array(endpointSchema) }),
    errors: [],
    cli: { rows: "endpoints", columns: ["name", "model", "state", "version", "shadow", "in", "out"] },
    handle: async ({ serving }) => ({ endpoints: await Promise.all(serving.endpoints.map(({ name }) => serving.describe(name))) }),
  }),
  servingRoute({
    name: "endpoints.show",
    method: "GET",
    path: "/api/endpoints/{endpoint}",
    summary: "Show an endpoint: the version that answers, the one beside it, and what waits.",
    permission: "project:read",
    input: z.object({ endpoint: z.string() }),
    output: endpointSchema,
    errors: ["not_found"],
    cli: { positional: ["endpoint"] },
    handle: ({ serving }, { endpoint }) => serving.describe(endpoint),
  }),
  servingRoute({
    name: "predictions.make",
    method: "POST",
    path: "/api/endpoints/{endpoint}/predictions",
    summary: "Answer rows: entity keys and the model's own columns; features are read live, a value under a feature's full name takes its place.",
    permission: "predictions:make",
    input: z.object({
      endpoint: z.string(),
      rows: z.array(rowSchema).min(1).describe("objects with the keys of the feature views, the model's own columns and, if not now, the time"),
      record: z.boolean().default(true).describe("keep the predictions, so that they have an id"),
      version: z.number().int().optional().describe("one of the versions that are loaded; the one that serves otherwise"),
    }),
    output: z.object({
      predictions: z.array(z.object({ id: z.string().nullable(), score: z.number(), version: z.number() })),
      missing: z.array(z.string()).describe("columns of the model that a row left out"),
    }),
    errors: ["invalid_argument", "not_found", "unavailable", "storage_full"],
    cli: false,
    handle: async ({ serving }, { endpoint, rows, record, version }, { signal }) =>
      (await serving.open(endpoint)).predict(rows, { record, signal, ...(version !== undefined && { version }) }),
  }),
  servingRoute({
    name: "predictions.show",
    method: "GET",
    path: "/api/predictions/{id}",
    summary: "Show a recorded prediction.",
    permission: "predictions:read",
    input: z.object({ id: z.string() }),
    output: predictionSchema,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["id"] },
    handle: async ({ serving }, { id }) => {
      const { inputs, shadow, key, timeMs, version, score, source, known } = await serving.prediction(id);
      return {
        id,
        key,
        timeMs,
        version,
        score,
        shadow: shadow ?? null,
        source,
        inputs: Array.from(inputs, (value) => (Number.isNaN(value) ? null : value)),
        known,
      };
    },
  }),
  servingRoute({
    name: "events.append",
    method: "POST",
    path: "/api/topics/{topic}/events",
    summary: "Append events to a topic, all or none. With producer and sequence a repeated call adds nothing.",
    permission: "project:run",
    input: z.object({
      topic: z.string(),
      events: z.array(rowSchema).min(1),
      producer: z.string().min(1).max(150).optional().describe("who sends; numbers its calls 0, 1, 2, …"),
      sequence: z.number().int().min(0).optional().describe("number of this call"),
    }),
    output: z.object({ topic: z.string(), events: z.number() }),
    errors: ["invalid_argument", "not_found", "conflict", "storage_full"],
    cli: false,
    handle: async ({ serving }, { topic: name, events, producer, sequence }) => {
      const topic = serving.topic(name);
      if ((producer === undefined) !== (sequence === undefined))
        throw new AppError("invalid_argument", "A producer and the number of its call belong together; one of them is missing.", {
          hint: "Send both `producer` and `sequence`, or neither.",
        });
      if (!(await serving.stream.topics()).some((each) => each.name === name)) await serving.stream.createTopic(name);
      const numbered = producer !== undefined && sequence !== undefined ? { producer: `events/${producer}`, number: sequence } : undefined;
      await appendEvents(serving.stream, topic, events as Event[], numbered); // which checks every value
      return { topic: name, events: events.length };
    },
  }),
];
