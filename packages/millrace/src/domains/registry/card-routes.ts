import { z } from "zod";
import { route } from "#kit/route";
import { modelCard, writeSection } from "./card.ts";
import { askedSections } from "./card-model.ts";
import type { RegistryServices } from "./model.ts";
import { resolve } from "./resolve.ts";

const cardRoute = route<{ registry: RegistryServices }>();

const version = z.string().describe("a number, an alias or `latest`");
const columns = z.array(z.object({ name: z.string(), type: z.string() }));
const facts = z.object({
  model: z.string(),
  modelDescription: z.string(),
  version: z.number(),
  status: z.string(),
  description: z.string(),
  format: z.string(),
  digest: z.string(),
  files: z.object({ count: z.number(), sizeBytes: z.number() }),
  createdMs: z.number(),
  actor: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  aliases: z.array(z.object({ alias: z.string(), sinceMs: z.number(), actor: z.string(), reason: z.string() })),
  signature: z.object({ inputs: columns, outputs: columns }),
  data: z.array(z.object({ table: z.string(), version: z.number(), digest: z.string().optional() })),
  metrics: z.record(z.string(), z.number().nullable()),
  slices: z.array(z.object({ column: z.string(), level: z.string(), rows: z.number(), metrics: z.record(z.string(), z.number().nullable()) })),
  gate: z
    .object({
      name: z.string(),
      verdict: z.string(),
      summary: z.string(),
      checks: z.array(z.object({ check: z.string(), status: z.string(), reason: z.string() })),
    })
    .nullable(),
  run: z
    .object({
      id: z.string(),
      experiment: z.string(),
      startedMs: z.number(),
      commit: z.string().optional(),
      dirty: z.boolean().optional(),
      params: z.record(z.string(), z.string()),
    })
    .nullable(),
});
const cardOutput = z.object({
  facts,
  sections: z.array(z.object({ title: z.string(), text: z.string(), actor: z.string(), atMs: z.number(), version: z.number() })),
  markdown: z.string(),
  revision: z.number(),
  renderedMs: z.number(),
});
const section = { model: z.string(), version, title: z.string().describe(`such as ${askedSections.join(" or ")}`) };

export const cardRoutes = [
  cardRoute({
    name: "models.card",
    method: "GET",
    path: "/api/models/{model}/versions/{version}/card",
    summary: "Show the card of a version: what it is, how it does, who holds which alias, and what people wrote; as Markdown and as facts.",
    permission: "project:read",
    input: z.object({ model: z.string(), version }),
    output: cardOutput,
    errors: ["not_found"],
    cli: { positional: ["model", "version"], text: ({ markdown }) => markdown.trimEnd() },
    handle: async ({ registry }, { model, version: wanted }) => modelCard(registry, model, (await resolve(registry, `${model}@${wanted}`)).version),
  }),
  cardRoute({
    name: "cards.write",
    method: "PUT",
    path: "/api/models/{model}/versions/{version}/card/sections/{title}",
    summary: "Write a section of a version's card; later versions take it over.",
    permission: "models:write",
    input: z.object({ ...section, text: z.string().min(1) }),
    output: cardOutput,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model", "version", "title", "text"], text: ({ markdown }) => markdown.trimEnd() },
    handle: async ({ registry }, { version: wanted, ...input }, { actor }) => {
      const { version: number } = await resolve(registry, `${input.model}@${wanted}`);
      return writeSection(registry, { ...input, version: number, actor: actor.name });
    },
  }),
  cardRoute({
    name: "cards.remove",
    method: "DELETE",
    path: "/api/models/{model}/versions/{version}/card/sections/{title}",
    summary: "Take a section out of a version's card.",
    permission: "models:write",
    input: z.object(section),
    output: cardOutput,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model", "version", "title"], text: ({ markdown }) => markdown.trimEnd() },
    handle: async ({ registry }, { version: wanted, ...input }, { actor }) => {
      const { version: number } = await resolve(registry, `${input.model}@${wanted}`);
      return writeSection(registry, { ...input, version: number, text: "", actor: actor.name });
    },
  }),
];
