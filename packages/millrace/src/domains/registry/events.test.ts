import { afterEach, beforeEach, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import type { Happening } from "#ports/announcer";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  aliasesHeld,
  createModel,
  deleteModel,
  deleteVersion,
  noteStage,
  registerVersion,
  registryMigrations,
  type RegistryServices,
  removeAlias,
  renameModel,
  rollbackAlias,
  setAlias,
  stageHistory,
  updateModel,
  updateVersion,
} from "./index.ts";

let state: Database;
let told: Happening[];
let services: RegistryServices & { clock: ReturnType<typeof fixedClock> };
const model = "late-arrival";
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  told = [];
  services = { state, clock: fixedClock(1_000), announce: async (_transaction, happening) => void told.push(happening) };
});
afterEach(() => state.close());

const heard = () => told.splice(0).map(({ event, data }) => [event, data]);

async function register(run: string, more: object = {}) {
  const folder = { format: "onnx", signature: { inputs: [], outputs: [] }, files: [] };
  return registerVersion(services, { model, runId: run, folder: { ...folder, digest: modelDigest(folder) }, ...more });
}

it("what happens to a model is told once, with what it is about", async () => {
  await createModel(services, { name: model, description: "d", tags: { team: "ops" } });
  const about = { model, modelTags: { team: "ops" } };
  expect(told[0]!.atMs).toBe(1_000);
  expect(heard()).toEqual([["model.created", { ...about, description: "d" }]]);
  await updateModel(services, { name: model, description: "e", tags: { a: "1", team: null, nothing: null } });
  expect(heard()).toEqual([
    ["model.description-changed", { model, modelTags: { a: "1" }, description: "e" }],
    ["model.tag-set", { model, modelTags: { a: "1" }, key: "a", value: "1" }],
    ["model.tag-removed", { model, modelTags: { a: "1" }, key: "team" }],
  ]);
  await renameModel(services, { name: model, newName: "late" });
  await renameModel(services, { name: "late", newName: "late" }); // no change
  await deleteModel(services, "late");
  expect(heard()).toEqual([
    ["model.renamed", { model: "late", modelTags: { a: "1" }, previous: model }],
    ["model.deleted", { model: "late", modelTags: { a: "1" } }],
  ]);
});

it("what happens to a version is told, and a repeated registration tells nothing", async () => {
  const gate = { gate: "ready", verdict: "passed", summary: "ready: 5 of 5 passed" };
  await register("r1", { gate, tags: { k: "v" }, description: "first", actor: "ana" });
  const about = { model, modelTags: {}, version: 1 };
  const created = { runId: "r1", format: "onnx", status: "ready", description: "first", tags: { k: "v" }, actor: "ana" };
  expect(heard()).toEqual([
    ["model.created", { model, modelTags: {}, description: "" }],
    ["version.created", { ...about, ...created, digest: expect.any(String) as string }],
    ["gate.decided", { ...about, ...gate }],
  ]);
  await register("r1");
  expect(heard()).toEqual([]);
  await updateVersion(services, {
    model,
    version: 1,
    description: "first",
    status: "failed",
    tags: { k: null, n: "1" },
    gate: { ...gate, verdict: "failed" },
  });
  expect(heard()).toEqual([
    ["version.status-changed", { ...about, status: "failed", previous: "ready" }],
    ["version.tag-removed", { ...about, key: "k" }],
    ["version.tag-set", { ...about, key: "n", value: "1" }],
    ["gate.decided", { ...about, ...gate, verdict: "failed" }],
  ]);
  await deleteVersion(services, { model, version: 1 });
  expect(heard()).toEqual([["version.deleted", about]]);
});

it("moves of aliases are told as set, moved and removed, and a version knows all it held", async () => {
  for (const run of ["r1", "r2"]) await register(run);
  heard();
  const champion = { model, alias: "champion", actor: "ana" };
  await setAlias(services, { ...champion, version: 1, reason: "first" });
  await setAlias(services, { ...champion, version: 1 }); // it has it
  services.clock.advance(5);
  await setAlias(services, { ...champion, version: 2, gate: "g" });
  services.clock.advance(5);
  await rollbackAlias(services, champion);
  await removeAlias(services, champion);
  const about = { model, modelTags: {}, alias: "champion", actor: "ana", gate: undefined };
  expect(heard()).toEqual([
    ["alias.set", { ...about, kind: "set", version: 1, previous: undefined, reason: "first" }],
    ["alias.moved", { ...about, kind: "set", version: 2, previous: 1, reason: "", gate: "g" }],
    ["alias.moved", { ...about, kind: "rollback", version: 1, previous: 2, reason: "" }],
    ["alias.removed", { ...about, kind: "remove", version: undefined, previous: 1, reason: "" }],
  ]);
  expect((await aliasesHeld(services, { model, version: 1 })).map(({ fromMs, untilMs }) => [fromMs, untilMs])).toEqual([
    [1_000, 1_005],
    [1_010, 1_010],
  ]);
  expect(await aliasesHeld(services, { model, version: 3 })).toEqual([]);
});

it("stages have a history, and each change is told", async () => {
  for (const run of ["r1", "r2"]) await register(run);
  heard();
  const move = (version: number, previous: string, stage: string) =>
    state.write((transaction) => noteStage(services, transaction, { model, version, stage, previous, actor: "ana" }));
  await move(1, "None", "Staging");
  services.clock.advance(5);
  await move(2, "None", "Staging");
  services.clock.advance(5);
  await move(1, "Staging", "Production");
  expect(heard()[2]).toEqual(["version.stage-changed", { model, modelTags: {}, version: 1, stage: "Production", previous: "Staging", actor: "ana" }]);
  expect(await stageHistory(services, model)).toEqual([
    { version: 1, stage: "Staging", previous: "None", actor: "ana", fromMs: 1_000, untilMs: 1_010 },
    { version: 2, stage: "Staging", previous: "None", actor: "ana", fromMs: 1_005, untilMs: undefined },
    { version: 1, stage: "Production", previous: "Staging", actor: "ana", fromMs: 1_010, untilMs: undefined },
  ]);
});

it("nothing is changed where it cannot be told", async () => {
  await register("r1");
  services.announce = () => Promise.reject(new Error("the outbox is full"));
  await expect(setAlias(services, { model, alias: "champion", version: 1, actor: "ana" })).rejects.toThrow("the outbox is full");
  expect(await aliasesHeld(services, { model, version: 1 })).toEqual([]);
});
