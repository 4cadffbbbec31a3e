import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { AppError, type AppErrorOptions } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";
import { errorCodes, type ErrorCode } from "#kit/error-codes";

/** Whether there is a server at an address that is well. */
export async function answers(address: string): Promise<boolean> {
  return fetch(`${address}/health`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}

/**
 * Asks a server, with the token as bearer where there is one. Gives an answer that is not an error, its body unread; throws the server's
 * own errors, `unavailable` where there is none, and the signal's reason once it is aborted. A body that is a stream is sent as it comes;
 * where it fails, its own error is thrown.
 */
export function openAsked(address: string, { token, signal }: { token: string | undefined; signal?: AbortSignal }) {
  return async (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>,
    contentType = "application/octet-stream",
  ): Promise<Response> => {
    const headers = { ...(body !== undefined && { "content-type": contentType }), ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const source: { error?: unknown } = {};
    const sent =
      body === undefined || typeof body === "string" || body instanceof Uint8Array
        ? fetch(`${address}${path}`, { method, headers, ...(signal && { signal }), ...(body !== undefined && { body }) })
        : sendStream(`${address}${path}`, { method, headers, ...(signal && { signal }), bytes: watched(body, source) });
    const response = await sent.catch((cause: unknown) => {
      if ("error" in source) throw source.error;
      if (signal?.aborted && !isTimeout(signal.reason)) throw signal.reason;
      throw new AppError("unavailable", `There is no answer at ${address}.`, { cause, hint: "Start it: millrace server" });
    });
    if (!response.ok) throw errorOf(await response.text(), response.status, address);
    return response;
  };
}

/** Sends a body no faster than it is taken: `fetch` would read all of a stream into memory. An answer may come before the body's end. */
async function sendStream(
  url: string,
  { bytes, ...options }: { method: string; headers: Record<string, string>; signal?: AbortSignal; bytes: AsyncIterable<Uint8Array> },
): Promise<Response> {
  const { request } = await (url.startsWith("https:") ? import("node:https") : import("node:http"));
  const asked = request(url, options);
  const answered = new Promise<IncomingMessage>((resolve, reject) => asked.once("response", resolve).once("error", reject));
  const enough = new AbortController();
  const sending = pipeline(bytes, asked, { signal: enough.signal }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const answer = await answered.catch(async (error: unknown) => Promise.reject((await sending) ?? error));
  const text = Buffer.from(await collectBytes(answer)).toString("utf8");
  enough.abort(); // a server that has answered may take no more
  return new Response(text, { status: answer.statusCode ?? 500 });
}

/** A stream that says why it ended before its end. */
async function* watched(bytes: AsyncIterable<Uint8Array>, source: { error?: unknown }): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    source.error = error;
    throw error;
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

function errorOf(text: string, status: number, address: string): AppError {
  const given = errorIn(text);
  if (given && Object.hasOwn(errorCodes, given.code))
    return new AppError(given.code as ErrorCode, given.message, { ...(given.hint !== undefined && { hint: given.hint }) } satisfies AppErrorOptions);
  return new AppError("unavailable", `${address} answered ${status}, and not as a Millrace server does: ${text.slice(0, 200)}`, {
    hint: "Name the address of a Millrace server: --server http://127.0.0.1:4040",
  });
}

function errorIn(text: string): { code: string; message: string; hint?: string } | undefined {
  try {
    return (JSON.parse(text) as { error?: { code: string; message: string; hint?: string } }).error;
  } catch {
    return undefined; // something else answers there
  }
}
