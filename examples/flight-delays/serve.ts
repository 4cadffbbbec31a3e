// Where the model answers, what watches it, and when it learns again.
import { flights } from "#models";
import { decay, drift, endpoint } from "millrace";
import { arrivals, departures } from "./sources.ts";
import { lateArrival } from "./train.ts";

export default endpoint("late-arrival", {
  model: "late-arrival@champion", // whichever version holds the alias; a new one answers as soon as it does
  stream: { in: departures, out: "late-arrival-predictions" },
  batch: { may: { of: flights, where: "departed_at >= timestamp '2001-05-01' and departed_at < timestamp '2001-06-01'" } },
  outcomes: { from: arrivals, label: "late" }, // the truth, joined to the predictions by the topics' key
  retrain: {
    with: lateArrival,
    params: { trials: 0 }, // a search every time would be wasted: the next model takes the champion's parameters
    when: [drift.psi.above(0.2, { over: "7d" }), decay.auc.below("champion", { by: 0.02, over: "3d" })],
    atMostEvery: "16d",
  },
});
