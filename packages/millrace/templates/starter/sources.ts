// What comes in: three files, and from October 2025 on two streams of events.
import { history } from "#models";
import { replay, source, topic } from "millrace";

// A bill goes out to every customer each 30 days, with what the customer did since the last one.
// Later bills are left in the file: they arrive on the topics below.
export const bills = source("bills", {
  files: "data/bills.csv",
  batch: { by: "billed_at", every: "month", until: "2025-10-01" },
});
export const customers = source("customers", { files: "data/customers.csv" });
export const cancellations = source("cancellations", { files: "data/cancellations.csv" });

// An event when a bill goes out, and one five days later, when it is known whether the customer has left. `keep` makes the latter a table too.
export const billed = topic("billed", {
  of: history,
  key: "bill_id",
  time: "billed_at",
  columns: ["bill_id", "customer_id", "plan", "channel", "region", "months", "minutes", "visits", "tickets", "payment_failed", "billed_at"],
});
export const outcomes = topic("outcomes", { of: history, key: "bill_id", time: "known_at", keep: true });

// The last quarter, played back in the order in which it happened: the rows that ingestion left out, through the very same SQL.
export const quarter = replay("quarter", { of: history, rest: bills, to: [billed, outcomes] });
