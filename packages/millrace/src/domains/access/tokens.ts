import { randomBytes } from "node:crypto";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import { sha256 } from "#kit/hash";
import type { Actor } from "#kit/route";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { isPermission, permissions, type Permission } from "./permissions.ts";

export interface AccessServices {
  state: Database;
  clock: Clock;
}

export interface TokenInfo {
  name: string;
  permissions: Permission[];
  createdMs: number;
  revokedMs: number | null;
}

/** Makes a token and returns its secret, which is stored only as a digest and cannot be shown again. */
export async function createToken({ state, clock }: AccessServices, name: string, granted: string[]): Promise<{ name: string; secret: string }> {
  const unknown = granted.filter((permission) => !isPermission(permission));
  if (unknown.length > 0 || granted.length === 0) {
    throw new AppError(
      "invalid_argument",
      `${unknown.length > 0 ? `There is no permission "${unknown[0]}"` : "A token needs at least one permission"}.`,
      {
        hint: `Permissions are: ${Object.keys(permissions).join(", ")}.`,
      },
    );
  }
  const secret = `mr_${randomBytes(24).toString("base64url")}`;
  await state.run(
    sql`insert into access_token (name, digest, permissions, created_ms) values (${name}, ${sha256(secret)}, ${granted.join(" ")}, ${clock.now()})`,
  );
  return { name, secret };
}

export async function listTokens({ state }: AccessServices): Promise<TokenInfo[]> {
  const rows = await state.all<{ name: string; permissions: string; created_ms: number; revoked_ms: number | null }>(
    sql`select name, permissions, created_ms, revoked_ms from access_token order by created_ms`,
  );
  return rows.map((row) => ({
    name: row.name,
    permissions: row.permissions.split(" ").filter(isPermission),
    createdMs: row.created_ms,
    revokedMs: row.revoked_ms,
  }));
}

/** From now on the token opens nothing. */
export async function revokeToken({ state, clock }: AccessServices, name: string): Promise<void> {
  const changed = await state.run(sql`update access_token set revoked_ms = ${clock.now()} where name = ${name} and revoked_ms is null`);
  if (changed === 0) throw new AppError("not_found", `There is no token "${name}" in use.`, { hint: "millrace tokens list" });
}

/** Who a bearer token stands for; undefined for an unknown or revoked one. */
export async function actorOf({ state }: AccessServices, secret: string): Promise<Actor | undefined> {
  const row = await state.get<{ name: string; permissions: string }>(
    sql`select name, permissions from access_token where digest = ${sha256(secret)} and revoked_ms is null`,
  );
  return row && { name: row.name, permissions: new Set(row.permissions.split(" ")) };
}

/** The person at this machine: everything is allowed over loopback. */
export const localActor: Actor = { name: "local", permissions: new Set(Object.keys(permissions)) };
