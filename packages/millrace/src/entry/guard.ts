import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance } from "fastify";
import { AppError } from "#kit/app-error";
import type { AnyRoute } from "#kit/route";
import { refuseForeign } from "./authorize.ts";
import { routePattern } from "./route-pattern.ts";

/**
 * Refuses what comes from other sites, and tells browsers on every answer what they may do with it: no page of another site may frame
 * it, and pages that other programs on this machine serve may read what a route lets them (`Protocol.localPages`).
 */
export function guard(app: FastifyInstance, routes: AnyRoute[], loopback: boolean): void {
  const known = new Map(routes.map((route) => [`${route.method} ${routePattern(route)}`, route]));
  const open = loopback ? routes.filter(({ protocol }) => protocol?.localPages) : [];
  const asked = new Set(open.map(aboveOf));
  app.addHook("onRequest", async ({ method, headers, routeOptions: { url = "" } }, reply) => {
    reply.header("x-frame-options", "SAMEORIGIN");
    const preflight = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
    const route = known.get(`${method === "HEAD" ? "GET" : method} ${url}`);
    const localPages = preflight ? asked.has(url) : (route?.protocol?.localPages ?? false);
    const origin = allowedOrigin(headers, { loopback, localPages, probe: route?.probe ?? false }, preflight);
    if (origin === undefined) return;
    reply.headers({ "access-control-allow-origin": origin, "access-control-expose-headers": "*", vary: "Origin" });
  });
  for (const url of asked) {
    app.options(url, async ({ headers }, reply) => {
      const { origin, "access-control-request-method": method, "access-control-request-headers": wanted } = headers;
      if (origin === undefined || method === undefined) throw new AppError("not_found", "OPTIONS is answered to browsers that ask for a page.");
      return reply
        .headers({
          "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS, PATCH",
          "access-control-max-age": "600",
          ...(typeof wanted === "string" && { "access-control-allow-headers": wanted }),
        })
        .send("OK");
    });
  }
}

/** A browser's question before a request is a bad one, rather than one that is forbidden, as browsers' own rules have it. */
function allowedOrigin(headers: IncomingHttpHeaders, rules: Parameters<typeof refuseForeign>[1], preflight: boolean): string | undefined {
  try {
    return refuseForeign(headers, rules);
  } catch (error) {
    if (preflight && error instanceof AppError) throw new AppError("invalid_argument", error.message, { cause: error });
    throw error;
  }
}

/** The part of the API that a route is in, as `/api/2.0/mlflow/*`: browsers are told the same of all routes there. */
function aboveOf(route: AnyRoute): string {
  const [, ...parts] = route.path.split("/");
  return parts.length > 3 ? `/${parts.slice(0, 3).join("/")}/*` : routePattern(route);
}
