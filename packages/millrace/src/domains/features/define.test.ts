import { describe, expect, expectTypeOf, test } from "vitest";
import { count, entity, featureView, last, mean, sum } from "./define.ts";
import { boundViewSchema, featureViewSchema } from "./model.ts";
import { featureNames } from "./window-layout.ts";

const flights = {
  kind: "model",
  name: "flights",
  columns: {
    flight_id: "VARCHAR",
    origin: "VARCHAR",
    destination: "VARCHAR",
    departed_at: "TIMESTAMP",
    landed_at: "TIMESTAMP WITH TIME ZONE",
    late: "BOOLEAN",
    delay: "INTEGER",
    fare: "DECIMAL(10,2)",
    note: "VARCHAR",
  },
} as const;

const airport = entity("airport");
const route = entity("route", { keys: ["origin", "destination"] });

const outcomes = {
  from: flights,
  time: "departed_at",
  known: "landed_at",
  windows: ["1h", "7d"],
  features: { late_rate: mean("late"), fare_sum: sum("fare", { windows: ["7d"] }), flights: count() },
} as const;

const departed = featureView("departed", { entity: airport, on: "origin", ...outcomes });
const onRoute = featureView("on_route", { entity: route, ...outcomes });

describe("a feature view", () => {
  test("is plain data that survives JSON and fits its schema", () => {
    const data: unknown = JSON.parse(JSON.stringify(onRoute));
    expect(featureViewSchema.parse(data)).toEqual(data);
    expect(onRoute).toMatchObject({
      name: "on_route",
      on: ["origin", "destination"],
      known: "landed_at",
      windows: [
        { name: "1h", ms: 3_600_000 },
        { name: "7d", ms: 604_800_000 },
      ],
    });
  });

  test("keeps only the columns it uses, so that another column of the model does not change its digest", () => {
    expect(Object.keys(departed.from.columns)).toEqual(["origin", "departed_at", "landed_at", "late", "fare"]);
  });

  test("names features by alias, feature and window", () => {
    expect(featureNames(departed, "from_origin")).toEqual([
      "from_origin__late_rate_1h",
      "from_origin__late_rate_7d",
      "from_origin__fare_sum_7d",
      "from_origin__flights_1h",
      "from_origin__flights_7d",
    ]);
  });

  test("is bound to the columns of the row that asks", () => {
    const bound = onRoute.at("from_airport", "to_airport");
    expect(bound.on).toEqual(["from_airport", "to_airport"]);
    expect(boundViewSchema.parse(JSON.parse(JSON.stringify(bound)))).toEqual(bound);
    expectTypeOf(bound.on).toEqualTypeOf<("from_airport" | "to_airport")[]>();
  });

  test("is known when it happens unless said otherwise", () => {
    const traffic = featureView("traffic", {
      entity: airport,
      on: "origin",
      from: flights,
      time: "departed_at",
      windows: [90_000],
      features: { n: count() },
    });
    expect(traffic.known).toBe("departed_at");
    expect(featureNames(traffic)).toEqual(["n_90s"]);
  });

  test("does not compile with a column that the model lacks or that has the wrong type", () => {
    const wrong = [
      // @ts-expect-error -- no such column to average
      () => featureView("v", { entity: airport, on: "origin", ...outcomes, features: { x: mean("lateness") } }),
      // @ts-expect-error -- text has no mean
      () => featureView("v", { entity: airport, on: "origin", ...outcomes, features: { x: mean("note") } }),
      // @ts-expect-error -- no such column as a key
      () => featureView("v", { entity: airport, on: "orign", ...outcomes }),
      // @ts-expect-error -- the model has no column named after the entity's key
      () => featureView("v", { entity: airport, ...outcomes }),
      // @ts-expect-error -- a key too few
      () => featureView("v", { entity: route, on: ["origin"], ...outcomes }),
    ];
    for (const define of wrong) expect(define).toThrow(expect.objectContaining({ code: "invalid_definition" }));
    // @ts-expect-error -- a time must be a time
    featureView("v", { entity: airport, on: "origin", ...outcomes, known: "delay" });
    // @ts-expect-error -- a route has two keys
    expect(() => onRoute.at("origin")).toThrow("bound to 1 column");
  });

  test.each([
    ["a name that is not words", () => featureView("Departed", { entity: airport, on: "origin", ...outcomes }), "must be lower-case words"],
    ["a name with the separator", () => featureView("a__b", { entity: airport, on: "origin", ...outcomes }), "must be lower-case words"],
    ["no features", () => featureView("v", { entity: airport, on: "origin", ...outcomes, features: {} }), "Feature view `v` cannot be used"],
    ["the same window twice", () => featureView("v", { entity: airport, on: "origin", ...outcomes, windows: ["1d", "24h"] }), "same window twice"],
    [
      "a window it does not have",
      () => featureView("v", { entity: airport, on: "origin", ...outcomes, features: { x: last("delay", { windows: ["2h"] }) } }),
      "asks for window 2h",
    ],
  ])("refuses %s", (_what, define, message) => {
    expect(define).toThrow(expect.objectContaining({ code: "invalid_definition", message: expect.stringContaining(message) }));
  });

  test("refuses a window that is no length of time", () => {
    expect(() => featureView("v", { entity: airport, on: "origin", ...outcomes, windows: [-5] })).toThrow("-5 is not a length of time");
  });
});
