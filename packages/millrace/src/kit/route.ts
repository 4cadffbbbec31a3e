import type { z } from "zod";
import type { AppError } from "./app-error.ts";
import type { ErrorCode } from "./error-codes.ts";

/** What a caller must be allowed to do: `public` for anybody, else `<noun>:<verb>` from the access domain's table. */
export type PermissionName = "public" | `${string}:${string}`;

/** Who calls. */
export interface Actor {
  name: string;
  permissions: ReadonlySet<string>;
}

export interface RouteContext {
  actor: Actor;
  requestId: string;
  signal: AbortSignal;
}

/** A body that is not JSON: bytes in, bytes out, with their media type. */
export interface RawAnswer {
  status?: number;
  contentType: string;
  headers?: Record<string, string>;
  body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** What a route of another program's protocol does in its own way. */
export interface Protocol {
  name: string;
  /** The input gets the request's `body` as bytes and its `headers`, beside path and query; otherwise the body is a JSON object as everywhere. */
  bytes?: boolean;
  /** As `bytes`, but `body` is a stream, of any length: what takes files. */
  stream?: boolean;
  /** Pages that other programs on this machine serve may call it, where the server is bound to loopback, as the protocol's own server lets them. */
  localPages?: boolean;
  /** How the protocol tells an error. */
  errorAnswer(error: AppError): RawAnswer;
}

/**
 * One operation, described once. From it come the HTTP handler, the entry in `/openapi.json`, the method of the typed client,
 * the command of the command line and the page of the reference.
 */
export interface Route<Services = never, Input = never, Output = unknown> {
  /** `<noun>.<verb>`, e.g. `models.show`: the client's method, the command's words (`millrace models show`), OpenAPI's operationId. */
  name: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With `{parameters}`, e.g. `/api/models/{model}`; one at the end with a star, `{path*}`, takes the rest of the path. */
  path: string;
  summary: string;
  permission: PermissionName;
  /** All inputs in one object: path parameters by name; the rest comes from the query (GET, DELETE) or the JSON body. */
  input: z.ZodType<Input>;
  /** Absent where the answer is a `RawAnswer`. */
  output?: z.ZodType<Output>;
  /** Media type of a raw answer, for the reference. */
  produces?: string;
  errors: ErrorCode[];
  /**
   * Moves files: the input gets the request's `body` as a stream of any length and its `headers`, beside path and query, and none of
   * these from a JSON body.
   */
  streams?: boolean;
  /** For routes under `compat/`, whose clients exist already: generated clients leave them out. */
  protocol?: Protocol;
  /** Answered under any host's name: what load balancers ask. It tells nothing of the project. */
  probe?: boolean;
  /**
   * How the command line shows it: its words where they are not the name's, inputs given by position, the columns of the table
   * it prints and the field that holds the rows. `false` keeps it off the command line.
   */
  cli?: { words?: string; positional?: string[]; rows?: string; columns?: string[]; text?: (output: Output) => string } | false;
  handle(services: Services, input: Input, context: RouteContext): Promise<Output | RawAnswer>;
}

/** A route whatever its services and shapes, as registries and generators hold it. */
// oxlint-disable-next-line typescript/no-explicit-any -- the place where the differently typed routes meet
export type AnyRoute = Route<any, any, any>;

/** Gives a route literal its types. */
export function route<Services>() {
  return <Input, Output>(definition: Route<Services, Input, Output>): Route<Services, Input, Output> => definition;
}

export function isRawAnswer(answer: unknown): answer is RawAnswer {
  return typeof answer === "object" && answer !== null && "contentType" in answer && "body" in answer;
}

/** Names in `{}` of a path, in order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\*?\}/g)].map((match) => match[1]!);
}
