// Made from the SQL models by Millrace; do not edit.

export const flights = {
  kind: "model",
  name: "flights",
  columns: {
    flight_id: "BIGINT",
    origin: "VARCHAR",
    destination: "VARCHAR",
    distance: "INTEGER",
    hour: "INTEGER",
    weekday: "INTEGER",
    departed_at: "TIMESTAMP",
    landed_at: "TIMESTAMP",
    delay: "INTEGER",
    late: "BOOLEAN",
  },
} as const;

export const history = {
  kind: "model",
  name: "history",
  columns: {
    flight_id: "BIGINT",
    origin: "VARCHAR",
    destination: "VARCHAR",
    distance: "INTEGER",
    hour: "INTEGER",
    weekday: "INTEGER",
    departed_at: "TIMESTAMP",
    landed_at: "TIMESTAMP",
    delay: "INTEGER",
    late: "BOOLEAN",
  },
} as const;
