import { z } from "zod";
import { route } from "#kit/route";
import { nodeKinds, type LineageGraph, type LineageServices } from "./model.ts";
import { downstream, upstream } from "./walk.ts";

const kind = z.enum(nodeKinds);
const named = z.object({ kind, name: z.string() });

export const lineageRoutes = [
  route<{ lineage: LineageServices }>()({
    name: "lineage.show",
    method: "GET",
    path: "/api/lineage/{name}",
    summary: "Show everything made from a column, table, feature, run or version; with direction upstream, everything it was made from.",
    permission: "project:read",
    input: z.object({
      name: z.string().describe("such as raw.flights.delay, models.flights, departed.late_rate_1h or late-arrival@1"),
      direction: z.enum(["downstream", "upstream"]).default("downstream"),
      depth: z.coerce.number().int().min(1).optional().describe("how many edges away"),
    }),
    output: z.object({
      roots: z.array(named),
      nodes: z.array(
        named.extend({
          facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
          depth: z.number(),
          path: z.array(z.string()),
        }),
      ),
      edges: z.array(z.object({ from: named, to: named, kind: z.enum(["value", "filter", "input"]) })),
      truncated: z.boolean(),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { words: "lineage", positional: ["name"], text: lineageText },
    handle: ({ lineage }, { name, direction, depth }) =>
      (direction === "upstream" ? upstream : downstream)(lineage, name, depth === undefined ? {} : { depth }),
  }),
];

/** One line a node, indented by its distance, with how it got there. */
function lineageText({ nodes, truncated }: LineageGraph): string {
  const lines = nodes.map(
    ({ kind: what, name, depth, path }) => `${"  ".repeat(depth)}${what} ${name}${path.length > 2 ? `  (by ${path.at(-2)})` : ""}`,
  );
  return [...lines, ...(truncated ? ["… there is more: ask with --depth"] : [])].join("\n");
}
