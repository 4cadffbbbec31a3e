// Where the model answers, what watches it, and when it learns again.
import { decay, drift, endpoint } from "millrace";
import { billed, outcomes } from "./sources.ts";
import { churn } from "./train.ts";

export default endpoint("churn", {
  model: "churn@champion",
  stream: { in: billed, out: "churn-predictions" },
  outcomes: { from: outcomes, label: "churned" },
  retrain: {
    with: churn,
    params: { trials: 1 }, // a search every time would be wasted
    when: [
      drift.psi.above(0.2, { features: ["minutes", "usage__minutes_mean_95d"], over: "14d" }),
      decay.auc.below("champion", { by: 0.03, over: "14d" }),
    ],
    atMostEvery: "30d",
  },
});
