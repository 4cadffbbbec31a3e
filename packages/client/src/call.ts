import { MillraceError, errorOfAnswer } from "./millrace-error.ts";

export interface ClientOptions {
  /** Address of the server, such as `http://127.0.0.1:4040`. */
  url: string;
  /** Sent as `Authorization: Bearer …`. A server on loopback needs none. */
  token?: string;
  /** In place of the built-in `fetch`. */
  fetch?: typeof fetch;
  /** How often a GET is tried again when the server cannot be reached or answers 503; 2 unless told. */
  retries?: number;
  /** Pause before the first further try, doubled each time, with up to half as much again at random; 250 unless told. */
  retryDelayMs?: number;
}

export interface CallOptions {
  /** Aborts the call, its retries included; the call then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A file's bytes, as `fetch` takes them: in memory, a `Blob` (such as `openAsBlob` gives), or a stream. */
export type FileBody = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How the generated operations reach the server. */
export interface Call {
  /** The answer's JSON. Rejects with `MillraceError`. */
  json<Output>(method: Method, path: string, input: object, options?: CallOptions): Promise<Output>;
  /** An answer that is not JSON, its body unread. Rejects with `MillraceError`. */
  raw(method: Method, path: string, input: object, options?: CallOptions): Promise<Response>;
  /** Sends a file as the body; the answer's JSON. Rejects with `MillraceError`. */
  file<Output>(method: Method, path: string, input: object, file: FileBody, options?: CallOptions): Promise<Output>;
}

/** Calls over HTTP: inputs named in the path go there, the rest into the query (GET, DELETE) or a JSON body. */
export function openCall(client: ClientOptions): Call {
  const answerOf = async (method: Method, path: string, input: object, options?: CallOptions, file?: FileBody): Promise<Response> => {
    const response = await tryCall(client, method, requestOf(client, method, path, input, file), options);
    if (!response.ok) throw await errorOfAnswer(response);
    return response;
  };
  // The server answers by the schema that `Output` was made from.
  return {
    raw: (method, path, input, options) => answerOf(method, path, input, options),
    json: async <Output>(method: Method, path: string, input: object, options?: CallOptions) =>
      (await (await answerOf(method, path, input, options)).json()) as Output,
    file: async <Output>(method: Method, path: string, input: object, file: FileBody, options?: CallOptions) =>
      (await (await answerOf(method, path, input, options, file)).json()) as Output,
  };
}

interface Request {
  url: string;
  init: RequestInit & { duplex?: "half" };
}

async function tryCall(client: ClientOptions, method: Method, request: Request, options: CallOptions = {}): Promise<Response> {
  const { retries = 2, retryDelayMs = 250 } = client;
  for (let attempt = 0; ; attempt++) {
    const last = method !== "GET" || attempt >= retries;
    try {
      const response = await (client.fetch ?? fetch)(request.url, { ...request.init, ...(options.signal && { signal: options.signal }) });
      if (response.status !== 503 || last) return response;
      await response.body?.cancel();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (last) throw unreachable(client.url, error);
    }
    await pause(retryDelayMs * 2 ** attempt * (1 + Math.random() / 2), options.signal);
  }
}

function requestOf({ url, token }: ClientOptions, method: Method, path: string, input: object, file?: FileBody): Request {
  const rest = new Map<string, unknown>(Object.entries(input));
  const filled = path.replaceAll(/\{(\w+)(\*?)\}/g, (_, name: string, star: string) => {
    const value = text(rest.get(name));
    rest.delete(name);
    return (star ? value.split("/") : [value]).map((part) => segment(name, part)).join("/");
  });
  const inQuery = method === "GET" || method === "DELETE" || file !== undefined;
  const headers: Record<string, string> = { accept: "application/json, */*" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  if (file !== undefined) headers["content-type"] = (file instanceof Blob && file.type) || "application/octet-stream";
  else if (!inQuery) headers["content-type"] = "application/json";
  const body = file ?? (inQuery ? undefined : JSON.stringify(Object.fromEntries(rest), notFinite));
  return {
    url: url.replace(/\/+$/, "") + filled + (inQuery ? queryOf(rest) : ""),
    init: { method, headers, ...(body !== undefined && { body }), ...(file instanceof ReadableStream && { duplex: "half" }) },
  };
}

/** One part of a path. `fetch` would take `.` and `..` for ways to other operations, however they are encoded. */
function segment(name: string, part: string): string {
  if (part !== "." && part !== "..") return encodeURIComponent(part);
  throw new MillraceError({ code: "invalid_argument", message: `${name} must not be, or lead through, "${part}".` }, 0);
}

/** JSON has no NaN and no infinities; the server takes them as texts. */
function notFinite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function queryOf(inputs: Map<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of inputs) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) if (each !== undefined) query.append(name, text(each));
  }
  return query.size > 0 ? `?${query.toString()}` : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function unreachable(url: string, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
  return new MillraceError(
    { code: "unavailable", message: `The server at ${url} cannot be reached: ${reason}`, hint: "Is it running? millrace server" },
    0,
    {
      cause,
    },
  );
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(end, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
