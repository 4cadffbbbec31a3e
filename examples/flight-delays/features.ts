// What is known about an airport or a route at a moment: the outcomes of flights that have landed by then, and the traffic.
import { flights } from "#models";
import { count, entity, featureView, mean } from "millrace";

// What features are about. A view is bound to columns of the row that asks in train.ts: `landed.at("origin")`, `landed.at("destination")`.
const airport = entity("airport");
const route = entity("route", { keys: ["origin", "destination"] });

const outcomes = {
  from: flights,
  time: "departed_at",
  known: "landed_at", // nobody sees an outcome before this: not the training set, not the server, not the stream
  windows: ["1h", "6h", "24h", "7d"],
} as const;

/** How flights that left from an airport turned out. */
export const departed = featureView("departed", {
  ...outcomes,
  entity: airport,
  on: "origin",
  features: {
    late_rate: mean("late", { windows: ["1h", "6h", "24h"] }),
    delay_mean: mean("delay", { windows: ["1h"] }),
    flights: count({ windows: ["1h"] }),
  },
});

/** How flights that landed at an airport turned out. */
export const landed = featureView("landed", {
  ...outcomes,
  entity: airport,
  on: "destination",
  features: { late_rate: mean("late", { windows: ["1h", "6h"] }), delay_mean: mean("delay", { windows: ["1h"] }) },
});

/** How flights on a route turned out. */
export const onRoute = featureView("on_route", {
  ...outcomes,
  entity: route,
  features: { late_rate: mean("late", { windows: ["24h", "7d"] }) },
});

/** How busy an airport is: departures are known as they happen. */
export const traffic = featureView("traffic", {
  from: flights,
  entity: airport,
  on: "origin",
  time: "departed_at",
  windows: ["1h"],
  features: { departures: count() },
});
