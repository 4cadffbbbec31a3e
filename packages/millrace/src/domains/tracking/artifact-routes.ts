import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { fileAnswer } from "#kit/file-answer";
import { withBody } from "#kit/request-body";
import { route } from "#kit/route";
import { archiveArtifacts } from "./artifact-archive.ts";
import { deleteArtifact } from "./delete-artifact.ts";
import { logArtifact } from "./log-artifact.ts";
import type { Artifact, TrackingServices } from "./model.ts";
import { previewSchema } from "./preview.ts";
import { previewArtifact, type PreviewServices } from "./preview-artifact.ts";
import { previewText } from "./preview-text.ts";
import { getArtifact, listArtifacts, readArtifact } from "./read-artifact.ts";
import { whole } from "./route-inputs.ts";
import { safeMediaType } from "./safe-media-type.ts";

const artifactRoute = route<PreviewServices & { tracking: TrackingServices }>();
const run = z.string().min(1).describe("the run's id");
const path = z.string().min(1).describe("path among the run's artifacts, with / between names");

const artifactOutput = z.object({
  path: z.string(),
  folder: z.boolean(),
  sizeBytes: z.number(),
  /** SHA-256; absent for folders, and while it is not known yet of a file that went to the bucket directly. */
  digest: z.string().optional(),
  mediaType: z.string().optional(),
  createdMs: z.number(),
});

/** Of routes that move files in their own bytes. */
const bytesInput = z
  .object({
    run,
    path,
    body: z.custom<AsyncIterable<Uint8Array>>((value) => typeof value === "object" && value !== null && Symbol.asyncIterator in value),
    headers: z.record(z.string(), z.unknown()),
  })
  .catchall(z.unknown());

export const artifactRoutes = [
  artifactRoute({
    name: "artifacts.list",
    method: "GET",
    path: "/api/runs/{run}/artifacts",
    summary: "List the files and folders directly in a folder of a run's artifacts, by name, page by page.",
    permission: "project:read",
    input: z.object({
      run,
      folder: z.string().max(1_000).default("").describe("the folder; the top unless told"),
      limit: whole(1, 10_000).default(1_000),
      after: z.string().max(255).default("").describe("only names behind this one: the page before's last"),
    }),
    output: z.object({ artifacts: z.array(artifactOutput), next: z.string().optional() }),
    errors: ["not_found", "invalid_argument"],
    cli: { positional: ["run", "folder"], rows: "artifacts", columns: ["path", "folder", "sizeBytes", "mediaType", "createdMs"] },
    async handle({ tracking }, input) {
      const found = await listArtifacts(tracking, { ...input, limit: input.limit + 1 });
      const page = found.slice(0, input.limit);
      const last = found.length > page.length ? page.at(-1)?.path.split("/").at(-1) : undefined;
      return { artifacts: page.map(output), ...(last !== undefined && { next: last }) };
    },
  }),
  artifactRoute({
    name: "artifacts.show",
    method: "GET",
    path: "/api/runs/{run}/artifacts/info",
    summary: "Show what is recorded of one file or folder.",
    permission: "project:read",
    input: z.object({ run, path }),
    output: artifactOutput,
    errors: ["not_found", "invalid_argument"],
    cli: { positional: ["run", "path"] },
    handle: async ({ tracking }, input) => output(await getArtifact(tracking, input)),
  }),
  artifactRoute({
    name: "artifacts.preview",
    method: "GET",
    path: "/api/runs/{run}/artifacts/preview",
    summary: "What a file holds, as data, read from its beginning: tables, texts, sizes of images and arrays, descriptions of models.",
    permission: "project:read",
    input: z.object({ run, path, rows: whole(1, 1_000).default(50).describe("rows of a table") }),
    output: artifactOutput.extend({ preview: previewSchema }),
    errors: ["not_found", "invalid_argument", "corrupt_data"],
    cli: { positional: ["run", "path"], text: ({ preview }) => previewText(preview) },
    async handle(services, input) {
      const { artifact, preview } = await previewArtifact(services, input);
      return { ...output(artifact), preview };
    },
  }),
  artifactRoute({
    name: "artifacts.delete",
    method: "DELETE",
    path: "/api/runs/{run}/artifacts",
    summary: "Take a file, or a folder with all in it, from a run's artifacts.",
    permission: "project:run",
    input: z.object({ run, path }),
    output: z.object({ path: z.string() }),
    errors: ["not_found", "invalid_argument", "conflict"],
    cli: { positional: ["run", "path"] },
    async handle({ tracking }, input) {
      await deleteArtifact(tracking, input);
      return { path: input.path };
    },
  }),
  artifactRoute({
    name: "artifacts.archive",
    method: "GET",
    path: "/api/runs/{run}/archive",
    summary: "All files below a folder of a run's artifacts as one ZIP archive.",
    permission: "project:read",
    input: z.object({ run, folder: z.string().max(1_000).default("").describe("the folder; everything unless told") }),
    produces: "application/zip",
    errors: ["not_found", "invalid_argument"],
    cli: { positional: ["run", "folder"] },
    async handle({ tracking }, input) {
      const name = (input.folder === "" ? input.run : input.folder.split("/").at(-1)!).replaceAll(/[^\w.-]/g, "_"); // split gives at least one part
      const headers = { "content-disposition": `attachment; filename=${name}.zip`, "content-security-policy": "sandbox; default-src 'none'" };
      return { contentType: "application/zip", headers, body: await archiveArtifacts(tracking, input) };
    },
  }),
  artifactRoute({
    name: "artifacts.download",
    method: "GET",
    path: "/api/runs/{run}/files/{path*}",
    summary: "A file's bytes, whole or a range of them.",
    permission: "project:read",
    streams: true,
    cli: false,
    input: bytesInput,
    produces: "application/octet-stream",
    errors: ["not_found", "invalid_argument"],
    async handle({ tracking }, { headers, ...given }) {
      const artifact = await getArtifact(tracking, given);
      const file = {
        name: artifact.path.split("/").at(-1)!, // split gives at least one part
        tag: artifact.content ?? "",
        sizeBytes: artifact.sizeBytes,
        modifiedMs: artifact.createdMs,
        contentType: safeMediaType(artifact.mediaType),
        bytes: async (range?: { first: number; last: number }) =>
          (await readArtifact(tracking, { run: given.run, path: given.path, ...(range !== undefined && { range }) })).bytes,
      };
      if (artifact.content === undefined) await file.bytes(); // tells that it is a folder
      return fileAnswer(file, headers);
    },
  }),
  artifactRoute({
    name: "artifacts.upload",
    method: "PUT",
    path: "/api/runs/{run}/files/{path*}",
    summary: "Store the body as a file among a run's artifacts, of any length; it replaces one that stood there.",
    permission: "project:run",
    streams: true,
    cli: false,
    input: bytesInput,
    output: artifactOutput,
    errors: ["not_found", "invalid_argument", "conflict", "storage_full"],
    async handle({ tracking, scratchFolder = join(tmpdir(), "millrace-uploads") }, { body, headers, ...given }) {
      const type = headers["content-type"];
      const mediaType = typeof type === "string" ? { mediaType: type.slice(0, 200) } : {};
      const stored = withBody(body, (stream) =>
        logArtifact(tracking, { run: given.run, path: given.path, data: { stream, scratchFolder }, ...mediaType }),
      );
      return output(await stored);
    },
  }),
];

function output({ path: at, content, sizeBytes, digest, mediaType, createdMs }: Artifact): z.infer<typeof artifactOutput> {
  return { path: at, folder: content === undefined, sizeBytes, digest, mediaType, createdMs };
}
