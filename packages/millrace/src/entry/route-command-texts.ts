import { schemaOf } from "#kit/open-api";
import type { AnyRoute } from "#kit/route";

export interface RouteCommandText {
  route: string;
  words: string;
  summary: string;
  args: string;
  options: [flags: string, description: string][];
}

interface Property {
  type?: string;
  description?: string;
}

/** What the command line needs to know of the routes, as plain text for `generated/route-commands.ts`. */
export function routeCommandTexts(routes: AnyRoute[]): RouteCommandText[] {
  return routes.filter((route) => route.cli !== false).map(commandText);
}

function commandText(route: AnyRoute): RouteCommandText {
  const { properties = {}, required = [] } = schemaOf(route.input, "input") as { properties?: Record<string, Property>; required?: string[] };
  const cli = route.cli === false ? undefined : route.cli;
  const positional = cli?.positional ?? [];
  const args = positional.map((name) => {
    const text = dashed(name) + (properties[name]?.type === "array" ? "..." : "");
    return required.includes(name) ? `<${text}>` : `[${text}]`;
  });
  const options = Object.entries(properties)
    .filter(([name]) => !positional.includes(name))
    .map(([name, property]): [string, string] => [flags(name, property), property.description ?? ""]);
  return { route: route.name, words: cli?.words ?? route.name.replaceAll(".", " "), summary: route.summary, args: args.join(" "), options };
}

function flags(name: string, { type }: Property): string {
  if (type === "boolean") return `--${dashed(name)}`;
  return `--${dashed(name)} <${type === "array" ? "values..." : "value"}>`;
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
