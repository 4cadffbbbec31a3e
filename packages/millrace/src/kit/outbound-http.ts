import { lookup } from "node:dns/promises";
import type { ClientRequest, IncomingMessage } from "node:http";
import { isIP, type LookupFunction } from "node:net";
import { AppError } from "./app-error.ts";
import { isPublicAddress } from "./outbound-address.ts";

export interface OutboundRequest {
  url: string;
  method: "GET" | "POST";
  headers?: Record<string, string>;
  body?: string;
  /** For everything: name, connection, and the whole answer. */
  timeoutMs?: number;
  /** What comes after is not read. */
  maxAnswerBytes?: number;
  signal?: AbortSignal;
}

export interface OutboundAnswer {
  /** Any status; redirects are answers like others and not followed. */
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
  /** The answer was longer than was read. */
  truncated: boolean;
}

/** Requests to addresses that somebody else chose. */
export interface Outbound {
  /** Looks whether a URL may be asked, without asking it. Throws `invalid_argument` where it may not, `unavailable` where its host has no address. */
  check(url: string): Promise<void>;
  /** Throws as `check`, and `unavailable` where no answer comes. */
  send(request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundOptions {
  /** Origins, such as `http://127.0.0.1:9000`, that may be asked although they are not https or not public. */
  allow?: readonly string[];
  /** All addresses of a host; the system's way unless another is given. */
  resolve?: (host: string) => Promise<string[]>;
  /** Certificates to trust instead of the system's, in PEM. */
  ca?: string;
}

/**
 * The only way out for URLs that users write: https to public addresses, unless the operator allows an origin. A name is resolved
 * once, all its addresses must be public, and the connection goes to them and nowhere else, so that a name that changes its mind
 * reaches nothing (DNS rebinding). No redirects, no proxies from the environment, no user and password in the URL.
 */
export function createOutbound({ allow = [], resolve = systemAddresses, ca }: OutboundOptions = {}): Outbound {
  const allowed = new Set(allow.map((origin) => new URL(origin).origin));

  /** The URL and the addresses it may be asked at. */
  async function target(text: string): Promise<{ url: URL; addresses: string[] }> {
    const url = parse(text);
    const free = allowed.has(url.origin);
    if (!free && url.protocol !== "https:") throw refused(url, `is not https`);
    const host = hostOf(url);
    if (isIP(host) === 0 && host.includes(":")) throw refused(url, "has an address with a zone");
    const addresses = isIP(host) === 0 ? await resolve(host).catch(unresolved(host)) : [host];
    if (addresses.length === 0) throw unresolved(host)(undefined);
    if (!free && !addresses.every(isPublicAddress)) throw refused(url, "is not on the public internet", "not public");
    return { url, addresses };
  }

  return {
    async check(url) {
      await within(target(url), AbortSignal.timeout(defaultTimeoutMs)).catch((error: unknown) => {
        throw error instanceof AppError ? error : silent(url, defaultTimeoutMs, error);
      });
    },
    async send({ url: text, timeoutMs = defaultTimeoutMs, maxAnswerBytes = 65_536, signal: stop, ...request }) {
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(stop ? [stop] : [])]);
      try {
        const { url, addresses } = await within(target(text), signal);
        return await exchange(url, addresses, { ...request, signal, maxAnswerBytes, ca });
      } catch (error) {
        if (error instanceof AppError) throw error;
        throw silent(text, timeoutMs, error);
      }
    },
  };
}

const defaultTimeoutMs = 10_000;

// Not imported: an import reads every name that node:http has, and its WebSocket would bring all of `fetch` into each server's memory (4 MB).
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

function parse(text: string): URL {
  // URL would take tabs and line ends out, and turn backslashes around.
  if (text.length > 2_048 || /[\p{Cc}\s\\]/u.test(text) || !URL.canParse(text))
    throw new AppError("invalid_argument", "This is not a URL that can be asked.", { hint: "Give one such as https://hooks.example.com/models." });
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw refused(url, "has a user or password in it");
  if (url.hostname === "") throw refused(url, "has no host");
  return url;
}

/** Without the brackets of IPv6. All spellings of IPv4 (2130706433, 0x7f.1, 0177.0.0.1) are plain ones by now: `URL` reads them. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

async function systemAddresses(host: string): Promise<string[]> {
  return (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address);
}

interface Exchange extends Pick<OutboundRequest, "method" | "headers" | "body"> {
  signal: AbortSignal;
  maxAnswerBytes: number;
  ca: string | undefined;
}

function exchange(url: URL, addresses: string[], { method, headers, body, signal, maxAnswerBytes, ca }: Exchange): Promise<OutboundAnswer> {
  const pinned: LookupFunction = (_host, { all }, found) => {
    const entries = addresses.map((address) => ({ address, family: isIP(address) }));
    if (all) found(null, entries);
    else found(null, entries[0]!.address, entries[0]!.family);
  };
  // Agents of our own: the global ones may be told by the environment to use a proxy.
  const options = { method, headers: { ...headers, "Accept-Encoding": "identity" }, lookup: pinned, signal };
  const request =
    url.protocol === "https:"
      ? https.request(url, { ...options, agent: new https.Agent({ keepAlive: false }), rejectUnauthorized: true, ...(ca !== undefined && { ca }) })
      : http.request(url, { ...options, agent: new http.Agent({ keepAlive: false }) });
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("socket", (socket) =>
      socket.once("connect", () => {
        if (!addresses.some((address) => sameAddress(address, socket.remoteAddress ?? ""))) socket.destroy(new Error("connected elsewhere"));
      }),
    );
    request.on("response", (response) => read(request, response, maxAnswerBytes).then(resolve, reject));
    request.end(body);
  });
}

async function read(request: ClientRequest, response: IncomingMessage, maxBytes: number): Promise<OutboundAnswer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part.subarray(0, maxBytes - size));
    size += part.length;
    if (size > maxBytes) break; // which closes the answer
  }
  request.destroy();
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) headers[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(parts), truncated: size > maxBytes };
}

/** Sockets spell IPv6 in their own way. */
function sameAddress(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && new URL(`http://[${a}]`).hostname === new URL(`http://[${b}]`).hostname);
}

async function within<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error); // an AbortSignal's reason is an error
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** @param kind for those who say it in words of their own */
function refused(url: URL, why: string, kind?: "not public"): AppError {
  return new AppError("invalid_argument", `The address ${url.protocol}//${url.host} ${why}; it is not asked.`, {
    ...(kind && { details: { refused: kind } }),
    hint: `If it is meant, allow its origin in millrace.config.ts: outbound: { allow: ["${url.origin}"] }.`,
  });
}

function unresolved(host: string) {
  return (cause: unknown): never => {
    throw new AppError("unavailable", `The host ${host} has no address.`, { cause, hint: "Look whether its name is right." });
  };
}

function silent(text: string, timeoutMs: number, error: unknown): AppError {
  const host = URL.canParse(text) ? new URL(text).host : "the address";
  const late =
    error instanceof Error && (error.name === "TimeoutError" || ("cause" in error && (error.cause as Error | undefined)?.name === "TimeoutError"));
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no connection";
  return new AppError("unavailable", late ? `${host} did not answer within ${timeoutMs / 1_000} s.` : `${host} did not answer (${code}).`, {
    cause: error,
  });
}
