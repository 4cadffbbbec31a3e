import { AppError } from "#kit/app-error";
import type { Protocol, RawAnswer } from "#kit/route";

/** Error codes of MLflow's REST API with their HTTP statuses (mlflow/exceptions.py); what it has no status for is 500 there. */
const statuses = {
  BAD_REQUEST: 400,
  INVALID_PARAMETER_VALUE: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_DOES_NOT_EXIST: 404,
  ENDPOINT_NOT_FOUND: 404,
  RESOURCE_CONFLICT: 409,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
  INTERNAL_ERROR: 500,
} as const;

export type MlflowCode = keyof typeof statuses;

/** Classes of errors that have other names than their codes; what is not implemented has none. */
const classes: Partial<Record<MlflowCode, string>> = { RESOURCE_DOES_NOT_EXIST: "RESOURCE_NOT_FOUND", BAD_REQUEST: "INVALID_PARAMETER_VALUE" };

/** An error that MLflow's clients know by its code. */
export function refusal(code: MlflowCode, message: string): AppError {
  return new AppError(code.endsWith("NOT_EXIST") || code === "ENDPOINT_NOT_FOUND" ? "not_found" : "invalid_argument", message, {
    details: { mlflow: code },
  });
}

export function invalid(message: string): AppError {
  return refusal("INVALID_PARAMETER_VALUE", message);
}

export function absent(message: string): AppError {
  return refusal("RESOURCE_DOES_NOT_EXIST", message);
}

/** What programs look for in these errors' messages, as MLflow's own login says it (mlflow/server/auth). */
const firstWords: Partial<Record<MlflowCode, string>> = { UNAUTHENTICATED: "You are not authenticated.", PERMISSION_DENIED: "Permission denied." };

/** Bodies come as bytes (old clients send JSON within JSON, deletions have bodies), errors go as `{error_code, message}`. */
export const protocol: Protocol = {
  name: "mlflow",
  bytes: true,
  localPages: true,
  errorAnswer(error) {
    const code = codeOf(error);
    const told = { error_code: code, message: [firstWords[code], messageOf(error)].filter(Boolean).join(" ") };
    return json(code === "NOT_IMPLEMENTED" ? told : { ...told, sqlstate: "KAM00", error_class: classes[code] ?? code }, statuses[code]);
  },
};

export function json(value: unknown, status = 200): RawAnswer {
  return { ...jsonText(JSON.stringify(value)), status };
}

export function jsonText(text: string | Uint8Array): RawAnswer {
  return { contentType: "application/json", body: text };
}

function codeOf(error: AppError): MlflowCode {
  const given = error.details?.["mlflow"];
  if (typeof given === "string" && Object.hasOwn(statuses, given)) return given as MlflowCode; // a key of the table, just asked
  if (error.code === "not_found") return "RESOURCE_DOES_NOT_EXIST";
  if (error.code === "unauthenticated") return "UNAUTHENTICATED";
  if (error.code === "permission_denied") return "PERMISSION_DENIED";
  if (error.code === "conflict") return "INVALID_PARAMETER_VALUE";
  if (error.code === "unsupported") return "NOT_IMPLEMENTED";
  if (error.code === "unavailable" || error.code === "project_in_use") return "TEMPORARILY_UNAVAILABLE";
  return error.status < 500 ? "INVALID_PARAMETER_VALUE" : "INTERNAL_ERROR";
}

/** The words of an error, for those who cannot be told its hint apart. */
export function messageOf(error: AppError): string {
  return error.hint === undefined || error.details?.["mlflow"] !== undefined ? error.message : `${error.message} ${error.hint}`;
}
