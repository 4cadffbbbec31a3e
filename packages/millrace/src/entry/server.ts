import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";
import { isPermission } from "#domains/access";
import { AppError, toAppError } from "#kit/app-error";
import { newId } from "#kit/id";
import type { Log } from "#kit/log";
import { openApi } from "#kit/open-api";
import { isRawAnswer, pathParameters, type Actor, type AnyRoute, type Protocol, type RawAnswer } from "#kit/route";
import { authorize, isLoopback } from "./authorize.ts";
import { guard } from "./guard.ts";
import { routePattern } from "./route-pattern.ts";

export interface ServerOptions {
  routes: AnyRoute[];
  /** Handed to every handler. */
  services: object;
  host: string;
  port: number;
  version: string;
  log: Log;
  /** Who a bearer token stands for. */
  actorOf: (secret: string) => Promise<Actor | undefined>;
  /** Told of every answer: the route's pattern, never the path, the status and the seconds it took. */
  onAnswer?: (route: string, status: number, seconds: number) => void;
  /** Whether any token can open anything: asked before binding to more than loopback. */
  hasTokens: () => Promise<boolean>;
}

export interface RunningServer {
  address: string;
  /** Stops taking requests, lets those under way finish (10 s at most), closes. */
  close(): Promise<void>;
}

const jsonHeaders = { "content-type": "application/json; charset=utf-8", "x-content-type-options": "nosniff" };
const bodyLimitBytes = 64 * 1024 * 1024;
/** Reads come as addresses: a chart of 500 runs names each of them. */
const headerLimitBytes = 128 * 1024;

/** Checks the routes, binds, and answers. Throws before binding when a route declares no permission or the address needs a login that nobody has. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  checkRoutes(options.routes);
  const loopback = isLoopback(options.host);
  if (!loopback && !(await options.hasTokens())) {
    throw new AppError("permission_denied", `Binding to ${options.host} would let everybody in: there is no token yet.`, {
      hint: "Make one first: millrace tokens create admin project:read predictions:make",
    });
  }
  const app = build(options, loopback);
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new AppError("port_in_use", `Port ${options.port} of ${options.host} is taken by another program.`, {
        cause: error,
        hint: "Stop it, or choose another: --port 4041 (0 takes any free one).",
      });
    }
    throw toAppError(error);
  }
  const bound = app.server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : options.port;
  return { address: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`, close: () => shutdown(app) };
}

/** Every route must declare a permission that exists, under a name and a method-and-path of its own. */
export function checkRoutes(routes: AnyRoute[]): void {
  const names = new Set<string>();
  for (const route of routes) {
    const { permission } = route as Partial<AnyRoute>; // a plain JavaScript caller can leave it out
    if (permission === undefined || !isPermission(permission)) {
      throw new AppError(
        "internal",
        `Route ${route.method} ${route.path} declares ${permission === undefined ? "no permission" : `the unknown permission "${permission}"`}; the server does not start.`,
        {
          hint: "Give the route a `permission` from the access domain's table.",
        },
      );
    }
    for (const key of [route.name, `${route.method} ${route.path}`]) {
      if (names.has(key)) throw new AppError("internal", `Two routes are called ${key}; the server does not start.`);
      names.add(key);
    }
  }
}

function build(options: ServerOptions, loopback: boolean): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    http: { maxHeaderSize: headerLimitBytes },
    forceCloseConnections: "idle",
    genReqId: () => newId(),
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => sendError(reply, error, request.id, options.log));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      new AppError("not_found", `There is no ${request.method} ${request.url.split("?")[0]}.`, { hint: "See /openapi.json for every operation." }),
      request.id,
      options.log,
    ),
  );
  guard(app, options.routes, loopback);
  const { onAnswer } = options;
  if (onAnswer) {
    app.addHook("onResponse", async (request, reply) => onAnswer(request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime / 1_000));
  }
  const own = options.routes.filter((route) => !route.protocol); // other programs' protocols are described elsewhere
  let document: ReturnType<typeof openApi> | undefined; // made for who asks: a start need not wait for it
  app.get("/openapi.json", async () => (document ??= openApi(own, { title: "Millrace", version: options.version })));
  for (const route of options.routes) if (!streams(route)) mount(app, route, options, loopback);
  app.register(async (files) => {
    files.removeAllContentTypeParsers();
    files.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    for (const route of options.routes) if (streams(route)) mount(files, route, options, loopback);
  });
  return app;
}

/** Routes check their inputs themselves; Fastify's own compilers of schemas would cost a tenth of a start. */
function noSchemas(): never {
  throw new AppError("internal", "A route has a schema of Fastify's.");
}

const actors = new WeakMap<FastifyRequest, Actor>();

/** Whether a route takes its body as a stream. */
function streams(route: AnyRoute): boolean {
  return route.streams ?? route.protocol?.stream ?? false;
}

