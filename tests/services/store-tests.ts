import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const contracts = "tests/contracts";

/**
 * The tests whose state comes from `openTestState`, by themselves or by a place of `tests/contracts` that opens it: all of them run on
 * PostgreSQL too. Paths from the repository's root.
 */
export function storeTests(): string[] {
  const places = globSync(`${contracts}/*.ts`, { cwd: root }).filter((file) => file.endsWith("/state.ts") || reads(file, ["./state.ts"]));
  const imports = places.map((file) => `/${file}`);
  return globSync("packages/*/src/**/*.test.ts", { cwd: root })
    .filter((file) => reads(file, imports))
    .toSorted();
}

/** Whether a file imports one of these, by the end of its path. */
function reads(file: string, paths: string[]): boolean {
  const text = readFileSync(join(root, file), "utf8");
  return paths.some((path) => text.includes(`${path}"`));
}
