import { afterEach, beforeEach, expect, it } from "vitest";
import { modelDigest } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import {
  addNote,
  createModel,
  editNote,
  listNotes,
  noteHistory,
  registerVersion,
  registryMigrations,
  type RegistryServices,
  removeNote,
} from "./index.ts";

let state: Database;
let services: RegistryServices & { clock: ReturnType<typeof fixedClock> };
const model = "late-arrival";
beforeEach(async () => {
  state = await openTestState(registryMigrations);
  services = { state, clock: fixedClock(1_000) };
  const folder = { format: "onnx", signature: { inputs: [], outputs: [] }, files: [] };
  await registerVersion(services, { model, folder: { ...folder, digest: modelDigest(folder) } });
});
afterEach(() => state.close());

it("notes have an author and a time, and are about a model or one of its versions", async () => {
  const about = await addNote(services, { model, text: " Watch the winter. ", actor: "ana" });
  services.clock.advance(10);
  const first = await addNote(services, { model, version: 1, text: "Trained twice.", actor: "ben" });
  expect(about).toMatchObject({ text: "Watch the winter.", author: "ana", createdMs: 1_000, version: undefined, edited: undefined });
  expect(await listNotes(services, { model })).toEqual([first, about]);
  expect(await listNotes(services, { model, version: 1 })).toEqual([first]);
});

it("notes that are edited or removed keep their history, with who did it when", async () => {
  const { id } = await addNote(services, { model, text: "one", actor: "ana" });
  services.clock.advance(10);
  const edited = await editNote(services, { model, id, text: "two", actor: "ben" });
  expect(edited).toMatchObject({ text: "two", author: "ana", edited: { actor: "ben", atMs: 1_010 } });
  expect(await editNote(services, { model, id, text: "two", actor: "ana" })).toEqual(edited); // nothing changed
  expect(await listNotes(services, { model })).toEqual([edited]);
  services.clock.advance(10);
  await removeNote(services, { model, id, actor: "cy" });
  expect(await listNotes(services, { model })).toEqual([]);
  expect(await noteHistory(services, { model, id })).toEqual([
    { kind: "write", text: "one", actor: "ana", atMs: 1_000 },
    { kind: "edit", text: "two", actor: "ben", atMs: 1_010 },
    { kind: "remove", text: "", actor: "cy", atMs: 1_020 },
  ]);
});

it("notes that are not there, removed, of another model or bad are refused", async () => {
  await createModel(services, { name: "other" });
  const { id } = await addNote(services, { model, text: "one", actor: "ana" });
  await expect(editNote(services, { model: "other", id, text: "two", actor: "ana" })).rejects.toMatchObject({ code: "not_found" });
  await expect(noteHistory(services, { model: "other", id })).rejects.toMatchObject({ code: "not_found" });
  await removeNote(services, { model, id, actor: "ana" });
  await expect(editNote(services, { model, id, text: "two", actor: "ana" })).rejects.toMatchObject({ code: "not_found" });
  await expect(removeNote(services, { model, id, actor: "ana" })).rejects.toMatchObject({ code: "not_found" });
  await expect(addNote(services, { model, version: 9, text: "x", actor: "ana" })).rejects.toMatchObject({ code: "not_found" });
  for (const text of ["", "  ", "x".repeat(20_001)])
    await expect(addNote(services, { model, text, actor: "ana" })).rejects.toMatchObject({ code: "invalid_argument" });
});