function mount(app: FastifyInstance, route: AnyRoute, options: ServerOptions, loopback: boolean): void {
  const parameters = pathParameters(route.path);
  app.route({
    method: route.method,
    url: routePattern(route),
    // Before the body is read: who may not call does not make the server take it.
    onRequest: async (request) => {
      actors.set(request, await authorize(route, request.headers, { actorOf: options.actorOf, loopback }));
    },
    errorHandler: (thrown, request, reply) => sendError(reply, thrown, request.id, options.log, route.protocol),
    handler: async (request, reply) => {
      const input = parse(route, { ...given(route, request), ...pick(request, parameters) });
      const answer: unknown = await route.handle(options.services as never, input, {
        actor: actors.get(request)!, // set on request
        requestId: request.id,
        signal: hangUp(reply.raw),
      });
      if (isRawAnswer(answer)) return sendRaw(reply, answer);
      return reply.headers(jsonHeaders).send(JSON.stringify(answer ?? null));
    },
  });
}

/** Aborted when the caller is gone before the whole answer is out. */
function hangUp(answer: ServerResponse): AbortSignal {
  const controller = new AbortController();
  answer.once("close", () => answer.writableFinished || controller.abort());
  return controller.signal;
}

function sendRaw(reply: FastifyReply, { status = 200, headers, contentType, body }: RawAnswer): FastifyReply {
  reply.code(status).headers({ "x-content-type-options": "nosniff", ...headers, "content-type": contentType });
  return reply.send(
    typeof body === "string" ? body : body instanceof Uint8Array ? asBuffer(body) : body instanceof Readable ? body : Readable.from(body),
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function given(route: AnyRoute, request: FastifyRequest): Record<string, unknown> {
  const body = request.body as Buffer | undefined | null; // what the one content type parser gives
  const { bytes = false } = route.protocol ?? {};
  const stream = streams(route);
  if (bytes || stream) {
    const none = stream ? Readable.from([]) : Buffer.alloc(0);
    return { ...(request.query as Record<string, unknown>), body: request.body ?? none, headers: request.headers };
  }
  if (route.method === "GET" || route.method === "DELETE") return request.query as Record<string, unknown>;
  if (!body || body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new AppError("invalid_argument", `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
  throw new AppError("invalid_argument", "The body must be a JSON object.");
}

/** Parameters of the path by name; the rest of a path keeps the slash at its end, which is no part of other parameters. */
function pick({ params, url }: FastifyRequest, names: string[]): Record<string, unknown> {
  const all = params as Record<string, unknown>;
  const end = typeof all["*"] === "string" && url.split("?", 1)[0]!.endsWith("/") && !all["*"].endsWith("/") ? "/" : ""; // split gives at least one part
  return Object.fromEntries(names.map((name) => [name, all[name] ?? `${String(all["*"])}${end}`]));
}

/** Checks an input against a route's schema; texts of a query are read as the numbers and booleans the schema asks for. */
export function parse(route: AnyRoute, input: Record<string, unknown>): unknown {
  const parsed = route.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new AppError("invalid_argument", `${issue.path.join(".") || "The input"}: ${issue.message}.`, {
    details: { fields: parsed.error.issues.map((each) => ({ field: each.path.join("."), problem: each.message })) },
    hint: `See ${route.name} in /openapi.json.`,
  });
}

/** An error as one of ours; a defect or failure is logged. */
function knownError(thrown: unknown, requestId: string, log: Log): AppError {
  const error = thrown instanceof z.ZodError ? new AppError("invalid_argument", z.prettifyError(thrown)) : fromFastify(thrown);
  if (error.status >= 500) log.error(error.message, { requestId, code: error.code, stack: thrown instanceof Error ? thrown.stack : undefined });
  return error;
}

function sendError(reply: FastifyReply, thrown: unknown, requestId: string, log: Log, protocol?: Protocol): FastifyReply {
  const error = knownError(thrown, requestId, log);
  if (protocol) return sendRaw(challenge(reply, error), protocol.errorAnswer(error));
  return challenge(reply, error)
    .code(error.status)
    .headers(jsonHeaders)
    .send(JSON.stringify({ error: { ...error.toJSON(), requestId } }));
}

/** Tells a client that has no token, or a wrong one, how to send it. */
function challenge(reply: FastifyReply, error: AppError): FastifyReply {
  return error.code === "unauthenticated" ? reply.header("www-authenticate", 'Basic realm="millrace", Bearer realm="millrace"') : reply;
}

function fromFastify(thrown: unknown): AppError {
  if (thrown instanceof Error && "statusCode" in thrown && typeof thrown.statusCode === "number" && thrown.statusCode < 500) {
    return new AppError("invalid_argument", thrown.message, { cause: thrown });
  }
  return toAppError(thrown);
}

/**
 * Closing ends the connections that are idle at that moment. One whose answer is under way becomes idle later, and would be kept for
 * the next request of its client: it is looked for until all are closed.
 */
async function shutdown(app: FastifyInstance): Promise<void> {
  const look = setInterval(() => app.server.closeIdleConnections(), 20);
  const timer = setTimeout(() => app.server.closeAllConnections(), 10_000);
  await app.close();
  clearInterval(look);
  clearTimeout(timer);
}
