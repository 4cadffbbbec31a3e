/** One signed request to an S3 store, asked again while the store or the network fails. */
import { createHash } from "node:crypto";
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
  /** How often a request is repeated (default 5), and the longest first wait (default 100 ms, doubled each time). */
  retries?: number;
  retryDelayMs?: number;
  /** How long the store may take to begin its answer (default 60 s, and a second for each 100 kB sent). */
  timeoutMs?: number;
}

export interface S3Request {
  method: "GET" | "PUT" | "HEAD" | "POST" | "DELETE";
  /** Key below the prefix; undefined addresses the bucket. */
  key?: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
  /** Statuses that are answers, not errors. */
  accept?: number[];
}

export interface S3Answer {
  response: Response;
  /** How many requests it took: an effect may have happened in one that was not answered. */
  attempts: number;
}

export interface S3Client {
  send(request: S3Request): Promise<S3Answer>;
  /** An address that anyone may use for `expiresSeconds`, without credentials. */
  presign(method: "GET" | "PUT", key: string, expiresSeconds: number): Promise<string>;
  /** Key within the bucket of a key below the prefix. */
  fullKey(key: string): string;
}

export function s3Client(options: S3Options): S3Client {
  const { endpoint, region, bucket, credentials } = options;
  const base = new URL(endpoint.endsWith("/") ? endpoint : `${endpoint}/`);
  const above = options.prefix.replace(/^\/+|\/+$/g, "");
  const fullKey = (key: string) => (above === "" ? key : `${above}/${key}`);

  function address({ key, query }: { key?: string; query?: Record<string, string> }): string {
    const path = key === undefined ? bucket : `${bucket}/${fullKey(key).split("/").map(encodeStrictly).join("/")}`;
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    return url.toString().replaceAll("+", "%20"); // URLSearchParams writes spaces as `+`, which signatures read otherwise
  }

  async function once(request: S3Request): Promise<Response> {
    const { method, body } = request;
    const signed = await new AwsV4Signer({
      ...credentials,
      service: "s3",
      region,
      method,
      url: address(request),
      headers: {
        ...request.headers,
        "x-amz-content-sha256": createHash("sha256")
          .update(body ?? "")
          .digest("hex"),
      },
    }).sign();
    const abort = new AbortController();
    const limitMs = (options.timeoutMs ?? 60_000) + (body?.length ?? 0) / 100;
    const timer = setTimeout(() => abort.abort(new Error(`no answer in ${Math.round(limitMs)} ms`)), limitMs);
    try {
      return await fetch(signed.url, { method, headers: signed.headers, signal: abort.signal, ...(body !== undefined && { body }) });
    } finally {
      clearTimeout(timer);
    }
  }

  async function send(request: S3Request): Promise<S3Answer> {
    const retries = options.retries ?? 5;
    for (let attempt = 1; ; attempt++) {
      let failure: AppError;
      try {
        const response = await once(request);
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
    const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
    return new AppError("unavailable", `The S3 store at ${base.origin} does not answer: ${reason}.`, {
      cause,
      hint: "Check the endpoint and the network, then run the same again.",
    });
  }

  async function errorOf(response: Response, { method, key }: S3Request): Promise<AppError> {
    const text = method === "HEAD" ? "" : await response.text().catch(() => "");
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
    async presign(method, key, expiresSeconds) {
      const url = address({ key, query: { "X-Amz-Expires": String(expiresSeconds) } });
      const signed = await new AwsV4Signer({ ...credentials, service: "s3", region, method, url, signQuery: true }).sign();
      return signed.url.toString();
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
