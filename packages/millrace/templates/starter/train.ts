// How the model is made, and what it must pass before it may answer.
import { bills } from "#models";
import { auc, calibration, flow, gate, invariant, logLoss, search, slices, trees } from "millrace";
import { leavers, usage } from "./features.ts";

const ready = gate("ready", [
  auc.atLeast(0.72),
  calibration.within(0.05),
  slices("plan", { support: 500 }).each(auc.atLeast(0.65)),
  invariant("the number of the bill does not matter", (row, random) => ({ ...row, bill_id: random.id() })),
  logLoss.notWorseThan("champion", { by: 0.002 }),
]);

export const churn = flow("churn", { until: "2025-10-01", trials: 4 }, async (step, { until, trials }) => {
  const rows = await step.trainingSet(bills, {
    label: "churned",
    id: "bill_id",
    time: "billed_at",
    known: "known_at",
    before: until,
    columns: ["plan", "channel", "region", "months", "minutes", "visits", "tickets", "payment_failed"],
    features: { usage: usage.at("customer_id"), region: leavers.at("region") },
  });
  const { train, valid, test } = await step.splitByTime(rows, { valid: "30d", test: "60d" });
  const space = search({ leaves: [4, 15], learningRate: [0.03, 0.15] });
  const best = await step.tune(trees, space, { train, trials, folds: 2 });
  const model = await step.fit(trees, { trees: 300, ...best.params }, { train, valid });
  return step.register("churn", model, { test, gate: ready });
});
