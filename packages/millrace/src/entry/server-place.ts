import { AppError, type AppErrorOptions } from "#kit/app-error";
import { errorCodes, type ErrorCode } from "#kit/error-codes";
import type { RunPlace } from "./watch-run.ts";

/** A server's tracking, for the run of a program that this process watches. */
export interface ServerRuns {
  start(run: object): Promise<{ id: string; experiment: string }>;
  finish(run: string, status: "finished" | "failed" | "killed"): Promise<void>;
  placeOf(run: string): RunPlace;
}

/** Talks to a server at `address`; the token, where it needs one, is sent as bearer. Errors are the server's own, or `unavailable`. */
export function serverRuns(address: string, token: string | undefined): ServerRuns {
  const call = async <Answer>(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    contentType = "application/json",
  ): Promise<Answer> => {
    const headers = { "content-type": contentType, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const response = await fetch(`${address}${path}`, { method, headers, body, signal: AbortSignal.timeout(60_000) }).catch((cause: unknown) => {
      throw new AppError("unavailable", `There is no answer at ${address}.`, { cause, hint: "Start it: millrace server" });
    });
    const text = await response.text();
    if (!response.ok) throw errorOf(text, response.status, address);
    return JSON.parse(text) as Answer; // our own routes' answers
  };
  return {
    start: (run) => call("POST", "/api/runs", JSON.stringify(run)),
    finish: async (run, status) => void (await call("POST", `/api/runs/${run}/finish`, JSON.stringify({ status }))),
    placeOf: (run) => ({
      metrics: async (points) => void (await call("POST", `/api/runs/${run}/log`, JSON.stringify({ points }))),
      artifact: async (path, bytes) => {
        const encoded = path.split("/").map(encodeURIComponent).join("/");
        await call("PUT", `/api/runs/${run}/files/${encoded}`, new Uint8Array(bytes), "text/plain");
      },
    }),
  };
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
