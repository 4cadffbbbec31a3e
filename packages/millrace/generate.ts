// Writes what is made from the routes, the commands, the configuration and the tables of errors and layers.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedFiles } from "./generate/generated-files.ts";
import { allRoutes } from "./src/entry/routes.ts";

const root = join(import.meta.dirname, "..", "..");
const files = generatedFiles(allRoutes);
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
console.log(`wrote ${files.size} files`);
