import { z } from "zod";
import { definitionOf, definitionsOf, type Project } from "#domains/project";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import type { Warehouse } from "#ports/warehouse";
import { featureViewSchema, isNumeric, type FeatureView } from "./model.ts";
import { readAsOf } from "./read-as-of.ts";
import { featureNames } from "./window-layout.ts";

interface FeatureServices {
  project: Project;
  warehouse: Warehouse;
  relationOf(model: string): Promise<string>;
}

const featureRoute = route<FeatureServices>();
const viewLine = z.object({
  name: z.string(),
  entity: z.string(),
  keys: z.array(z.string()),
  model: z.string(),
  known: z.string(),
  features: z.array(z.string()),
});

export const featureRoutes = [
  featureRoute({
    name: "features.list",
    method: "GET",
    path: "/api/features",
    summary: "List feature views with their features.",
    permission: "project:read",
    input: z.object({}),
    output: z.object({ views: z.array(viewLine) }),
    errors: [],
    cli: { rows: "views", columns: ["name", "entity", "model", "known", "features"] },
    handle: async ({ project }) => ({ views: definitionsOf<FeatureView>(project, "feature_view").map(lineOf) }),
  }),
  featureRoute({
    name: "features.show",
    method: "GET",
    path: "/api/features/{view}",
    summary: "Show a feature view's definition.",
    permission: "project:read",
    input: z.object({ view: z.string() }),
    output: featureViewSchema,
    errors: ["not_found"],
    cli: { positional: ["view"] },
    handle: async ({ project }, { view }) => featureViewSchema.parse(definitionOf<FeatureView>(project, "feature_view", view)),
  }),
  featureRoute({
    name: "features.read",
    method: "GET",
    path: "/api/features/{view}/values",
    summary: "Read an entity's features as of a moment, with the events behind each: what a training row asking then would see.",
    permission: "project:read",
    input: z.object({
      view: z.string(),
      key: z.string().describe("the entity's key; several joined by commas"),
      at: z.string().optional().describe("an ISO instant; now when left out"),
    }),
    output: z.object({
      values: z.array(
        z.object({
          name: z.string(),
          aggregate: z.string(),
          value: z.number().nullable(),
          window: z.object({ name: z.string(), fromMs: z.number(), toMs: z.number() }),
          events: z.number(),
          oldestKnownMs: z.number().nullable(),
          newestKnownMs: z.number().nullable(),
        }),
      ),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["view", "key"], rows: "values", columns: ["name", "aggregate", "value", "events"] },
    handle: async (services, { view: name, key, at }) => {
      const view = definitionOf<FeatureView>(services.project, "feature_view", name);
      const atMs = at === undefined ? Date.now() : Date.parse(at);
      if (Number.isNaN(atMs)) throw new AppError("invalid_argument", `at: "${at}" is no instant.`, { hint: "Write it as 2001-05-20T12:00:00Z." });
      const values = key.split(",").map((part, i) => (isNumeric(view.from.columns[view.on[i] ?? ""] ?? "") ? Number(part) : part));
      return { values: await readAsOf(services, view, values, atMs) };
    },
  }),
];

function lineOf(view: FeatureView): z.infer<typeof viewLine> {
  return {
    name: view.name,
    entity: view.entity.name,
    keys: view.entity.keys,
    model: view.from.name,
    known: view.known,
    features: featureNames(view),
  };
}
