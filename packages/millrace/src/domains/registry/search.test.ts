import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";
import {
  createModel,
  deleteModel,
  deleteVersion,
  getModel,
  getVersion,
  listModels,
  modelNames,
  registerVersion,
  registryMigrations,
  registryRoutes,
  type RegistryServices,
  removeAlias,
  renameModel,
  searchModels,
  searchVersions,
  setAlias,
  touchVersion,
  updateModel,
  updateVersion,
  type VersionCondition,
  versionHeads,
  versionNumbers,
  versionsHeld,
} from "./index.ts";

let state: Database;
let services: RegistryServices & { clock: ReturnType<typeof fixedClock> };
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  services = { state, clock: fixedClock(1_000) };
});
afterEach(() => state.close());

async function make(model: string, run: string, tags: Record<string, string> = {}): Promise<number> {
  const files = [{ path: "model.onnx", digest: sha256(run), sizeBytes: 1 }];
  const contents = { format: "onnx", signature: { inputs: [], outputs: [] }, files };
  const { version } = await registerVersion(services, { model, runId: run, folder: { ...contents, digest: modelDigest(contents) }, tags });
  return version;
}

async function found(...where: VersionCondition[]): Promise<string[]> {
  const { versions } = await searchVersions(services, { where, order: [{ by: "model", direction: "asc" }], limit: 100 });
  return versions.map(({ model, version }) => `${model} ${version}`);
}

