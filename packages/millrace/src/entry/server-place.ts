import { openAsked } from "./ask-server.ts";
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
    const ask = openAsked(address, { token, signal: AbortSignal.timeout(60_000) });
    return (await (await ask(method, path, body, contentType)).json()) as Answer; // our own routes' answers
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
