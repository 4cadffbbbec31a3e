import { afterEach, beforeEach, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import type { AnyRoute } from "#kit/route";
import type { Happening } from "#ports/announcer";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  aliasHistory,
  getModel,
  getVersion,
  listModels,
  type ModelFollower,
  registerVersion,
  registryMigrations,
  registryRoutes,
  type RegistryServices,
  setAlias,
} from "./index.ts";

const model = "late-arrival";

let state: Database;
let registry: RegistryServices;
let told: Happening[];
let followed: unknown[];
/** The desk of a project with one endpoint, which answers with a version. */
let serving: { endpoints: { name: string; model: string }[]; describe(): Promise<{ version: number | null }>; reload(): Promise<void> } | undefined;
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  told = [];
  followed = [];
  const follower: Required<ModelFollower> = {
    renamed: async (_transaction, change) => void followed.push(change),
    deleted: async (_transaction, gone) => void followed.push(gone),
  };
  registry = { state, clock: fixedClock(1_000), announce: async (_transaction, happening) => void told.push(happening), followers: [follower] };
  serving = undefined;
  const folder = { format: "onnx", signature: { inputs: [], outputs: [] }, files: [] };
  for (const runId of ["r1", "r2", "r3"]) await registerVersion(registry, { model, runId, folder: { ...folder, digest: modelDigest(folder) } });
  await setAlias(registry, { model, alias: "champion", version: 2, actor: "ana" });
  told = [];
});
afterEach(() => state.close());

async function call(name: string, input: object): Promise<unknown> {
  const route = (registryRoutes as AnyRoute[]).find((each) => each.name === name)!;
  const request = { actor: { name: "ben", permissions: new Set<string>() }, requestId: "1", signal: new AbortController().signal };
  return route.handle({ registry, ...(serving && { serving }) } as never, route.input.parse(input), request);
}

function answerWith(version: number | null): void {
  serving = { endpoints: [{ name: "desk", model: `${model}@champion` }], describe: async () => ({ version }), reload: async () => undefined };
}

const text = (name: string, output: unknown) =>
  ((registryRoutes as AnyRoute[]).find((each) => each.name === name)!.cli as { text(of: unknown): string }).text(output);

it("a model is renamed with what follows it, and the answer names the endpoints whose code says the old name", async () => {
  answerWith(2);
  expect(await call("models.rename", { model, newName: "delays" })).toMatchObject({
    ...{ name: "delays", latest: 3, aliases: { champion: 2 } },
    endpoints: [{ name: "desk", follows: `${model}@champion`, version: 2 }],
  });
  expect(followed).toEqual([{ model, newName: "delays" }]);
  expect(await call("models.show", { model })).toMatchObject({ name: "delays", formerNames: [model], versions: [{ version: 3 }, {}, {}] });
});

it("a model that an alias or an endpoint points at is deleted only by force, and a dry run says all of it", async () => {
  answerWith(3);
  const plan = { model, versions: [1, 2, 3], aliases: { champion: 2 }, deleted: false };
  const dry = await call("models.delete", { model, dryRun: "true", force: true });
  expect(dry).toMatchObject({
    ...plan,
    inTheWay: [`${model}@champion is version 2`, expect.stringContaining("version 2"), expect.stringContaining("version 3")],
  });
  expect(text("models.delete", dry)).toBe(
    [
      `would delete versions 1-3 of ${model}; aliases ${model}@champion`,
      `in the way: ${model}@champion is version 2`,
      ...[2, 3].map((version) => `in the way: endpoint desk answers with version ${version} of it (${model}@champion)`),
    ].join("\n"),
  );
  await expect(call("models.delete", { model })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("endpoint desk answers"),
  });
  expect(await getModel(registry, model)).toMatchObject({ latest: 3 });
  expect([told, followed]).toEqual([[], []]);

  expect(await call("models.delete", { model, force: true })).toMatchObject({ ...plan, deleted: true });
  expect((await listModels(registry)).map(({ name }) => name)).toEqual([]);
  expect(followed).toEqual([{ model }]);
  expect(told.map(({ event }) => event)).toEqual(["alias.removed", "model.deleted"]);
  await expect(call("models.delete", { model, dryRun: true })).rejects.toMatchObject({ code: "not_found" });
});

it("a version goes alone, with the aliases that hold it only by force", async () => {
  expect(await call("versions.delete", { model, version: "3" })).toMatchObject({ versions: [3], inTheWay: [], deleted: true });
  await expect(getVersion(registry, model, 3)).rejects.toMatchObject({ code: "not_found" });
  await expect(call("versions.delete", { model, version: 2 })).rejects.toMatchObject({ code: "conflict" });
  answerWith(1); // where the endpoint stands, although the alias has moved on
  await expect(call("versions.delete", { model, version: 1 })).rejects.toMatchObject({ message: expect.stringContaining("endpoint desk") });
  expect(await call("versions.delete", { model, version: 2, force: true })).toMatchObject({ aliases: { champion: 2 }, deleted: true });
  expect(await getModel(registry, model)).toMatchObject({ aliases: {}, latest: 1 });
  expect(await aliasHistory(registry, { model, alias: "champion" })).toMatchObject([
    {},
    { kind: "remove", actor: "ben", reason: "version 2 was deleted" },
  ]);
  expect(followed).toEqual([3, 2].map((version) => ({ model, version })));
});
