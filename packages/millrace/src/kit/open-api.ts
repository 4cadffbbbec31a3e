import { z } from "zod";
import { errorCodes } from "./error-codes.ts";
import { pathParameters, type AnyRoute } from "./route.ts";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the given routes. */
export function openApi(routes: AnyRoute[], info: { title: string; version: string }): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) (paths[route.path.replace("*}", "}")] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: "3.1.0",
    info,
    paths,
    components: { schemas: { Error: errorSchema }, securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}

/** JSON schema of a route's input or output as a caller sees it. */
export function schemaOf(type: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: "any" }) as Json;
  return schema;
}

/** JSON schema of what a caller of a route names. The body and headers of a route that moves files are not among it. */
export function inputSchemaOf(route: AnyRoute): Json {
  const { properties = {}, required = [], ...schema } = schemaOf(route.input, "input") as { properties?: Record<string, Json>; required?: string[] };
  const named = (name: string) => !(route.streams && (name === "body" || name === "headers"));
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => named(name))),
    required: required.filter(named),
    ...(route.streams && { additionalProperties: false }),
  };
}

/** Whether a caller sends a file as the body. */
export function takesFile(route: AnyRoute): boolean {
  return route.streams === true && route.method !== "GET" && route.method !== "DELETE";
}

function operation(route: AnyRoute): Json {
  const input = inputSchemaOf(route) as { properties?: Record<string, Json>; required?: string[] };
  const inPath = new Set(pathParameters(route.path));
  const rest = Object.entries(input.properties ?? {}).filter(([name]) => !inPath.has(name));
  const parameters = [...inPath].map((name) => ({ name, in: "path", required: true, schema: input.properties?.[name] ?? { type: "string" } }));
  const bodyless = route.method === "GET" || route.method === "DELETE";
  const query = bodyless ? rest.map(([name, schema]) => ({ name, in: "query", required: input.required?.includes(name) ?? false, schema })) : [];
  return {
    operationId: route.name,
    summary: route.summary,
    tags: [route.name.split(".")[0]],
    security: route.permission === "public" ? [] : [{ token: [] }],
    "x-permission": route.permission,
    parameters: [...parameters, ...query],
    ...(takesFile(route) && { requestBody: { required: true, content: { "application/octet-stream": {} } } }),
    ...(!bodyless &&
      rest.length > 0 && { requestBody: { required: true, content: { "application/json": { schema: bodySchema(rest, input.required ?? []) } } } }),
    responses: { "200": answer(route), ...failures(route) },
  };
}

function bodySchema(properties: [string, Json][], required: string[]): Json {
  const names = new Set(properties.map(([name]) => name));
  return { type: "object", properties: Object.fromEntries(properties), required: required.filter((name) => names.has(name)) };
}

function answer(route: AnyRoute): Json {
  const content = route.output
    ? { "application/json": { schema: schemaOf(route.output, "output") } }
    : { [route.produces ?? "application/octet-stream"]: {} };
  return { description: "The result.", content };
}

function failures(route: AnyRoute): Json {
  const byStatus = new Map<number, string[]>();
  for (const code of route.errors) {
    const { status, meaning } = errorCodes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${meaning}`]);
  }
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  return Object.fromEntries([...byStatus].map(([status, meanings]) => [String(status), { description: meanings.join(" "), content }]));
}

const errorSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { type: "string", enum: Object.keys(errorCodes) },
        message: { type: "string" },
        hint: { type: "string" },
        details: { type: "object" },
        requestId: { type: "string" },
      },
    },
  },
};
