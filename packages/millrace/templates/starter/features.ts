// What is known about a customer or a region at a moment.
import { bills } from "#models";
import { count, entity, featureView, max, mean, sum } from "millrace";

const customer = entity("customer", { keys: ["customer_id"] });
const region = entity("region");

/** How a customer used the service before this bill: known as soon as the earlier bills went out. */
export const usage = featureView("usage", {
  from: bills,
  entity: customer,
  time: "billed_at",
  windows: ["35d", "95d", "185d"],
  features: {
    minutes_mean: mean("minutes"),
    minutes_max: max("minutes", { windows: ["185d"] }),
    tickets: sum("tickets", { windows: ["35d", "95d"] }),
    failed_payments: sum("payment_failed", { windows: ["95d"] }),
  },
});

/** How many customers of a region have left lately. Nobody sees an outcome before its five days are over. */
export const leavers = featureView("leavers", {
  from: bills,
  entity: region,
  time: "billed_at",
  known: "known_at",
  windows: ["15d", "45d"],
  features: { churn_rate: mean("churned"), bills: count({ windows: ["45d"] }) },
});
