import { z } from "zod";
import { AppError } from "#kit/app-error";
import { route } from "#kit/route";
import { deleteModel, getModel, renameModel } from "./change-model.ts";
import { deleteVersion, getVersion } from "./change-version.ts";
import { type EndpointsOf, followersOf } from "./endpoints-of.ts";
import type { RegistryServices } from "./model.ts";
import { modelOutput } from "./outputs.ts";
import { versionNumbers } from "./version-heads.ts";

const removalRoute = route<{ registry: RegistryServices; serving?: EndpointsOf }>();

const flag = z.preprocess((value) => (value === "true" || value === "" ? true : value === "false" ? false : value), z.boolean()).default(false);
const force = flag.describe("although an alias or an endpoint points at it");
const dryRun = flag.describe("say what would go and what is in the way, and do nothing");
const endpoints = z.array(z.object({ name: z.string(), follows: z.string(), version: z.number().nullable() }));
const removal = z.object({
  model: z.string(),
  versions: z.array(z.number()),
  aliases: z.record(z.string(), z.number()),
  endpoints: endpoints.describe("that answer with it, or would"),
  inTheWay: z.array(z.string()).describe("why it is refused without `force`"),
  deleted: z.boolean(),
});
type Removal = z.infer<typeof removal>;
const errors = ["invalid_argument", "not_found", "conflict"] as const;

export const removalRoutes = [
  removalRoute({
    name: "models.rename",
    method: "POST",
    path: "/api/models/{model}/rename",
    summary: "Give a model another name; all that is known of it goes with it, and the old name means it until another model has that.",
    permission: "models:write",
    input: z.object({ model: z.string(), newName: z.string() }),
    output: modelOutput.extend({ endpoints: endpoints.describe("that still say an old name in the project's code") }),
    errors: [...errors],
    cli: { positional: ["model", "newName"] },
    async handle({ registry, serving }, { model: name, newName }) {
      const model = await renameModel(registry, { name, newName });
      await serving?.reload().catch(() => undefined); // endpoints that wait for a version say so themselves
      const following = await followersOf(registry, serving, newName);
      return { ...model, endpoints: following.filter(({ follows }) => follows.split("@")[0] !== newName) };
    },
  }),
  removalRoute({
    name: "models.delete",
    method: "DELETE",
    path: "/api/models/{model}",
    summary: "Delete a model with its versions; refused while an alias or an endpoint points at one of them, unless forced.",
    permission: "models:write",
    input: z.object({ model: z.string(), force, dryRun }),
    output: removal,
    errors: [...errors],
    cli: { positional: ["model"], text: removalText },
    async handle({ registry, serving }, { model, force: forced, dryRun: dry }, { actor }) {
      const { name, aliases } = await getModel(registry, model);
      const following = await followersOf(registry, serving, name);
      const versions = (await versionNumbers(registry, [name])).get(name) ?? [];
      const plan = planOf(name, versions, aliases, following);
      if (dry) return plan;
      if (!forced) refuse(`Model "${name}"`, plan);
      await deleteModel(registry, model, { ...(forced && { withAliases: { actor: actor.name, reason: "the model was deleted" } }) });
      return { ...plan, deleted: true };
    },
  }),
  removalRoute({
    name: "versions.delete",
    method: "DELETE",
    path: "/api/models/{model}/versions/{version}",
    summary: "Delete a version for good: its number is never given again; refused while an alias or an endpoint points at it, unless forced.",
    permission: "models:write",
    input: z.object({ model: z.string(), version: z.coerce.number().int().min(1).describe("a number"), force, dryRun }),
    output: removal,
    errors: [...errors],
    cli: { positional: ["model", "version"], text: removalText },
    async handle({ registry, serving }, { model, version, force: forced, dryRun: dry }, { actor }) {
      const found = await getVersion(registry, model, version);
      const following = await followersOf(registry, serving, found.model);
      const held = Object.fromEntries(found.aliases.map((alias) => [alias, version]));
      const plan = planOf(
        found.model,
        [version],
        held,
        following.filter((each) => each.version === version),
      );
      if (dry) return plan;
      if (!forced) refuse(`Version ${version} of "${found.model}"`, plan);
      const withAliases = { actor: actor.name, reason: `version ${version} was deleted` };
      await deleteVersion(registry, { model, version, ...(forced && { withAliases }) });
      return { ...plan, deleted: true };
    },
  }),
];

function planOf(model: string, versions: number[], aliases: Record<string, number>, following: Removal["endpoints"]): Removal {
  const inTheWay = [
    ...Object.entries(aliases).map(([alias, version]) => `${model}@${alias} is version ${version}`),
    ...following.map(
      ({ name, follows, version }) => `endpoint ${name} ${version === null ? "names" : `answers with version ${version} of`} it (${follows})`,
    ),
  ];
  return { model, versions, aliases, endpoints: following, inTheWay, deleted: false };
}

function refuse(what: string, { inTheWay, aliases, versions, endpoints: following }: Removal): void {
  if (inTheWay.length === 0) return;
  throw new AppError("conflict", `${what} cannot be deleted: ${inTheWay.join("; ")}.`, {
    hint: "Point them elsewhere first, or force it; with dryRun it says what would go.",
    details: { versions, aliases, endpoints: following },
  });
}

function removalText({ model, versions, aliases, inTheWay, deleted }: Removal): string {
  const held = Object.keys(aliases).map((alias) => `${model}@${alias}`);
  const which = versions.length === 0 ? "no versions" : `${versions.length === 1 ? "version" : "versions"} ${ranges(versions)}`;
  return [
    `${deleted ? "deleted" : "would delete"} ${which} of ${model}${held.length > 0 ? `; aliases ${held.join(", ")}` : ""}`,
    ...(deleted ? [] : inTheWay.map((each) => `in the way: ${each}`)),
  ].join("\n");
}

/** `1-3, 5` */
function ranges(numbers: number[]): string {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] + 1 === number) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(", ");
}
