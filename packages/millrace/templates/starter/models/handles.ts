// Made from the SQL models by Millrace; do not edit.

export const bills = {
  kind: "model",
  name: "bills",
  columns: {
    bill_id: "INTEGER",
    customer_id: "INTEGER",
    plan: "VARCHAR",
    channel: "VARCHAR",
    region: "VARCHAR",
    months: "INTEGER",
    minutes: "INTEGER",
    visits: "INTEGER",
    tickets: "INTEGER",
    payment_failed: "BOOLEAN",
    billed_at: "TIMESTAMP",
    known_at: "TIMESTAMP",
    churned: "BOOLEAN",
  },
} as const;

export const customers = {
  kind: "model",
  name: "customers",
  columns: {
    customer_id: "INTEGER",
    signed_up_at: "TIMESTAMP",
    plan: "VARCHAR",
    channel: "VARCHAR",
    region: "VARCHAR",
  },
} as const;

export const history = {
  kind: "model",
  name: "history",
  columns: {
    bill_id: "INTEGER",
    customer_id: "INTEGER",
    plan: "VARCHAR",
    channel: "VARCHAR",
    region: "VARCHAR",
    months: "INTEGER",
    minutes: "INTEGER",
    visits: "INTEGER",
    tickets: "INTEGER",
    payment_failed: "BOOLEAN",
    billed_at: "TIMESTAMP",
    known_at: "TIMESTAMP",
    churned: "BOOLEAN",
  },
} as const;
