import { inputSchemaOf, schemaOf, takesFile } from "#kit/open-api";
import { pathParameters, type AnyRoute } from "#kit/route";
import { code, markdownTable, notice } from "./markdown.ts";
import { declarations, pascalCase, typeText, type JsonSchema } from "./schema-types.ts";

/**
 * `docs/reference/api.md`: every operation of the server, by noun.
 *
 * @param permissions every permission with what it lets a caller do
 */
export function apiPage(routes: AnyRoute[], permissions: Record<string, string>): string {
  const nouns = new Map<string, AnyRoute[]>();
  for (const route of routes) {
    const noun = route.name.split(".")[0]!;
    nouns.set(noun, [...(nouns.get(noun) ?? []), route]);
  }
  const contents = [...nouns].map(([noun, of]) => `- [${noun}](#${noun.toLowerCase()}): ${of.map((route) => code(route.name)).join(", ")}`);
  const chapters = [...nouns].map(([noun, of]) => [`## ${noun}`, ...of.map(operation)].join("\n\n"));
  return `${notice}# API

The server describes itself at \`/openapi.json\` (OpenAPI 3.1), from the same route objects as this page. Inputs named in the path go there;
the others go into the query (GET, DELETE) or the JSON body. On loopback no login is needed; elsewhere every call but public ones
sends \`Authorization: Bearer <token>\`. Errors are in [errors.md](errors.md). In TypeScript, \`@millrace/client\` has one method an operation.

${markdownTable(
  ["Permission", "Lets a caller"],
  Object.entries(permissions).map(([name, meaning]) => [code(name), meaning]),
)}

${contents.join("\n")}

${chapters.join("\n\n")}
`;
}

function operation(route: AnyRoute): string {
  const needs = route.permission === "public" ? "Open to anybody." : `Needs ${code(route.permission)}.`;
  const errors = route.errors.length > 0 ? `Errors: ${route.errors.map(code).join(", ")}.` : "";
  return [`### ${route.name}`, `\`${route.method} ${route.path}\``, route.summary, inputs(route), answer(route), `${needs} ${errors}`.trim()]
    .filter(Boolean)
    .join("\n\n");
}

function inputs(route: AnyRoute): string {
  const { properties = {}, required = [] } = inputSchemaOf(route) as JsonSchema;
  const inPath = new Set(pathParameters(route.path));
  const bodyless = route.method === "GET" || route.method === "DELETE";
  const rows = Object.entries(properties).map(([name, schema]) => [
    code(name),
    inPath.has(name) ? "path" : bodyless ? "query" : "body",
    code(typeText(schema).replaceAll(/\s+/g, " ")),
    required.includes(name) ? "yes" : schema.default === undefined ? "no" : `no (${code(JSON.stringify(schema.default))})`,
    schema.description ?? "",
  ]);
  if (takesFile(route)) rows.push(["the file", "body", "bytes", "yes", "of any length; its media type is the request's `Content-Type`"]);
  return rows.length === 0 ? "" : markdownTable(["Input", "In", "Type", "Required", "Meaning"], rows);
}

function answer(route: AnyRoute): string {
  if (!route.output) return `Answers ${code(route.produces ?? "application/octet-stream")}.`;
  const text = declarations(`${pascalCase(route.name)}Output`, schemaOf(route.output, "output") as JsonSchema);
  return `\`\`\`ts\n${text.replaceAll(/^export /gm, "")}\n\`\`\``;
}
