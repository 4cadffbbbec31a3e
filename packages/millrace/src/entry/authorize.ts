import type { IncomingHttpHeaders } from "node:http";
import { localActor } from "#domains/access";
import { AppError } from "#kit/app-error";
import type { Actor, AnyRoute } from "#kit/route";

export interface Login {
  /** Who a token's secret stands for. */
  actorOf: (secret: string) => Promise<Actor | undefined>;
  /** Bound to loopback: whoever sends no token is the person at this machine. */
  loopback: boolean;
}

/**
 * Who calls, if the route is theirs to call. Tokens come as `Authorization: Bearer SECRET`, or as `Basic NAME:SECRET` from programs that
 * only know a user and a password (MLflow's `MLFLOW_TRACKING_USERNAME` and `…_PASSWORD`). Throws `unauthenticated` without a token that
 * opens anything, `permission_denied` where it lacks the route's permission.
 */
export async function authorize(route: Pick<AnyRoute, "permission">, headers: IncomingHttpHeaders, { actorOf, loopback }: Login): Promise<Actor> {
  const credentials = credentialsIn(headers.authorization);
  const holder = credentials && (await actorOf(credentials.secret));
  const actor = credentials
    ? credentials.name === undefined || credentials.name === holder?.name
      ? holder
      : undefined
    : loopback
      ? localActor
      : undefined;
  if (route.permission === "public") return actor ?? { name: "anonymous", permissions: new Set() };
  if (!actor)
    throw new AppError("unauthenticated", credentials ? "This token opens nothing: it is unknown or revoked." : "This server needs a token.", {
      hint: "Send `Authorization: Bearer <token>`, or the token's name and secret as user and password.",
    });
  if (!actor.permissions.has(route.permission)) {
    throw new AppError("permission_denied", `"${actor.name}" lacks the permission ${route.permission}.`, {
      hint: `millrace tokens create NAME ${route.permission}`,
    });
  }
  return actor;
}

function credentialsIn(header: string | undefined): { name?: string; secret: string } | undefined {
  const [, scheme, given] = /^(\S+) +(\S+)$/.exec(header?.trim() ?? "") ?? [];
  if (scheme === undefined || given === undefined) return header ? { secret: "" } : undefined; // what cannot be read opens nothing
  if (scheme.toLowerCase() === "bearer") return { secret: given };
  if (scheme.toLowerCase() !== "basic") return { secret: "" };
  const text = Buffer.from(given, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? { secret: "" } : { name: text.slice(0, colon), secret: text.slice(colon + 1) };
}

/** A page of another site must not reach a server on loopback through its reader's browser (DNS rebinding, cross-site posts). */
export function refuseForeign({ host = "", origin }: IncomingHttpHeaders, loopback: boolean): void {
  if (loopback && !isLoopback(hostName(host)))
    throw new AppError("permission_denied", `The host "${host}" is not this server's.`, { hint: "Use 127.0.0.1 or localhost." });
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new AppError("permission_denied", `Requests from pages of ${origin} are refused.`);
}

function hostName(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
