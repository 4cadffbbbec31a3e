import { AppError } from "#kit/app-error";

export interface RestClientOptions {
  /** The tracking server's; user and password may stand in it. */
  address: string;
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
}

export interface RestClient {
  /** The address without user and password. */
  origin: string;
  get(path: string, query?: Record<string, string | undefined>): Promise<Answer>;
  post(path: string, body: object): Promise<Answer>;
  /** The bytes of an answer. Throws `not_found` where there are none. */
  bytes(path: string, query?: Record<string, string | undefined>): AsyncIterable<Uint8Array>;
}

export type Answer = Record<string, unknown>;

const tries = 5;
const firstWaitMs = 200;

/**
 * MLflow's REST API as a client uses it, with what its clients take for a login: `MLFLOW_TRACKING_USERNAME` and
 * `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`. The address is the operator's own, from the command line, so it may be any,
 * of this machine too; answers are of any length. Hence not the guarded way out that users' addresses take.
 */
export function openRestClient({ address, environment, signal }: RestClientOptions): RestClient {
  const url = new URL(address);
  const authorization = login(url, environment);
  url.username = url.password = url.search = url.hash = "";
  const base = url.href.replace(/\/+$/, "");

  async function send(path: string, init: RequestInit): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(`${base}${path}`, {
        ...init,
        signal,
        redirect: "error",
        headers: { ...init.headers, ...(authorization !== undefined && { authorization }) },
      }).catch((error: unknown) => {
        if (signal.aborted || attempt === tries)
          throw new AppError("unavailable", `${base} does not answer: ${reason(error)}.`, {
            cause: error,
            hint: "Check the address, and that the server runs.",
          });
        return undefined;
      });
      if (answer !== undefined && (attempt === tries || ![429, 502, 503, 504].includes(answer.status))) return answer;
      await answer?.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, firstWaitMs * 2 ** attempt));
    }
  }

  async function json(path: string, init: RequestInit): Promise<Answer> {
    const answer = await send(path, init);
    const text = await answer.text();
    if (!answer.ok) throw refused(base, path, answer.status, text);
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null) return value as Answer; // just asked
    } catch (error) {
      throw new AppError("corrupt_data", `${base}${path} answers with something else than JSON.`, {
        cause: error,
        hint: "Is it a tracking server's address?",
      });
    }
    throw new AppError("corrupt_data", `${base}${path} answers with no object.`);
  }

  return {
    origin: base,
    get: (path, query = {}) => json(`${path}${queryText(query)}`, { method: "GET" }),
    post: (path, body) => json(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    async *bytes(path, query = {}) {
      const answer = await send(`${path}${queryText(query)}`, { method: "GET" });
      if (!answer.ok) throw refused(base, path, answer.status, await answer.text());
      if (answer.body !== null) yield* answer.body;
    },
  };
}

function login(url: URL, environment: RestClientOptions["environment"]): string | undefined {
  const user = decodeURIComponent(url.username) || environment["MLFLOW_TRACKING_USERNAME"];
  const password = decodeURIComponent(url.password) || environment["MLFLOW_TRACKING_PASSWORD"];
  if (user) return `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}`;
  const token = environment["MLFLOW_TRACKING_TOKEN"];
  return token ? `Bearer ${token}` : undefined;
}

function refused(base: string, path: string, status: number, text: string): AppError {
  if (status === 401 || status === 403)
    return new AppError("permission_denied", `${base} refused: ${status}.`, {
      hint: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
    });
  const said = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.slice(0, 200);
  const code = status === 404 || status === 400 || status === 501 ? "not_found" : "unavailable";
  return new AppError(code, `${base}${path} answers ${status}: ${said}`, { hint: "Look into the server's log.", details: { status } });
}

function queryText(query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
