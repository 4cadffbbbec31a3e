import type { ErrorCode } from "./generated/types.ts";

/** The body of an error, as servers send it. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  hint?: string;
  details?: Record<string, unknown>;
  requestId?: string;
}

/** What a failed call rejects with. */
export class MillraceError extends Error {
  /** What kind of failure it is; every code is in the reference. */
  readonly code: ErrorCode;
  /** Status of the HTTP answer; 0 when there was none. */
  readonly status: number;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Facts for programs, such as the fields at fault. */
  readonly details: Record<string, unknown> | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(body: ErrorBody, status: number, options: { cause?: unknown } = {}) {
    super(body.message, options);
    this.name = "MillraceError";
    this.code = body.code;
    this.status = status;
    this.hint = body.hint;
    this.details = body.details;
    this.requestId = body.requestId;
  }
}

/** What an answer means that is not this server's: by something between here and there. */
const byStatus: Partial<Record<number, ErrorCode>> = { 401: "unauthenticated", 403: "permission_denied", 404: "not_found" };

/** The error of an answer that is none; also of one that something between here and the server has sent. */
export async function errorOfAnswer(response: Response): Promise<MillraceError> {
  const text = await response.text();
  const body = errorBody(text);
  if (body) return new MillraceError(body, response.status);
  const code = byStatus[response.status] ?? "unavailable";
  return new MillraceError(
    { code, message: `The server answered ${response.status} ${response.statusText}: ${text.slice(0, 200)}` },
    response.status,
  );
}

function errorBody(text: string): ErrorBody | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: ErrorBody };
    return typeof error?.code === "string" && typeof error.message === "string" ? error : undefined;
  } catch {
    return undefined; // a page of a proxy
  }
}
