import { z } from "zod";
import { route } from "#kit/route";
import type { RegistryServices } from "./model.ts";
import { addNote, editNote, listNotes, noteHistory, removeNote } from "./notes.ts";

const noteRoute = route<{ registry: RegistryServices }>();

const note = z.object({
  id: z.string(),
  version: z.number().optional(),
  text: z.string(),
  author: z.string(),
  createdMs: z.number(),
  edited: z.object({ actor: z.string(), atMs: z.number() }).optional(),
});
// Not `version`: to the command line that is a question about itself.
const forVersion = z.coerce.number().int().min(1).optional().describe("about this version alone");
const text = z.string().min(1);

export const noteRoutes = [
  noteRoute({
    name: "notes.list",
    method: "GET",
    path: "/api/models/{model}/notes",
    summary: "List what people wrote about a model and its versions, newest first.",
    permission: "project:read",
    input: z.object({ model: z.string(), forVersion }),
    output: z.object({ notes: z.array(note) }),
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model"], rows: "notes", columns: ["id", "version", "author", "createdMs", "text"] },
    handle: async ({ registry }, { model, forVersion: version }) => ({ notes: await listNotes(registry, { model, version }) }),
  }),
  noteRoute({
    name: "notes.add",
    method: "POST",
    path: "/api/models/{model}/notes",
    summary: "Write a note about a model or one of its versions.",
    permission: "models:write",
    input: z.object({ model: z.string(), text, forVersion }),
    output: note,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model", "text"] },
    handle: ({ registry }, { forVersion: version, ...input }, { actor }) => addNote(registry, { ...input, version, actor: actor.name }),
  }),
  noteRoute({
    name: "notes.edit",
    method: "PATCH",
    path: "/api/models/{model}/notes/{id}",
    summary: "Give a note another text; the former ones stay in its history.",
    permission: "models:write",
    input: z.object({ model: z.string(), id: z.string(), text }),
    output: note,
    errors: ["invalid_argument", "not_found"],
    cli: { positional: ["model", "id", "text"] },
    handle: ({ registry }, input, { actor }) => editNote(registry, { ...input, actor: actor.name }),
  }),
  noteRoute({
    name: "notes.remove",
    method: "DELETE",
    path: "/api/models/{model}/notes/{id}",
    summary: "Take a note away; its history stays.",
    permission: "models:write",
    input: z.object({ model: z.string(), id: z.string() }),
    output: z.object({ removed: z.string() }),
    errors: ["not_found"],
    cli: { positional: ["model", "id"] },
    handle: async ({ registry }, input, { actor }) => {
      await removeNote(registry, { ...input, actor: actor.name });
      return { removed: input.id };
    },
  }),
  noteRoute({
    name: "notes.history",
    method: "GET",
    path: "/api/models/{model}/notes/{id}/history",
    summary: "Show everything a note ever said, by whom and when, also of a removed one.",
    permission: "project:read",
    input: z.object({ model: z.string(), id: z.string() }),
    output: z.object({
      changes: z.array(z.object({ kind: z.enum(["write", "edit", "remove"]), text: z.string(), actor: z.string(), atMs: z.number() })),
    }),
    errors: ["not_found"],
    cli: { positional: ["model", "id"], rows: "changes", columns: ["kind", "actor", "atMs", "text"] },
    handle: async ({ registry }, input) => ({ changes: await noteHistory(registry, input) }),
  }),
];
