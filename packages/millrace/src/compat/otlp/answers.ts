import { AppError } from "#kit/app-error";
import { protobufWriter } from "#kit/protobuf";
import type { ErrorCode } from "#kit/error-codes";
import type { RawAnswer } from "#kit/route";

/** How a request is written, and so its answer. */
export type Encoding = "protobuf" | "json";
const mediaTypes: Record<Encoding, string> = { protobuf: "application/x-protobuf", json: "application/json" };

export function encodingOf(contentType: unknown): Encoding | undefined {
  const media = typeof contentType === "string" ? contentType.split(";")[0]!.trim().toLowerCase() : undefined; // split gives a part
  return media === mediaTypes.protobuf ? "protobuf" : media === mediaTypes.json ? "json" : undefined;
}

/**
 * ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; } with { int64 rejected_spans = 1;
 * string error_message = 2; }: empty where all was taken.
 */
export function taken(encoding: Encoding, rejected: number, message: string): RawAnswer {
  const contentType = mediaTypes[encoding];
  if (encoding === "json") {
    return {
      contentType,
      body: JSON.stringify(rejected === 0 ? {} : { partialSuccess: { rejectedSpans: String(rejected), errorMessage: message } }),
    };
  }
  const out = protobufWriter();
  if (rejected > 0) {
    out.message(1, (partial) => {
      partial.varint(1, rejected);
      partial.text(2, message);
    });
  }
  return { contentType, body: out.finish() };
}

/** Codes of google.rpc.Code, which OTLP's errors have; what is not here is INTERNAL. */
const rpcCodes: Partial<Record<ErrorCode, number>> = {
  invalid_argument: 3,
  corrupt_data: 3,
  not_found: 5,
  permission_denied: 7,
  storage_full: 8,
  conflict: 9,
  unsupported: 12,
  unavailable: 14,
};
const internal = 13;

/** Senders try again after 429, 502, 503 and 504 alone, so what may pass by itself is told as 503. */
function statusOf(error: AppError): number {
  const given = error.details?.["status"];
  if (typeof given === "number") return given;
  if (error.code === "corrupt_data") return 400;
  return error.code === "storage_full" ? 503 : error.status;
}

/** An error as google.rpc.Status { int32 code = 1; string message = 2; }, written as the request was. */
export function refused(error: AppError): RawAnswer {
  const encoding: Encoding = error.details?.["encoding"] === "protobuf" ? "protobuf" : "json";
  const code = rpcCodes[error.code] ?? internal;
  const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  const answer = { status: statusOf(error), contentType: mediaTypes[encoding] };
  if (encoding === "json") return { ...answer, body: JSON.stringify({ code, message }) };
  const out = protobufWriter();
  out.varint(1, code);
  out.text(2, message);
  return { ...answer, body: out.finish() };
}

/** The error with the encoding that its answer needs. */
export function inEncoding(error: AppError, encoding: Encoding): AppError {
  const { code, message, hint, details } = error;
  return new AppError(code, message, { ...(hint !== undefined && { hint }), cause: error.cause ?? error, details: { ...details, encoding } });
}
