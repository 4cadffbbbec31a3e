import type { AnyRoute, RawAnswer } from "#kit/route";
import { safePath } from "./artifact-path.ts";
import { input, mlflowRoute, type MlflowServices, nameOf } from "./endpoint.ts";
import { protocol } from "./protocol.ts";

/** What a route gets that moves files: the query's fields, the body as it came, and the headers. */
export type Given = { body: Uint8Array; headers: Record<string, unknown> } & Record<string, unknown>;
/** `path` is what the parameters `p1`, `p2`, … of the route's path say, safe. */
export type FileHandler = (services: MlflowServices, path: string, given: Given) => Promise<RawAnswer>;

export function fileRoute(method: AnyRoute["method"], path: string, permission: AnyRoute["permission"], handle: FileHandler): AnyRoute {
  const parts = [...path.matchAll(/\{(p\d+)\}/g)].map((match) => match[1]!);
  return mlflowRoute({
    name: nameOf(method, path),
    method,
    path,
    summary: `MLflow's ${method} ${path}.`,
    permission,
    protocol,
    cli: false,
    input,
    errors: ["invalid_argument", "not_found", "conflict"],
    handle: async (services, given) =>
      handle(services, parts.length === 0 ? "" : safePath(parts.map((part) => String(given[part])).join("/")), given),
  });
}
