import type { RouteCommandText } from "../src/entry/route-command-texts.ts";

/** `src/generated/route-commands.ts`: the commands made from routes as plain text, so that help loads none of them. */
export function routeCommandFile(texts: RouteCommandText[]): string {
  const lines = texts.map((text) => `  ${JSON.stringify(text)},\n`).join("");
  return `// Made from the routes by \`npm run generate\`; do not edit.
export const routeCommandTexts: { route: string; words: string; summary: string; args: string; options: [string, string][] }[] = [
${lines}];
`;
}
