import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  aliasHistory,
  createModel,
  deleteModel,
  deleteVersion,
  getModel,
  getVersion,
  listModels,
  listVersions,
  namesBefore,
  type NewVersion,
  registerVersion,
  registryMigrations,
  type RegistryServices,
  removeAlias,
  resolve,
  renameModel,
  rollbackAlias,
  setAlias,
  updateModel,
  updateVersion,
  versionsHeld,
} from "./index.ts";

let state: Database;
let services: RegistryServices & { clock: ReturnType<typeof fixedClock> };
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  services = { state, clock: fixedClock(1_000) };
});
afterEach(() => state.close());

const model = "late-arrival";

function version(run: string, content = run): NewVersion {
  const folder = {
    format: "onnx",
    signature: { inputs: [{ name: "x", type: "double" }], outputs: [{ name: "p", type: "double" }] },
    files: [{ path: "model.onnx", digest: sha256(content), sizeBytes: content.length }],
  };
  return { model, runId: run, folder: { ...folder, digest: modelDigest(folder) } };
}

async function registerThree() {
  for (const run of ["r1", "r2", "r3"]) await registerVersion(services, version(run));
}

const move = (to: number, more: object = {}) => setAlias(services, { model, alias: "champion", version: to, actor: "gate", ...more });
const back = (more: object = {}) => rollbackAlias(services, { model, alias: "champion", actor: "ana", ...more });

