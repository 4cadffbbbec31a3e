import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { z } from "zod";
import type { ArtifactData } from "#domains/tracking";
import type { AnyRoute, Protocol, RawAnswer } from "#kit/route";
import { safePath } from "./artifact-path.ts";
import { mlflowRoute, type MlflowServices, nameOf } from "./endpoint.ts";
import { protocol } from "./protocol.ts";

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
    async handle(services, given) {
      try {
        return await handle(services, path.endsWith("{path*}") ? safePath(String(given["path"])) : "", { ...given, body: keptOpen(given.body) });
      } catch (error) {
        // Many clients hear no answer before they have sent everything: the rest is read and thrown away.
        const { body } = given;
        if (body instanceof Readable) setImmediate(() => body.resume()); // a stream notices a moment later that its reader has gone
        throw error;
      }
    },
  });
}

/** A body that is not closed, and with it the connection, when its reader stops before the end. */
function keptOpen(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (!(body instanceof Readable)) return body;
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array> }; // a request yields bytes
}

/** An upload's bytes on their way into the store. */
export function uploaded(services: MlflowServices, { body }: Given): ArtifactData {
  return { stream: body, scratchFolder: services.scratchFolder ?? join(tmpdir(), "millrace-uploads") };
}
