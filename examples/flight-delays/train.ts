// How the model is made, and what it must pass before it may answer.
import { flights } from "#models";
import { auc, calibration, directional, flow, gate, invariant, logLoss, search, slices, trees } from "millrace";
import { departed, landed, onRoute, traffic } from "./features.ts";

// Judged on test rows, which the model has not learnt from. A feature is called <alias>__<feature>_<window>, by the aliases given below.
const ready = gate("ready", [
  auc.atLeast(0.76),
  logLoss.atMost(0.48),
  calibration.within(0.05),
  slices("origin", { support: 1_000 }).each(auc.atLeast(0.62)),
  invariant("the number of the flight does not matter", (row, random) => ({ ...row, flight_id: random.id() })),
  directional("more late arrivals in the last hour never lower the risk by much", (row) => ({ ...row, at_origin__late_rate_1h: 1 }), {
    expect: "notLower",
    tolerance: 0.05,
    share: 0.95,
  }),
  logLoss.notWorseThan("champion", { by: 0.002 }),
]);

// An ordinary function. Each awaited step is durable, runs again only when what it depends on has changed, and is shown with its cost.
export const lateArrival = flow("late-arrival", { until: "2001-06-01", trials: 6 }, async (step, { until, trials }) => {
  const rows = await step.trainingSet(flights, {
    label: "late",
    id: "flight_id",
    time: "departed_at", // the moment of the question: features are joined as of it
    known: "landed_at", // with `before`: no flight that had not landed by then
    before: until,
    rows: 1_000_000,
    columns: ["origin", "destination", "distance", "hour", "weekday"],
    features: {
      from_origin: departed.at("origin"),
      at_destination: landed.at("destination"),
      at_origin: landed.at("origin"), // the same view for another airport: what lands where the flight begins
      route: onRoute.at("origin", "destination"),
      traffic: traffic.at("origin"),
    },
  });
  const { train, valid, test } = await step.splitByTime(rows, { valid: "14d", test: "14d" });
  const space = search({ leaves: [31, 63], learningRate: [0.08, 0.2] });
  const best =
    trials > 0
      ? await step.tune(trees, space, { train, trials, folds: 2, sample: 60_000, fixed: { trees: 40 } })
      : await step.paramsOf("late-arrival@champion");
  const model = await step.fit(trees, { ...best.params, trees: 100 }, { train, valid });
  return step.register("late-arrival", model, { test, gate: ready });
});
