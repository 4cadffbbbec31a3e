import { z } from "zod";
import type { AnyRoute } from "#kit/route";
import { lintConfig } from "../../../tests/structure/lint-config.ts";
import { permissions } from "../src/domains/access/permissions.ts";
import { configSchema, environmentOverrides } from "../src/domains/project/config.ts";
import { commandTable } from "../src/entry/command-table.ts";
import { globalOptions, versionOption } from "../src/entry/global-options.ts";
import { routeCommandTexts } from "../src/entry/route-command-texts.ts";
import { clientOperations, clientTypes } from "./client-files.ts";
import { apiPage } from "./reference-api.ts";
import { cliPage } from "./reference-cli.ts";
import { configPage } from "./reference-config.ts";
import { errorsPage } from "./reference-errors.ts";
import { routeCommandFile } from "./route-command-file.ts";
import type { JsonSchema } from "./schema-types.ts";
import { starterData } from "./starter-data.ts";

/** Every generated file's content, by its path from the repository's root. */
export function generatedFiles(all: AnyRoute[]): Map<string, string> {
  const routes = all.filter((route) => !route.protocol); // other programs' protocols have descriptions and clients of their own
  const texts = routeCommandTexts(routes);
  const config = z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema; // zod's own type for it is wider
  const starter = Object.entries(starterData()).map(([name, text]): [string, string] => [
    `packages/millrace/templates/starter/data/${name}.csv`,
    text,
  ]);
  return new Map([
    ["packages/millrace/src/generated/route-commands.ts", routeCommandFile(texts)],
    ["packages/client/src/generated/types.ts", clientTypes(routes)],
    ["packages/client/src/generated/operations.ts", clientOperations(routes)],
    ["docs/reference/errors.md", errorsPage()],
    ["docs/reference/api.md", apiPage(routes, permissions)],
    ["docs/reference/cli.md", cliPage([...commandTable, ...texts], [...globalOptions, versionOption])],
    ["docs/reference/config.md", configPage(config, environmentOverrides)],
    [".oxlintrc.json", `${JSON.stringify(lintConfig(), null, 2)}\n`],
    ...starter,
  ]);
}
