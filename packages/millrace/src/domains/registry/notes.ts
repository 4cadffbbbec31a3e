import { z } from "zod";
import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { parseArgument } from "#kit/parse-argument";
import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { RegistryServices } from "./model.ts";
import { activeModel, findVersion, lockModel, type ModelRow } from "./store.ts";
import { versionNotFound } from "./version-not-found.ts";

const noteSchema = z.object({ text: z.string().trim().min(1).max(20_000), actor: z.string().min(1).max(500) });

/** What somebody wrote about a model or a version. */
export interface Note {
  id: string;
  /** None: about the model. */
  version: number | undefined;
  text: string;
  author: string;
  createdMs: number;
  /** The last edit. */
  edited: { actor: string; atMs: number } | undefined;
}

/** One state of a note. */
export interface NoteChange {
  kind: "write" | "edit" | "remove";
  /** From now on; that of a removed note is empty. */
  text: string;
  actor: string;
  atMs: number;
}

/** Writes a note about a model, or one of its versions. Throws `not_found`, `invalid_argument`. */
export async function addNote(
  { state, clock }: RegistryServices,
  { model: name, version, ...note }: { model: string; version?: number | undefined; text: string; actor: string },
): Promise<Note> {
  const { text, actor } = parseArgument(noteSchema, "note", note);
  const id = newId();
  const atMs = clock.now();
  await state.write(async (transaction) => {
    const model = await lockModel(transaction, name);
    if (version !== undefined && (await findVersion(transaction, model, version)) === undefined) throw versionNotFound(name, version);
    await transaction.run(sql`insert into registry_note (id, model, version, created_ms) values (${id}, ${model.id}, ${version}, ${atMs})`);
    await saveChange(transaction, id, { kind: "write", text, actor, atMs });
  });
  return { id, version, text, author: actor, createdMs: atMs, edited: undefined };
}

/** Gives a note another text; the former ones are kept. Throws `not_found`, also for a removed one. */
export async function editNote(
  { state, clock }: RegistryServices,
  { model, id, ...note }: { model: string; id: string; text: string; actor: string },
): Promise<Note> {
  const { text, actor } = parseArgument(noteSchema, "note", note);
  return state.write(async (transaction) => {
    const row = await lockModel(transaction, model);
    const standing = await standingNote(transaction, row, id);
    const atMs = clock.now();
    if (standing.text === text) return standing;
    await saveChange(transaction, id, { kind: "edit", text, actor, atMs });
    return { ...standing, text, edited: { actor, atMs } };
  });
}

/** Takes a note away; its history stays. Throws `not_found`. */
export async function removeNote(
  { state, clock }: RegistryServices,
  { model, id, actor }: { model: string; id: string; actor: string },
): Promise<void> {
  await state.write(async (transaction) => {
    await standingNote(transaction, await lockModel(transaction, model), id);
    await saveChange(transaction, id, { kind: "remove", text: "", actor, atMs: clock.now() });
  });
}

/** Notes about a model and its versions, or about one version, newest first; removed ones are left out. */
export async function listNotes(
  { state }: RegistryServices,
  { model, version, limit = 1_000 }: { model: string; version?: number | undefined; limit?: number },
): Promise<Note[]> {
  const row = await activeModel(state, model);
  const which = version === undefined ? sql`` : sql` and n.version = ${version}`;
  const rows = await state.all<NoteRow>(sql`${noteRows} where n.model = ${row.id} and last.kind <> 'remove'${which}
    order by n.created_ms desc, n.id desc limit ${limit}`);
  return rows.map(parseNote);
}

/** Everything a note ever said, oldest first, also of a removed one. Throws `not_found`. */
export async function noteHistory({ state }: RegistryServices, { model, id }: { model: string; id: string }): Promise<NoteChange[]> {
  const row = await activeModel(state, model);
  const changes = await state.all<{
    kind: NoteChange["kind"];
    text: string;
    actor: string;
    at_ms: number;
  }>(sql`select c.kind, c.text, c.actor, c.at_ms
    from registry_note_change c join registry_note n on n.id = c.note where n.id = ${id} and n.model = ${row.id} order by c.seq`);
  if (changes.length === 0) throw noNote(model, id);
  return changes.map(({ at_ms: atMs, ...change }) => ({ ...change, atMs }));
}

interface NoteRow {
  id: string;
  version: number | null;
  created_ms: number;
  author: string;
  seq: number;
  text: string;
  actor: string;
  at_ms: number;
}

const noteRows = sql`select n.id, n.version, n.created_ms, first.actor as author, last.seq, last.text, last.actor, last.at_ms
  from registry_note n join registry_note_change first on first.note = n.id and first.seq = 1
  join registry_note_change last on last.note = n.id and last.seq = (select max(seq) from registry_note_change where note = n.id)`;

async function standingNote(reader: Reader, model: ModelRow, id: string): Promise<Note> {
  const row = await reader.get<NoteRow>(sql`${noteRows} where n.model = ${model.id} and n.id = ${id} and last.kind <> 'remove'`);
  if (row === undefined) throw noNote(model.name, id);
  return parseNote(row);
}

function parseNote(row: NoteRow): Note {
  return {
    ...{ id: row.id, version: row.version ?? undefined, text: row.text, author: row.author, createdMs: row.created_ms },
    edited: row.seq > 1 ? { actor: row.actor, atMs: row.at_ms } : undefined,
  };
}

async function saveChange(transaction: Transaction, note: string, { kind, text, actor, atMs }: NoteChange): Promise<void> {
  const last = await transaction.get<{ seq: number | null }>(sql`select max(seq) as seq from registry_note_change where note = ${note}`);
  await transaction.run(sql`insert into registry_note_change (note, seq, kind, text, actor, at_ms)
    values (${note}, ${(last?.seq ?? 0) + 1}, ${kind}, ${text}, ${actor}, ${atMs})`);
}

function noNote(model: string, id: string): AppError {
  return new AppError("not_found", `Model "${model}" has no note ${id}.`, { hint: `millrace notes list ${model}` });
}
