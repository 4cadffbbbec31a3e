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

/**
 * A page of another site must not reach a server on loopback through its reader's browser (DNS rebinding, cross-site posts). Addresses of private
 * networks pass as hosts: no name can be made to stand for one. Gives the origin of another page that may call: one that a program on
 * this machine serves, where `localPages` lets it.
 */
export function refuseForeign(
  { host = "", origin }: IncomingHttpHeaders,
  { loopback, probe = false, localPages = false }: { loopback: boolean; probe?: boolean; localPages?: boolean },
): string | undefined {
  if (loopback && !probe && !isLoopback(hostName(host)) && !isPrivate(hostName(host)))
    throw new AppError("permission_denied", `Invalid Host header: "${host}" is not this server's.`, { hint: "Use 127.0.0.1 or localhost." });
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return undefined;
  if (loopback && localPages && /^http:\/\/[^/]+$/.test(origin) && isLoopback(hostName(origin.slice("http://".length)))) return origin;
  throw new AppError("permission_denied", `Cross-origin request blocked: pages of ${origin} may not call this server.`);
}

function hostName(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
}

/** Whether this is an IPv4 address of a private network (RFC 1918). */
function isPrivate(host: string): boolean {
  return /^(10(\.\d{1,3}){3}|192\.168(\.\d{1,3}){2}|172\.(1[6-9]|2\d|3[01])(\.\d{1,3}){2})$/.test(host);
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
