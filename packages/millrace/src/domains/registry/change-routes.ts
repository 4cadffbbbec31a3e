import { z } from "zod";
import { route } from "#kit/route";
import { updateModel } from "./change-model.ts";
import { updateVersion } from "./change-version.ts";
import type { RegistryServices } from "./model.ts";
import { resolve } from "./resolve.ts";
import { modelOutput, versionOutput } from "./outputs.ts";

const changeRoute = route<{ registry: RegistryServices }>();

const change = {
  description: z.string().optional(),
  tags: z.record(z.string(), z.string().nullable()).optional().describe('set, or taken away with null: {"team":"ops","draft":null}'),
};

export const changeRoutes = [
  changeRoute({
    name: "models.update",
    method: "PATCH",
    path: "/api/models/{model}",
    summary: "Change a model's description and tags.",
    permission: "models:write",
    input: z.object({ model: z.string(), ...change }),
    output: modelOutput,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model"] },
    handle: ({ registry }, { model, description, tags }) =>
      updateModel(registry, { name: model, ...(description !== undefined && { description }), ...(tags && { tags }) }),
  }),
  changeRoute({
    name: "versions.update",
    method: "PATCH",
    path: "/api/models/{model}/versions/{version}",
    summary: "Change a version's description and tags; what it is made of never changes.",
    permission: "models:write",
    input: z.object({ model: z.string(), version: z.string().describe("a number, an alias or `latest`"), ...change }),
    output: versionOutput,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model", "version"] },
    handle: async ({ registry }, { model, version: wanted, description, tags }) => {
      const { version } = await resolve(registry, `${model}@${wanted}`);
      return updateVersion(registry, { model, version, ...(description !== undefined && { description }), ...(tags && { tags }) });
    },
  }),
];