describe("versions are found", () => {
  it("by model, run, number and tags, and no longer by what they lost", async () => {
    await make("a", "r1", { team: "x", week: "1" });
    await make("a", "r2", { team: "x" });
    await make("b", "r1", { team: "y" });
    expect(await found({ models: ["a", "none"] })).toEqual(["a 2", "a 1"]);
    expect(await found({ runs: ["r1"] })).toEqual(["a 1", "b 1"]);
    expect(await found({ number: 2, op: ">=" })).toEqual(["a 2"]);
    expect(await found({ tag: "team", is: "x" })).toEqual(["a 2", "a 1"]);
    expect(await found({ tag: "team", isNot: "x" })).toEqual(["b 1"]);
    expect(await found({ tag: "week" })).toEqual(["a 1"]);
    expect(await found({ withoutTag: "team", is: "x" })).toEqual(["b 1"]);
    expect(await found({ tag: "team", is: "x" }, { tag: "week" })).toEqual(["a 1"]);

    await updateVersion(services, { model: "a", version: 1, tags: { team: "y", week: null } });
    expect(await found({ tag: "team", is: "x" })).toEqual(["a 2"]);
    expect(await found({ tag: "week" })).toEqual([]);
    await renameModel(services, { name: "a", newName: "c" });
    expect(await found({ tag: "team", is: "y" })).toEqual(["b 1", "c 1"]);
    await deleteVersion(services, { model: "c", version: 1 });
    expect(await found({ tag: "team", is: "y" })).toEqual(["b 1"]);
    await deleteModel(services, "b");
    expect(await found()).toEqual(["c 2"]);
    await make("b", "r9");
    expect(await found({ tag: "team", is: "y" })).toEqual([]);
  });

  it("by tags of any length and any characters", async () => {
    const odd = { "a=b": "=", empty: "", long: "x".repeat(5_000), quote: `'"\\`, "sha256:": "sha256:x", smile: "🙂\ud800", nul: "a\0b" };
    await make("a", "r1", odd);
    for (const [tag, is] of Object.entries(odd)) {
      expect(await found({ tag, is }), tag).toEqual(["a 1"]);
      expect(await found({ tag, is: `${is}x` }), tag).toEqual([]);
      expect(await found({ tag, isNot: is }), tag).toEqual([]);
    }
  });

  it("newest change first: of its text or its stage, not of its tags", async () => {
    for (const run of ["r1", "r2", "r3"]) await make("a", run);
    services.clock.advance(1_000);
    await updateVersion(services, { model: "a", version: 1, description: "looked at" });
    services.clock.advance(1_000);
    await updateVersion(services, { model: "a", version: 2, tags: { x: "y" } });
    services.clock.advance(1_000);
    await state.write((transaction) => touchVersion(services, transaction, { model: "a", version: 3 }));
    const { versions } = await searchVersions(services, { limit: 10 });
    expect(versions.map(({ version, updatedMs }) => [version, updatedMs])).toEqual([
      [3, 4_000],
      [1, 2_000],
      [2, 1_000],
    ]);
    expect(await getVersion(services, "a", 1)).toMatchObject({ createdMs: 1_000, updatedMs: 2_000 });
  });

  it("models newest change first: of their text, name or versions, not of their tags or aliases", async () => {
    const changed = async () => (await getModel(services, "a")).updatedMs;
    const at = async (work: () => Promise<unknown>) => {
      services.clock.advance(1_000);
      await work();
      return changed();
    };
    await make("a", "r1");
    await make("a", "r2");
    expect(await changed()).toBe(1_000);
    expect(await at(() => updateModel(services, { name: "a", tags: { x: "y" } }))).toBe(1_000);
    expect(await at(() => setAlias(services, { model: "a", alias: "champion", version: 1, actor: "ana" }))).toBe(1_000);
    expect(await at(() => updateVersion(services, { model: "a", version: 1, description: "looked at" }))).toBe(1_000);
    expect(await at(() => updateModel(services, { name: "a", description: "d" }))).toBe(5_000);
    expect(await at(() => state.write((transaction) => touchVersion(services, transaction, { model: "a", version: 1, atMs: 5_500 })))).toBe(5_500);
    expect(await at(() => deleteVersion(services, { model: "a", version: 2 }))).toBe(7_000);
    services.clock.advance(1_000);
    await renameModel(services, { name: "a", newName: "b" });
    expect(await getVersion(services, "b", 1)).toMatchObject({ updatedMs: 8_000 });
  });

  it("page by page, though versions come and go between pages", async () => {
    for (const run of ["r1", "r2", "r3", "r4", "r5"]) await make("a", run);
    const first = await searchVersions(services, { limit: 2 });
    expect(first.versions.map(({ version }) => version)).toEqual([5, 4]);
    await deleteVersion(services, { model: "a", version: 5 });
    services.clock.advance(1_000);
    await make("a", "r6");
    const second = await searchVersions(services, { limit: 2, cursor: first.nextCursor });
    expect(second.versions.map(({ version }) => version)).toEqual([3, 2]);
    const third = await searchVersions(services, { limit: 2, cursor: second.nextCursor });
    expect(third).toMatchObject({ versions: [{ version: 1 }], nextCursor: undefined });
    for (const cursor of ["nonsense", Buffer.from("[1,2,3]").toString("base64url"), Buffer.from('["a","a",1]').toString("base64url"), ""])
      await expect(searchVersions(services, { limit: 2, cursor }), cursor).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("as long as it takes to fill a page, where somebody else decides", async () => {
    for (let i = 0; i < 520; i++) await make("a", `r${i}`);
    const keep = (versions: { version: number }[]) => versions.filter(({ version }) => version <= 6);
    const asked = { limit: 4, keep: async (versions: Parameters<typeof keep>[0]) => keep(versions) as never };
    const first = await searchVersions(services, asked);
    expect(first.versions.map(({ version }) => version)).toEqual([6, 5, 4, 3]);
    const second = await searchVersions(services, { ...asked, cursor: first.nextCursor });
    expect(second).toMatchObject({ versions: [{ version: 2 }, { version: 1 }], nextCursor: undefined });
  });
});

it("heads, numbers and holders of aliases come for many models at once", async () => {
  for (const run of ["r1", "r2"]) for (const model of ["a", "b"]) await make(model, run);
  await setAlias(services, { model: "a", alias: "champion", version: 1, actor: "ana" });
  await setAlias(services, { model: "a", alias: "best", version: 1, actor: "ana" });
  await setAlias(services, { model: "b", alias: "champion", version: 2, actor: "ana" });
  const heads = await versionHeads(services, [
    { model: "b", version: 2 },
    { model: "none", version: 1 },
    { model: "a", version: 9 },
    { model: "a", version: 1 },
  ]);
  expect(heads).toMatchObject([
    { model: "b", version: 2, runId: "r2", aliases: ["champion"] },
    { model: "a", version: 1, runId: "r1", aliases: ["best", "champion"] },
  ]);
  expect(Object.keys(heads[0]!)).not.toContain("files");
  expect(await versionNumbers(services, ["b", "none"])).toEqual(
    new Map([
      ["b", [1, 2]],
      ["none", []],
    ]),
  );
  expect([...(await versionsHeld(services))]).toEqual([
    ["a@best", { model: "a", version: 1 }],
    ["a@champion", { model: "a", version: 1 }],
    ["b@champion", { model: "b", version: 2 }],
  ]);
  expect((await modelNames(services)).toSorted()).toEqual(["a", "b"]);
});

it("listing models takes as many statements for many as for few", async () => {
  let statements = 0;
  const counted = {
    ...services,
    state: {
      ...state,
      all: ((query) => (statements++, state.all(query))) as Database["all"],
      get: ((query) => (statements++, state.get(query))) as Database["get"],
    },
  };
  const count = async () => {
    statements = 0;
    await listModels(counted);
    return statements;
  };
  for (const model of ["a", "b"]) await make(model, "r1");
  const few = await count();
  for (let i = 0; i < 50; i++) await make(`m${i}`, "r1");
  expect(await count()).toBe(few);
});

it("a registry of before searches knows the tags and times of what it has", async () => {
  const old = await openTestState(registryMigrations.filter(({ id }) => id < "registry-004"));
  try {
    await old.run(sql`insert into registry_model (id, name, description, tags, last_version, created_ms, updated_ms)
      values ('m', 'a', '', ${JSON.stringify({ team: "x" })}, 2, 1, 1)`);
    for (const [version, deletedMs] of [
      [1, null],
      [2, 5],
    ] as const)
      await old.run(sql`insert into registry_version (model, version, run, digest, format, signature, files, metrics, data, status, description, tags, created_ms, deleted_ms)
        values ('m', ${version}, 'r', 'd', 'onnx', '{}', '[]', '{}', '[]', 'ready', '', ${JSON.stringify({ week: "1", long: "l".repeat(900), nul: "\0" })}, 77, ${deletedMs})`);
    await old.migrate(registryMigrations);
    const there = { ...services, state: old };
    for (const where of [
      { tag: "week", is: "1" },
      { tag: "long", is: "l".repeat(900) },
      { tag: "nul", is: "\0" },
    ])
      expect((await searchVersions(there, { where: [where], limit: 9 })).versions).toMatchObject([{ model: "a", version: 1, updatedMs: 77 }]);
    expect((await searchModels(there, { where: [{ tag: "team", is: "x" }], limit: 9 })).models).toMatchObject([{ name: "a", latest: 1 }]);
  } finally {
    await old.close();
  }
});

describe("models are found", () => {
  it("by name and tags, also after their tags changed", async () => {
    for (const [name, team] of [
      ["b", "x"],
      ["a", "y"],
      ["C", "x"],
    ] as const)
      await createModel(services, { name, tags: { team } });
    const names = async (...where: NonNullable<Parameters<typeof searchModels>[1]["where"]>) =>
      (await searchModels(services, { where, limit: 10 })).models.map(({ name }) => name);
    expect(await names()).toEqual(["C", "a", "b"]); // in order of the characters' numbers, on every database
    expect(await names({ tag: "team", is: "x" })).toEqual(["C", "b"]);
    await updateModel(services, { name: "b", tags: { team: null } });
    expect(await names({ tag: "team", is: "x" })).toEqual(["C"]);
    expect(await names({ withoutTag: "team", is: "x" })).toEqual(["a", "b"]);
    await deleteModel(services, "C");
    expect(await names({ tag: "team", is: "x" })).toEqual([]);
    await createModel(services, { name: "C" });
    expect(await names({ tag: "team" })).toEqual(["a"]);
    expect(await names({ names: ["C", "a", "none"] })).toEqual(["C", "a"]);
  });

  it("over the API by the page, by a text in their names and by tags", async () => {
    for (const name of ["audience-1", "audience-2", "Audience-3", "other"])
      await createModel(services, { name, tags: { team: name.slice(-1), kind: "a=b" } });
    for (const run of ["r1", "r2", "r3"]) await make("other", run, { odd: String(run !== "r2") });
    await setAlias(services, { model: "other", alias: "champion", version: 3, actor: "ana" });
    const server = await serveRoutes(registryRoutes, { registry: services });
    try {
      const get = async (path: string) => (await fetch(`${server.address}/api/models${path}`)).json() as Promise<Answer>;
      const names = ({ models }: Answer) => models?.map(({ name }) => name);
      expect(names(await get(""))).toEqual(["Audience-3", "audience-1", "audience-2", "other"]);
      expect(await get("")).not.toHaveProperty("nextCursor");
      const first = await get("?containing=AUDIENCE&limit=2");
      expect(names(first)).toEqual(["Audience-3", "audience-1"]);
      expect(names(await get(`?containing=AUDIENCE&limit=2&cursor=${first.nextCursor}`))).toEqual(["audience-2"]);
      expect(names(await get("?tags=team%3D2"))).toEqual(["audience-2"]);
      expect(names(await get("?tags=team%3D2&tags=kind%3Da%3Db"))).toEqual(["audience-2"]);
      expect(names(await get("?tags=team%3D2&tags=kind%3Da"))).toEqual([]);
      expect(names(await get("?tags=kind&limit=1"))).toEqual(["Audience-3"]);
      expect(await get("?cursor=x")).toMatchObject({ error: { code: "invalid_argument" } });

      const shown = await get("/other?limit=2");
      expect(shown).toMatchObject({
        name: "other",
        latest: 3,
        aliases: { champion: 3 },
        versions: [{ version: 3, aliases: ["champion"], digest: expect.any(String) }, { version: 2 }],
      });
      expect(await get(`/other?limit=2&cursor=${shown.nextCursor}`)).toMatchObject({ versions: [{ version: 1 }] });
      expect((await get("/other?tags=odd%3Dtrue")).versions?.map(({ version }) => version)).toEqual([3, 1]);
      expect(await get("/none")).toMatchObject({ error: { code: "not_found" } });
    } finally {
      await server.close();
    }
    await removeAlias(services, { model: "other", alias: "champion", actor: "ana" });
  });
});

interface Answer {
  models?: { name: string }[];
  versions?: { version: number }[];
  nextCursor?: string;
}
