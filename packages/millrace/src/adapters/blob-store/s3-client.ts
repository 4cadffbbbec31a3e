/** One signed request to an S3 store, asked again while the store or the network fails. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { AwsV4Signer } from "aws4fetch";
import { AppError } from "#kit/app-error";

export interface S3Options {
  /** Address of the store, such as `https://s3.eu-central-1.amazonaws.com`. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Keys stand below this folder of the bucket; may be empty. */
  prefix: string;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** Local copies of blobs that other engines open as files. */
  cacheFolder: string;
  /** Whether other programs may be sent to the store itself (default true). */
  direct?: boolean;
  /** How often a request is repeated (default 5), and the longest first wait (default 100 ms, doubled each time). */
  retries?: number;
  retryDelayMs?: number;
  /** How long a connection may be silent (default 60 s). */
  timeoutMs?: number;
}

export interface S3Request {
  method: "GET" | "PUT" | "HEAD" | "POST" | "DELETE";
  /** Key below the prefix; undefined addresses the bucket. */
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** Statuses that are answers, not errors. */
  accept?: number[];
}

/** What the store answers. Its body must be read: as a whole with `text`, or from `body`. */
export interface S3Response {
  status: number;
  ok: boolean;
  header(name: string): string | undefined;
  body: IncomingMessage;
  text(): Promise<string>;
}

export interface S3Answer {
  response: S3Response;
  /** How many requests it took: an effect may have happened in one that was not answered. */
  attempts: number;
}

export interface S3Client {
  send(request: S3Request): Promise<S3Answer>;
  /** An address that anyone may use for `expiresSeconds`, without credentials; the query is signed with it. */
  presign(method: "GET" | "PUT", key: string, expiresSeconds: number, query: Record<string, string>): Promise<string>;
  /** How a copy names the blob it is made of. */
  copySource(key: string): string;
  /** Key within the bucket of a key below the prefix. */
  fullKey(key: string): string;
  /** Closes idle connections. */
  close(): void;
}

