import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandTable } from "#entry/command-table";
import { routeCommands } from "#entry/route-commands";
import { repositoryFiles } from "./export-stars.ts";

const root = join(import.meta.dirname, "..", "..");
const words = [...commandTable, ...routeCommands].map((command) => command.words);
const groups = new Set(words.filter((each) => each.includes(" ")).map((each) => each.split(" ")[0]!));

/** Command lines that a text names and that are none: `millrace <words>` in quotes of code, in a hint, or in a block of a page. */
function unknownCommands(text: string): string[] {
  return [...text.matchAll(/(?:["`]|: |· |npx |\$ |^ *|\()millrace ([a-z]+)(?: ([a-z]+|\S)?)?/gm)]
    .filter(([, first, second]) => !words.includes(first!) && !(groups.has(first!) && words.includes(`${first} ${second ?? ""}`)))
    .map(([line]) => line.trim());
}

describe("commands that texts name", () => {
  it("exist, in the code's hints and in every page", async () => {
    const files = repositoryFiles(root).filter(
      (file) =>
        (/^packages\/millrace\/src\/.*\.ts$/.test(file) || /^(?!bench\/).*\.md$/.test(file)) &&
        !file.endsWith(".test.ts") &&
        existsSync(join(root, file)),
    );
    expect(files.length).toBeGreaterThan(200);
    const found: string[] = [];
    let named = 0;
    for (const file of files) {
      const text = await readFile(join(root, file), "utf8");
      named += [...text.matchAll(/millrace [a-z]+/g)].length;
      found.push(...unknownCommands(text).map((line) => `${file}: ${line}`));
    }
    expect(named).toBeGreaterThan(50);
    expect(found).toEqual([]);
  });

  it("are noticed when they do not", () => {
    const planted = ["hint: `millrace fly`", 'hint: "millrace runs"', "See it with: millrace models ${name}", "npx millrace runs shw 1"];
    expect(planted.flatMap(unknownCommands)).toHaveLength(planted.length);
    expect(unknownCommands("`millrace run churn`, `millrace runs show 1` and (millrace doctor)")).toEqual([]);
  });
});
