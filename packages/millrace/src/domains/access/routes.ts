import { z } from "zod";
import { route } from "#kit/route";
import { permissions } from "./permissions.ts";
import { createToken, listTokens, revokeToken, type AccessServices } from "./tokens.ts";

const accessRoute = route<{ access: AccessServices }>();
const tokenName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "use lower-case letters, digits and dashes");

export const accessRoutes = [
  accessRoute({
    name: "tokens.create",
    method: "POST",
    path: "/api/tokens",
    summary: "Make a token for a program or a person. Its secret is shown this once.",
    permission: "access:write",
    input: z.object({
      name: tokenName,
      permissions: z
        .array(z.string())
        .min(1)
        .describe(`any of ${Object.keys(permissions).join(", ")}`),
    }),
    output: z.object({ name: z.string(), secret: z.string() }),
    errors: ["invalid_argument", "conflict"],
    cli: { positional: ["name", "permissions"] },
    handle: ({ access }, input) => createToken(access, input.name, input.permissions),
  }),
  accessRoute({
    name: "tokens.list",
    method: "GET",
    path: "/api/tokens",
    summary: "List tokens, without their secrets.",
    permission: "access:write",
    input: z.object({}),
    output: z.object({
      tokens: z.array(z.object({ name: z.string(), permissions: z.array(z.string()), createdMs: z.number(), revokedMs: z.number().nullable() })),
    }),
    errors: [],
    handle: async ({ access }) => ({ tokens: await listTokens(access) }),
  }),
  accessRoute({
    name: "tokens.revoke",
    method: "DELETE",
    path: "/api/tokens/{name}",
    summary: "Make a token worthless.",
    permission: "access:write",
    input: z.object({ name: tokenName }),
    output: z.object({ revoked: z.string() }),
    errors: ["not_found"],
    cli: { positional: ["name"] },
    handle: async ({ access }, { name }) => {
      await revokeToken(access, name);
      return { revoked: name };
    },
  }),
];
