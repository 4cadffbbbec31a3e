// Made from the server's routes by `npm run generate`; do not edit.

/** Every error a server can answer with. */
export type ErrorCode =
  | "invalid_argument"
  | "invalid_config"
  | "invalid_definition"
  | "not_found"
  | "permission_denied"
  | "gate_failed"
  | "conflict"
  | "project_in_use"
  | "port_in_use"
  | "unavailable"
  | "storage_full"
  | "corrupt_data"
  | "sql_error"
  | "test_failed"
  | "step_failed"
  | "missing_dependency"
  | "unsupported"
  | "cancelled"
  | "internal";

export type SystemHealthInput = Record<string, never>;

export interface SystemHealthOutput {
  status: "ok";
  project: string;
  version: string;
}

export interface TokensCreateInput {
  name: string;
  /** any of public, project:read, project:run, models:write, predictions:make, predictions:read, access:write */
  permissions: string[];
}

export interface TokensCreateOutput {
  name: string;
  secret: string;
}

export type TokensListInput = Record<string, never>;

export interface TokensListOutput {
  tokens: {
    name: string;
    permissions: string[];
    createdMs: number;
    revokedMs: number | null;
  }[];
}

export interface TokensRevokeInput {
  name: string;
}

export interface TokensRevokeOutput {
  revoked: string;
}