export function s3Client(options: S3Options): S3Client {
  const { endpoint, region, bucket, credentials } = options;
  const base = new URL(endpoint.endsWith("/") ? endpoint : `${endpoint}/`);
  const above = options.prefix.replace(/^\/+|\/+$/g, "");
  const fullKey = (key: string) => (above === "" ? key : `${above}/${key}`);

  const encodedKey = (key: string) => fullKey(key).split("/").map(encodeStrictly).join("/");
  /** Keys derived from the secret, one a day. */
  const signingKeys = new Map<string, ArrayBuffer>();

  function address({ key, query }: { key?: string; query?: Record<string, string> }): string {
    const path = key === undefined ? bucket : `${bucket}/${encodedKey(key)}`;
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    return url.toString().replaceAll("+", "%20"); // URLSearchParams writes spaces as `+`, which signatures read otherwise
  }

  // Not `fetch`: Node 24's ends the process with an assertion when a connection breaks while its reader is slow.
  const secure = base.protocol === "https:";
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });

  async function ask(request: S3Request): Promise<S3Response> {
    const { method } = request;
    const { body: given = "" } = request;
    const body = typeof given === "string" ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    const signed = await new AwsV4Signer({
      ...credentials,
      service: "s3",
      region,
      method,
      cache: signingKeys,
      url: address(request),
      headers: { ...request.headers, "x-amz-content-sha256": createHash("sha256").update(body).digest("hex") },
    }).sign();
    const headers = {
      ...Object.fromEntries(signed.headers),
      ...((method === "PUT" || method === "POST") && { "content-length": String(body.length) }),
    };
    const limitMs = options.timeoutMs ?? 60_000;
    const outgoing = (secure ? httpsRequest : httpRequest)(signed.url, { method, headers, agent });
    outgoing.setTimeout(limitMs, () => outgoing.destroy(new Error(`nothing was heard for ${limitMs} ms`)));
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage]; // rejects with the request's error
    return responseOf(incoming);
  }

  async function send(request: S3Request): Promise<S3Answer> {
    const retries = options.retries ?? 5;
    for (let attempt = 1; ; attempt++) {
      let failure: AppError;
      try {
        const response = await ask(request);
        if (response.ok || request.accept?.includes(response.status) === true) return { response, attempts: attempt };
        failure = await errorOf(response, request);
        if (failure.code !== "unavailable") throw failure;
      } catch (error) {
        if (error instanceof AppError && error.code !== "unavailable") throw error;
        failure = error instanceof AppError ? error : unreachable(error);
      }
      if (attempt > retries) throw failure;
      // Full jitter, so that callers who failed together do not come back together.
      await new Promise((resolve) => void setTimeout(resolve, Math.random() * (options.retryDelayMs ?? 100) * 2 ** (attempt - 1)));
    }
  }

  function unreachable(cause: unknown): AppError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new AppError("unavailable", `The S3 store at ${base.origin} does not answer: ${reason}.`, {
      cause,
      hint: "Check the endpoint and the network, then run the same again.",
    });
  }

  async function errorOf(response: S3Response, { method, key }: S3Request): Promise<AppError> {
    const text = await response.text().catch(() => "");
    const code = xmlText(text, "Code") ?? String(response.status);
    const what = `${method} of \`${key === undefined ? bucket : `${bucket}/${fullKey(key)}`}\` at ${base.origin}: ${code}${xmlText(text, "Message") === undefined ? "" : `, ${xmlText(text, "Message")}`}`;
    const details = { status: response.status, s3Code: code };
    if (code === "NoSuchBucket") {
      return new AppError("not_found", `There is no bucket \`${bucket}\` at ${base.origin}.`, {
        details,
        hint: "Create it, or correct the name and the endpoint.",
      });
    }
    if (response.status === 404) return new AppError("not_found", `S3 has nothing for ${what}.`, { details });
    if (response.status === 403 || response.status === 401) {
      return new AppError("permission_denied", `S3 refused ${what}.`, {
        details,
        hint: "Check the access key, its secret, the region and what the key may do.",
      });
    }
    // 409 is AWS's answer to a conditional write that met another one: it is to be tried again.
    if (
      response.status >= 500 ||
      response.status === 429 ||
      response.status === 408 ||
      code === "ConditionalRequestConflict" ||
      code === "RequestTimeout"
    ) {
      return new AppError("unavailable", `S3 cannot answer ${what}.`, { details, hint: "Run the same again." });
    }
    return new AppError("internal", `S3 did not accept ${what}.`, { details });
  }

  return {
    send,
    fullKey,
    close: () => agent.destroy(),
    copySource: (key) => `/${bucket}/${encodedKey(key)}`,
    async presign(method, key, expiresSeconds, query) {
      const url = address({ key, query: { ...query, "X-Amz-Expires": String(expiresSeconds) } });
      const signed = await new AwsV4Signer({ ...credentials, service: "s3", region, method, url, cache: signingKeys, signQuery: true }).sign();
      return signed.url.toString();
    },
  };
}

function responseOf(incoming: IncomingMessage): S3Response {
  const status = incoming.statusCode ?? 0;
  return {
    status,
    ok: status >= 200 && status < 300,
    header(name) {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body: incoming,
    async text() {
      const parts: Buffer[] = [];
      for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part); // without an encoding a message yields buffers
      return Buffer.concat(parts).toString();
    },
  };
}

/** The text of the first element of a name in an XML answer. */
export function xmlText(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found?.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(lt|gt|quot|apos|amp));/gi, (_, hex?: string, decimal?: string, name?: string) =>
    name === undefined ? String.fromCodePoint(hex === undefined ? Number(decimal) : parseInt(hex, 16)) : entities[name.toLowerCase()]!,
  );
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

/** Percent-encodes all that is not unreserved, as signatures want it. */
function encodeStrictly(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
