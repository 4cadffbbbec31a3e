import { z } from "zod";
import { route } from "#kit/route";
import { cardRoutes } from "./card-routes.ts";
import { changeRoutes } from "./change-routes.ts";
import { modelListInput, pageOfModels, pageOfVersions, pageText, versionListInput } from "./list-pages.ts";
import type { RegistryServices } from "./model.ts";
import { noteRoutes } from "./note-routes.ts";
import { modelOutput, versionOutput } from "./outputs.ts";
import { removalRoutes } from "./removal-routes.ts";
import { resolve } from "./resolve.ts";
import { aliasHistory, rollbackAlias, setAlias } from "./set-alias.ts";
import { stageHistory } from "./stages.ts";

const registryRoute = route<{ registry: RegistryServices; serving?: { reload(): Promise<void> } }>();

const moved = z.object({ version: z.number(), previous: z.number().optional(), changed: z.boolean() });
const reason = z.string().min(1).describe("why, for the history");

export const registryRoutes = [
  registryRoute({
    name: "models.list",
    method: "GET",
    path: "/api/models",
    summary: "List registered models with what their aliases hold, by name.",
    permission: "project:read",
    input: modelListInput,
    output: z.object({ models: z.array(modelOutput), nextCursor: z.string().optional() }),
    errors: ["invalid_argument"],
    cli: { text: ({ models, nextCursor }) => pageText(models, ["name", "latest", "aliases", "updatedMs"], nextCursor) },
    handle: ({ registry }, input) => pageOfModels(registry, input),
  }),
  registryRoute({
    name: "models.show",
    method: "GET",
    path: "/api/models/{model}",
    summary: "Show a model and its versions, newest first.",
    permission: "project:read",
    input: versionListInput,
    output: modelOutput.extend({
      formerNames: z.array(z.string()).describe("that mean it still"),
      versions: z.array(versionOutput),
      nextCursor: z.string().optional(),
    }),
    errors: ["invalid_argument", "not_found"],
    cli: {
      positional: ["model"],
      text: ({ versions, nextCursor }) => pageText(versions, ["version", "status", "aliases", "runId", "digest"], nextCursor),
    },
    handle: ({ registry }, input) => pageOfVersions(registry, input),
  }),
  registryRoute({
    name: "models.version",
    method: "GET",
    path: "/api/models/{model}/versions/{version}",
    summary: "Show a version (a number, an alias or `latest`) with its gate report.",
    permission: "project:read",
    input: z.object({ model: z.string(), version: z.string() }),
    output: versionOutput,
    errors: ["not_found"],
    cli: { positional: ["model", "version"], text: versionText },
    handle: ({ registry }, { model, version }) => resolve(registry, `${model}@${version}`),
  }),
  registryRoute({
    name: "models.promote",
    method: "PUT",
    path: "/api/models/{model}/aliases/{alias}",
    summary: "Give an alias, such as champion, to a version.",
    permission: "models:write",
    input: z.object({
      model: z.string(),
      alias: z.string(),
      version: z.coerce.number().int(),
      reason,
      expected: z.coerce.number().int().optional().describe("only if this version holds it now"),
    }),
    output: moved,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["model", "alias", "version"] },
    handle: async ({ registry, serving }, { expected, ...move }, { actor }) => {
      const result = await setAlias(registry, { ...move, actor: actor.name, ...(expected !== undefined && { expected }) });
      await serving?.reload();
      return result;
    },
  }),
  registryRoute({
    name: "models.rollback",
    method: "POST",
    path: "/api/models/{model}/aliases/{alias}/rollback",
    summary: "Give an alias back to the version that held it before.",
    permission: "models:write",
    input: z.object({ model: z.string(), alias: z.string(), reason }),
    output: moved,
    errors: ["invalid_argument", "not_found", "conflict"],
    cli: { positional: ["model", "alias"] },
    handle: async ({ registry, serving }, move, { actor }) => {
      const result = await rollbackAlias(registry, { ...move, actor: actor.name });
      await serving?.reload();
      return result;
    },
  }),
  registryRoute({
    name: "models.history",
    method: "GET",
    path: "/api/models/{model}/aliases/{alias}/history",
    summary: "Show who held an alias when, moved by whom and why.",
    permission: "project:read",
    input: z.object({ model: z.string(), alias: z.string() }),
    output: z.object({
      changes: z.array(
        z.object({
          alias: z.string(),
          kind: z.string(),
          version: z.number().optional(),
          previous: z.number().optional(),
          actor: z.string(),
          reason: z.string(),
          gate: z.string().optional(),
          fromMs: z.number(),
          untilMs: z.number().optional(),
        }),
      ),
    }),
    errors: ["not_found"],
    cli: { positional: ["model", "alias"], rows: "changes", columns: ["version", "kind", "fromMs", "untilMs", "actor", "reason"] },
    handle: async ({ registry }, input) => ({ changes: await aliasHistory(registry, input) }),
  }),
  registryRoute({
    name: "models.stages",
    method: "GET",
    path: "/api/models/{model}/stages",
    summary: "Show which version was in which stage when, moved by whom: what programs did that know stages and not aliases.",
    permission: "project:read",
    input: z.object({ model: z.string() }),
    output: z.object({
      changes: z.array(
        z.object({
          version: z.number(),
          stage: z.string(),
          previous: z.string(),
          actor: z.string(),
          fromMs: z.number(),
          untilMs: z.number().optional(),
        }),
      ),
    }),
    errors: ["not_found"],
    cli: { positional: ["model"], rows: "changes", columns: ["version", "stage", "previous", "fromMs", "untilMs", "actor"] },
    handle: async ({ registry }, { model }) => ({ changes: await stageHistory(registry, model) }),
  }),
  ...changeRoutes,
  ...removalRoutes,
  ...cardRoutes,
  ...noteRoutes,
];

/** A version as a person wants to see it: what it is, how well it does, and what its gate said. */
function versionText({ model, version, aliases, runId, digest, metrics, gate, data }: z.infer<typeof versionOutput>): string {
  const numbers = Object.entries(metrics).map(([name, value]) => `  ${name.padEnd(28)}${value === null ? "" : Number(value.toPrecision(5))}`);
  const results = Array.isArray(gate?.["results"]) ? (gate["results"] as { status: string; reason: string }[]) : []; // as the gate's report has them
  return [
    `${model}@${version}${aliases.length > 0 ? ` (${aliases.join(", ")})` : ""}, digest ${digest}`,
    `run ${runId ?? "none"}, learnt from ${data.map(({ table, version: number }) => `${table} v${number}`).join(", ") || "unknown data"}`,
    ...(gate
      ? [`gate ${String(gate["gate"])}: ${String(gate["verdict"])}`, ...results.map(({ status, reason: why }) => `  ${status.padEnd(13)}${why}`)]
      : []),
    "metrics",
    ...numbers,
  ].join("\n");
}
