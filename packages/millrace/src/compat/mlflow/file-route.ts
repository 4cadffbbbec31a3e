import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { ArtifactData } from "#domains/tracking";
import { withBody } from "#kit/request-body";
import type { AnyRoute, Protocol, RawAnswer } from "#kit/route";
import { safePath, safeReadPath } from "./artifact-path.ts";
import { mlflowRoute, type MlflowServices, nameOf } from "./endpoint.ts";
import { json, protocol } from "./protocol.ts";

/** What a route gets that moves files: the query's fields, the body as a stream, and the headers. */
export type Given = { body: AsyncIterable<Uint8Array>; headers: Record<string, unknown> } & Record<string, unknown>;
/** `path` is what the parameter `path` of the route says, safe. */
export type FileHandler = (services: MlflowServices, path: string, given: Given) => Promise<RawAnswer>;

const streamed: Protocol = {
  ...protocol,
  bytes: false,
  stream: true,
  // Clients send a file again, up to seven times, after 500; a disk that is full does not become emptier by it.
  errorAnswer: (error) => ({ ...protocol.errorAnswer(error), ...(error.code === "storage_full" && { status: error.status }) }),
};
const input = z
  .object({
    body: z.custom<AsyncIterable<Uint8Array>>((value) => typeof value === "object" && value !== null && Symbol.asyncIterator in value),
    headers: z.record(z.string(), z.unknown()),
  })
  .catchall(z.unknown());

export function fileRoute(method: AnyRoute["method"], path: string, permission: AnyRoute["permission"], handle: FileHandler): AnyRoute {
  const named = path.endsWith("{path*}");
  return mlflowRoute({
    name: nameOf(method, path),
    method,
    path,
    summary: `MLflow's ${method} ${path}.`,
    permission,
    protocol: streamed,
    cli: false,
    input,
    errors: ["invalid_argument", "not_found", "conflict"],
    handle: (services, given) =>
      withBody(given.body, async (body) => {
        const asked = String(given["path"]);
        if (named && method === "PUT" && asked.endsWith("/")) return noName;
        return handle(services, named ? checkOf(method)(asked.replace(/\/+$/, "")) : "", { ...given, body });
      }),
  });
}

/** Said by another part of MLflow's server than the rest, in its form. */
const noName = json({ detail: "Artifact path must include a filename (cannot end with '/')." }, 400);

function checkOf(method: AnyRoute["method"]): (path: string) => string {
  return method === "GET" ? safeReadPath : safePath;
}

/** An upload's bytes on their way into the store. */
export function uploaded(services: MlflowServices, { body }: Given): ArtifactData {
  return { stream: body, scratchFolder: services.scratchFolder ?? join(tmpdir(), "millrace-uploads") };
}