describe("registering", () => {
  it("makes version 1, then 2, and the model where it is new, keeping everything given", async () => {
    const given: NewVersion = {
      ...version("r1"),
      metrics: { auc: 0.78, worst: Number.NaN, bound: -Infinity },
      gate: { id: "g1", passed: true },
      data: [{ table: "marts.flights", version: 22 }],
      profile: "p".repeat(64),
      description: "first",
      tags: { team: "air" },
      actor: "ana",
    };
    const made = await registerVersion(services, given);
    expect(made).toMatchObject({ model, version: 1, created: true, status: "ready", createdMs: 1_000, runId: "r1" });
    const { created: _, ...stored } = made;
    expect(await getVersion(services, model, 1)).toEqual(stored);
    expect((await registerVersion(services, version("r2"))).version).toBe(2);
    expect(await getModel(services, model)).toMatchObject({ name: model, latest: 2, aliases: {} });
  });

  it("makes another version of the same folder where that is wanted, also of one whose files are elsewhere", async () => {
    await registerVersion(services, version("r1"));
    expect(await registerVersion(services, { ...version("r1"), again: true })).toMatchObject({ version: 2, created: true });
    expect(await registerVersion(services, version("r1"))).toMatchObject({ version: 1, created: false });
    const nothing = { format: "mlflow", signature: { inputs: [], outputs: [] }, files: [] };
    expect(await registerVersion(services, { model, folder: { ...nothing, digest: modelDigest(nothing) } })).toMatchObject({ version: 3, files: [] });
  });

  it("keeps versions, aliases and their history when a model gets another name", async () => {
    await registerThree();
    await move(2);
    await createModel(services, { name: "taken" });
    await deleteModel(services, "taken");
    await expect(renameModel(services, { name: model, newName: "taken" })).rejects.toMatchObject({ code: "conflict" });
    await expect(renameModel(services, { name: model, newName: "a/b" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(renameModel(services, { name: "nobody", newName: "new" })).rejects.toMatchObject({ code: "not_found" });
    expect(await renameModel(services, { name: model, newName: "late" })).toMatchObject({ name: "late", latest: 3, aliases: { champion: 2 } });
    expect(await getVersion(services, "late", 2)).toMatchObject({ model: "late", aliases: ["champion"] });
    expect(await aliasHistory(services, { model: "late", alias: "champion" })).toHaveLength(1);
  });

  it("goes on meaning a model by the name that it had, until another has that", async () => {
    await registerThree();
    await move(2);
    const rename = (name: string, newName: string) => renameModel(services, { name, newName });
    await rename(model, "late");
    services.clock.advance(1);
    await rename("late", "delays");
    for (const name of [model, "late", "delays"]) {
      expect(await getModel(services, name)).toMatchObject({ name: "delays" });
      expect(await resolve(services, `${name}@champion`)).toMatchObject({ model: "delays", version: 2 });
      expect((await versionsHeld(services)).get(`${name}@champion`)).toEqual({ model: "delays", version: 2 });
    }
    expect(await namesBefore(services, "delays")).toEqual(["late", model]);
    expect(await registerVersion(services, version("r4"))).toMatchObject({ model: "delays", version: 4, created: true });
    await move(4); // by the name that it had
    expect(await resolve(services, "delays@champion")).toMatchObject({ version: 4 });
    for (const undone of [() => rename(model, "again"), () => deleteModel(services, model), () => deleteVersion(services, { model, version: 1 })])
      await expect(undone()).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining('its name is "delays" now') });

    await createModel(services, { name: model });
    expect(await getModel(services, model)).toMatchObject({ name: model, latest: undefined });
    expect((await versionsHeld(services)).has(`${model}@champion`)).toBe(false);
    expect(await namesBefore(services, "delays")).toEqual(["late"]);
    services.clock.advance(1);
    await rename("delays", "late");
    expect(await namesBefore(services, "late")).toEqual(["delays"]);
    await deleteModel(services, model);
    await expect(getModel(services, model)).rejects.toMatchObject({ code: "not_found" });
  });

  it("gives the same version to a step that is tried again, and to many at once", async () => {
    await registerVersion(services, version("r1"));
    services.clock.advance(9);
    expect(await registerVersion(services, { ...version("r1"), description: "again" })).toMatchObject({
      version: 1,
      created: false,
      createdMs: 1_000,
      description: "",
    });
    const made = await Promise.all([1, 2, 3].map(() => registerVersion(services, version("r2"))));
    expect(made.map((one) => one.version)).toEqual([2, 2, 2]);
    expect(made.filter((one) => one.created)).toHaveLength(1);
  });

  it("gives each of several runs at once a number of its own", async () => {
    await createModel(services, { name: model });
    const made = await Promise.all(["a", "b", "c"].map((run) => registerVersion(services, version(run))));
    expect(made.map((one) => one.version).sort()).toEqual([1, 2, 3]);
  });

  it("makes another version of another model from the same run, or of other bytes", async () => {
    await registerVersion(services, version("r1"));
    expect((await registerVersion(services, version("r1", "other bytes"))).version).toBe(2);
    const { runId: _, ...elsewhere } = version("x");
    expect((await registerVersion(services, elsewhere)).version).toBe(3);
    expect(await registerVersion(services, elsewhere)).toMatchObject({ version: 3, runId: undefined, created: false });
  });

  it("refuses a digest that does not belong to the files", async () => {
    const one = version("r1");
    await expect(registerVersion(services, { ...one, folder: { ...one.folder, format: "pickle" } })).rejects.toThrow("does not belong to its files");
    expect(await listModels(services)).toEqual([]);
  });

  it.each(["", "a/b", "a@1", "a:b", "prod%2Fmodel", " a", "..", "e\u0301", "a\u200bb", "x".repeat(251)])(
    "refuses the model name %j",
    async (name) => {
      await expect(registerVersion(services, { ...version("r1"), model: name })).rejects.toMatchObject({
        code: "invalid_argument",
        details: { path: ["model"] },
      });
      await expect(createModel(services, { name })).rejects.toMatchObject({ code: "invalid_argument" });
    },
  );
});

describe("aliases", () => {
  it("say who held them when, moved by whom, why, and by which gate", async () => {
    await registerThree();
    await move(1, { reason: "first", gate: "g1" });
    services.clock.advance(500);
    await move(2, { reason: "better", gate: "g2" });
    services.clock.advance(500);
    await removeAlias(services, { model, alias: "champion", actor: "ana", reason: "broken" });
    expect(await aliasHistory(services, { model, alias: "champion" })).toEqual([
      { alias: "champion", kind: "set", version: 1, previous: undefined, actor: "gate", reason: "first", gate: "g1", fromMs: 1_000, untilMs: 1_500 },
      { alias: "champion", kind: "set", version: 2, previous: 1, actor: "gate", reason: "better", gate: "g2", fromMs: 1_500, untilMs: 2_000 },
      {
        alias: "champion",
        kind: "remove",
        version: undefined,
        previous: 2,
        actor: "ana",
        reason: "broken",
        gate: undefined,
        fromMs: 2_000,
        untilMs: undefined,
      },
    ]);
    expect((await getModel(services, model)).aliases).toEqual({});
  });

  it("write nothing down when the version holds them already", async () => {
    await registerThree();
    expect(await move(1)).toEqual({ version: 1, previous: undefined, changed: true });
    expect(await move(1)).toEqual({ version: 1, previous: 1, changed: false });
    expect(await move(1, { expected: null })).toMatchObject({ changed: false }); // the retry of a move that had succeeded
    expect(await aliasHistory(services, { model, alias: "champion" })).toHaveLength(1);
  });

  it("go to one of two that race from the same version; the other gets a conflict", async () => {
    await registerThree();
    await move(1);
    const outcomes = await Promise.allSettled([move(2, { expected: 1 }), move(3, { expected: 1 })]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = outcomes.find((outcome) => outcome.status === "rejected");
    expect(lost!.reason).toMatchObject({ code: "conflict", details: { expected: 1 } });
    expect(await aliasHistory(services, { model, alias: "champion" })).toHaveLength(2);
    await expect(move(1, { expected: null })).rejects.toThrow("not unset: it was moved meanwhile");
  });

  it("go back step by step to the versions that held them before, past deleted ones", async () => {
    await registerThree();
    await registerVersion(services, version("r4"));
    for (const to of [1, 2, 3, 4]) await move(to);
    expect(await back()).toEqual({ version: 3, previous: 4, changed: true });
    await deleteVersion(services, { model, version: 2 });
    expect(await back({ expected: 3 })).toMatchObject({ version: 1 });
    await expect(back({ expected: 3 })).rejects.toMatchObject({ code: "conflict" }); // a retry does not step back twice
    await expect(back()).rejects.toThrow("no earlier version");
    await move(4);
    expect(await back()).toMatchObject({ version: 1 });
    expect((await aliasHistory(services, { model, alias: "champion" })).map((change) => change.kind)).toEqual([
      "set",
      "set",
      "set",
      "set",
      "rollback",
      "rollback",
      "set",
      "rollback",
    ]);
  });

  it("need a version that exists and a name that is no version", async () => {
    await registerThree();
    await expect(move(9)).rejects.toMatchObject({ code: "not_found" });
    for (const alias of ["3", "v3", "latest", "a b", ""])
      await expect(setAlias(services, { model, alias, version: 1, actor: "a" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(rollbackAlias(services, { model, alias: "challenger", actor: "a" })).rejects.toThrow('no alias "challenger"');
  });

  it("protect the version they hold from deletion", async () => {
    await registerThree();
    await move(2);
    await expect(deleteVersion(services, { model, version: 2 })).rejects.toThrow("late-arrival@champion");
    await expect(deleteModel(services, model)).rejects.toMatchObject({ code: "conflict" });
    await move(3);
    await deleteVersion(services, { model, version: 2 });
    await expect(getVersion(services, model, 2)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("versions and models", () => {
  it("resolve by number, alias, latest, or the name alone", async () => {
    await registerThree();
    const of = async (reference: string) => (await resolve(services, reference)).version;
    expect(await of("late-arrival")).toBe(3);
    await move(2);
    expect(await of("late-arrival")).toBe(2);
    expect(await of("late-arrival@champion")).toBe(2);
    expect(await of("late-arrival@latest")).toBe(3);
    expect(await of("late-arrival@1")).toBe(1);
    expect((await resolve(services, "late-arrival@2")).aliases).toEqual(["champion"]);
    await expect(of("late-arrival@challenger")).rejects.toMatchObject({ code: "not_found", hint: "It has: late-arrival@champion." });
    await expect(of("late-arrival@7")).rejects.toThrow("has no version 7");
    await expect(of("nothing@1")).rejects.toThrow('no model "nothing"');
    await expect(of("late-arrival@constructor")).rejects.toMatchObject({ code: "not_found" });
    await createModel(services, { name: "empty" });
    await expect(of("empty")).rejects.toThrow("has no versions");
  });

  it("never give a deleted version's number again, not even when the model is deleted and made anew", async () => {
    await registerThree();
    await deleteVersion(services, { model, version: 3 });
    expect(await registerVersion(services, version("r3"))).toMatchObject({ version: 4, created: true });
    await deleteModel(services, model);
    await expect(getModel(services, model)).rejects.toMatchObject({ code: "not_found" });
    expect(await registerVersion(services, version("r1"))).toMatchObject({ version: 5, created: true });
    expect((await listVersions(services, { model })).map((one) => one.version)).toEqual([5]);
  });

  it("change what may change, and list newest first by pages", async () => {
    await registerThree();
    const changed = await updateVersion(services, {
      model,
      version: 2,
      status: "failed",
      description: "d",
      tags: { a: "1" },
      metrics: { auc: Number.NaN },
      gate: { id: "g", passed: false },
    });
    expect(changed).toMatchObject({ status: "failed", metrics: { auc: Number.NaN }, gate: { id: "g", passed: false } });
    expect(await updateVersion(services, { model, version: 2, tags: { a: null, b: "2" } })).toEqual({ ...changed, tags: { b: "2" } });
    expect(await updateModel(services, { name: model, description: "m", tags: { x: "1" } })).toMatchObject({ description: "m", tags: { x: "1" } });
    expect((await listVersions(services, { model, limit: 2 })).map((one) => one.version)).toEqual([3, 2]);
    expect((await listVersions(services, { model, below: 2 })).map((one) => one.version)).toEqual([1]);
    await expect(createModel(services, { name: model })).rejects.toMatchObject({ code: "conflict" });
    expect((await listModels(services)).map((one) => one.name)).toEqual([model]);
  });
});
