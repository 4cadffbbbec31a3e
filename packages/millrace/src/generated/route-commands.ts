// Made from the routes by `npm run generate`; do not edit.
export const routeCommandTexts: { route: string; words: string; summary: string; args: string; options: [string, string][] }[] = [
  {"route":"tokens.create","words":"tokens create","summary":"Make a token for a program or a person. Its secret is shown this once.","args":"<name> <permissions...>","options":[]},
  {"route":"tokens.list","words":"tokens list","summary":"List tokens, without their secrets.","args":"","options":[]},
  {"route":"tokens.revoke","words":"tokens revoke","summary":"Make a token worthless.","args":"<name>","options":[]},
];
