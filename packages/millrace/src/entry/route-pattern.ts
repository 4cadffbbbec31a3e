import type { AnyRoute } from "#kit/route";

/** A route's path as Fastify writes it. */
export function routePattern({ path }: Pick<AnyRoute, "path">): string {
  return path.replace(/\{\w+\*\}$/, "*").replaceAll(/\{(\w+)\}/g, ":$1");
}
