import { z } from "zod";
import type { RegistryServices } from "#domains/registry";
import type { TrackingServices } from "#domains/tracking";
import type { WebhookServices } from "#domains/webhooks";
import { type AnyRoute, isRawAnswer, type PermissionName, type RawAnswer, route, type RouteContext } from "#kit/route";
import { json, protocol } from "./protocol.ts";
import { checkType, type Fields, fieldsOf } from "./request.ts";

export interface MlflowServices {
  tracking: TrackingServices;
  registry: RegistryServices;
  webhooks?: WebhookServices;
  /** Endpoints that follow aliases are told when one moves. */
  serving?: { reload(): Promise<void> };
  /** Where an upload is kept until its digest is known: best on the file system of the blobs, so that it is moved and not copied. */
  scratchFolder?: string;
}

export type Handler = (services: MlflowServices, fields: Fields, context: RouteContext) => Promise<object | RawAnswer>;

export const input = z
  .object({ body: z.custom<Uint8Array>((value) => value instanceof Uint8Array), headers: z.record(z.string(), z.unknown()) })
  .catchall(z.unknown());

export const mlflowRoute = route<MlflowServices>();

/** One operation under both prefixes that clients use: `/api` (SDKs) and `/ajax-api` (browsers). `path` begins behind `/mlflow/`. */
export function endpoint(method: AnyRoute["method"], path: string, permission: PermissionName, handle: Handler, version: "2.0" | "3.0" = "2.0") {
  return ["api", "ajax-api"].map((prefix) => under(prefix, method, `/${prefix}/${version}/mlflow/${path}`, permission, handle));
}

/** One operation under a path of its own. */
export function under(prefix: string, method: AnyRoute["method"], path: string, permission: PermissionName, handle: Handler): AnyRoute {
  return mlflowRoute({
    name: nameOf(method, path),
    method,
    path,
    summary: `MLflow's ${method} ${path}${prefix === "ajax-api" ? ", for browsers" : ""}.`,
    permission,
    protocol,
    cli: false,
    produces: "application/json",
    input,
    errors: ["invalid_argument", "not_found"],
    async handle(services, given, context) {
      if (method === "POST" && given.body.length > 0) checkType(given.headers);
      const answer = await handle(services, fieldsOf(given), context);
      if (permission === "models:write") await services.webhooks?.outbox?.emptied(); // MLflow's messages are on their way when it answers
      return isRawAnswer(answer) ? answer : json(answer);
    },
  });
}

export function nameOf(method: string, path: string): string {
  const words = path.replaceAll(/[^a-zA-Z0-9]+(\w?)/g, (_, letter: string) => letter.toUpperCase());
  return `mlflow.${method.toLowerCase()}${words}${path.endsWith("*") ? "Other" : ""}`;
}
