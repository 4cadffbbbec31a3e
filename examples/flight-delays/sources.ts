// What comes in: three files, and from June on two streams of events.
import { history } from "#models";
import { replay, source, topic } from "millrace";

// Three million US flights of 2001. `date` is the actual departure, in the local time of the origin. There is no key, so a flight
// is called by its place in the file. Rows from June on arrive on the topics below.
export const flights = source("flights", {
  files: "vega-datasets/data/flights-3m.parquet",
  batch: { by: "date", every: "week", until: "2001-06-01" },
  rowNumber: "flight_id",
});
export const airports = source("airports", { files: "vega-datasets/data/airports.csv" });
export const timezones = source("timezones", { files: "data/airport_timezones.csv" });

// An event when a flight leaves the gate, and one when it has landed and its delay is known. `keep` makes the latter a table too.
export const departures = topic("departures", {
  of: history,
  key: "flight_id",
  time: "departed_at",
  columns: ["flight_id", "origin", "destination", "distance", "hour", "weekday", "departed_at"],
});
export const arrivals = topic("arrivals", { of: history, key: "flight_id", time: "landed_at", keep: true });

// June, played back in the order in which it happened: the rows that ingestion left out, through the very same SQL.
export const june = replay("june", { of: history, rest: flights, to: [departures, arrivals] });
