import { errorCodes } from "#kit/error-codes";
import { inputSchemaOf, schemaOf, takesFile } from "#kit/open-api";
import type { AnyRoute } from "#kit/route";
import { declarations, jsonValue, pascalCase, type JsonSchema } from "./schema-types.ts";

const header = "// Made from the server's routes by `npm run generate`; do not edit.\n";

/** `packages/client/src/generated/types.ts`: the input and output of every route, and the codes of errors. */
export function clientTypes(routes: AnyRoute[]): string {
  const codes = Object.keys(errorCodes).map((code) => JSON.stringify(code));
  const types = routes.flatMap((route) => [
    declarations(inputType(route), inputSchemaOf(route) as JsonSchema),
    ...(route.output ? [declarations(outputType(route), schemaOf(route.output, "output") as JsonSchema)] : []),
  ]);
  const codesType = `/** Every error a server can answer with. */\nexport type ErrorCode =\n  | ${codes.join("\n  | ")};`;
  return `${[header, codesType, jsonValue.text, ...types].join("\n\n").replace("\n\n\n", "\n\n")}\n`;
}

/** `packages/client/src/generated/operations.ts`: one method a route, grouped by its noun. Throws when two routes want one place. */
export function clientOperations(routes: AnyRoute[]): string {
  const tree: Tree = new Map();
  for (const route of routes) plant(tree, route);
  const types = routes.flatMap((route) => [inputType(route), ...(route.output ? [outputType(route)] : [])]).toSorted();
  const imports = types.length > 0 ? `\nimport type {\n  ${types.join(",\n  ")},\n} from "./types.ts";` : "";
  return `${header}import type { Call, CallOptions, FileBody } from "../call.ts";${imports}

/** Every operation of a server, grouped by noun. */
export type Operations = ReturnType<typeof operations>;

/** Binds the operations to a way of calling the server. */
export function operations(call: Call) {
  return ${treeText(tree, "  ")};
}
`;
}

type Tree = Map<string, AnyRoute | Tree>;

function plant(tree: Tree, route: AnyRoute): void {
  const words = route.name.split(".").map(camelCase);
  let place = tree;
  for (const word of words.slice(0, -1)) {
    let next = place.get(word);
    if (next === undefined) place.set(word, (next = new Map()));
    if (!(next instanceof Map)) throw new Error(`Route ${route.name} and route ${next.name} want one place in the client.`);
    place = next;
  }
  if (place.has(words.at(-1)!)) throw new Error(`Two routes want the place ${route.name} in the client.`);
  place.set(words.at(-1)!, route);
}

function treeText(tree: Tree, indent: string): string {
  const inner = `${indent}  `;
  const entries = [...tree].map(([word, node]) =>
    node instanceof Map ? `${inner}${word}: ${treeText(node, inner)},` : `${inner}/** ${comment(node)} */\n${inner}${word}: ${methodText(node)},`,
  );
  return `{\n${entries.join("\n")}\n${indent}}`;
}

function comment(route: AnyRoute): string {
  const need = route.permission === "public" ? "" : ` Needs \`${route.permission}\`.`;
  const raw = route.output ? "" : ` Answers ${route.produces ?? "application/octet-stream"}.`;
  return `${route.summary}${/[.!?]$/.test(route.summary) ? "" : "."}${need}${raw}`;
}

function methodText(route: AnyRoute): string {
  const { required = [] } = inputSchemaOf(route) as JsonSchema;
  const input = `input: ${inputType(route)}${required.length > 0 ? "" : " = {}"}`;
  if (takesFile(route))
    return `(${input}, file: FileBody, options?: CallOptions) => call.file<${outputType(route)}>(${JSON.stringify(route.method)}, ${JSON.stringify(route.path)}, input, file, options)`;
  const verb = route.output ? `json<${outputType(route)}>` : "raw";
  return `(${input}, options?: CallOptions) => call.${verb}(${JSON.stringify(route.method)}, ${JSON.stringify(route.path)}, input, options)`;
}

function inputType(route: AnyRoute): string {
  return `${pascalCase(route.name)}Input`;
}

function outputType(route: AnyRoute): string {
  return `${pascalCase(route.name)}Output`;
}

function camelCase(word: string): string {
  const pascal = pascalCase(word);
  return pascal[0]!.toLowerCase() + pascal.slice(1);
}
