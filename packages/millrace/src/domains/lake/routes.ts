import { z } from "zod";
import { route } from "#kit/route";
import type { Lake } from "./model.ts";

const lakeRoute = route<{ lake: Lake }>();
const column = z.object({ name: z.string(), type: z.string() });

export const lakeRoutes = [
  lakeRoute({
    name: "tables.list",
    method: "GET",
    path: "/api/tables",
    summary: "List the lake's tables with their newest versions.",
    permission: "project:read",
    input: z.object({}),
    output: z.object({
      tables: z.array(z.object({ table: z.string(), version: z.number(), rows: z.number(), bytes: z.number(), timestampMs: z.number() })),
    }),
    errors: [],
    cli: { rows: "tables", columns: ["table", "version", "rows", "bytes"] },
    handle: async ({ lake }) => {
      const snapshots = await Promise.all((await lake.tables()).map((table) => lake.snapshot(table)));
      return { tables: snapshots.map(({ table, version, rows, bytes, timestampMs }) => ({ table, version, rows, bytes, timestampMs })) };
    },
  }),
  lakeRoute({
    name: "tables.show",
    method: "GET",
    path: "/api/tables/{table}",
    summary: "Show a table's columns, as of a version.",
    permission: "project:read",
    input: z.object({ table: z.string(), version: z.coerce.number().int().min(0).optional() }),
    output: z.object({
      table: z.string(),
      version: z.number(),
      rows: z.number(),
      bytes: z.number(),
      files: z.number(),
      timestampMs: z.number(),
      columns: z.array(column),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["table"], rows: "columns", columns: ["name", "type"] },
    handle: async ({ lake }, { table, version }) => {
      const { files, ...snapshot } = await lake.snapshot(table, version === undefined ? undefined : { version });
      return { ...snapshot, files: files.length };
    },
  }),
  lakeRoute({
    name: "tables.history",
    method: "GET",
    path: "/api/tables/{table}/history",
    summary: "Show a table's versions, newest first: when, by which operation, with how many rows.",
    permission: "project:read",
    input: z.object({ table: z.string() }),
    output: z.object({
      versions: z.array(
        z.object({
          version: z.number(),
          timestampMs: z.number(),
          operation: z.string(),
          metrics: z.record(z.string(), z.string()),
          metadata: z.unknown(),
        }),
      ),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["table"], rows: "versions", columns: ["version", "operation", "metrics", "metadata"] },
    handle: async ({ lake }, { table }) => ({ versions: await lake.history(table) }),
  }),
];
