import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { errorCodes } from "#kit/error-codes";
import { schemaOf } from "#kit/open-api";
import { routeCommands } from "#entry/route-commands";
import { commandTable } from "#entry/command-table";
import { allRoutes } from "#entry/routes";
import { clientOperations } from "../../packages/millrace/generate/client-files.ts";
import { generatedFiles } from "../../packages/millrace/generate/generated-files.ts";
import { declarations, type JsonSchema } from "../../packages/millrace/generate/schema-types.ts";
import { repositoryFiles } from "./export-stars.ts";

const root = join(import.meta.dirname, "..", "..");

describe("what is generated", () => {
  const files = generatedFiles(allRoutes);

  it.each([...files.keys()])("is up to date: %s (npm run generate)", async (path) => {
    expect(existsSync(join(root, path)), `${path} is missing`).toBe(true);
    const same = (await readFile(join(root, path), "utf8")) === files.get(path); // not a diff of megabytes
    expect(same, `${path} differs from what npm run generate writes`).toBe(true);
  });

  it("is all there is in the generated folders and the reference", async () => {
    expect(files.size).toBeGreaterThan(9);
    for (const folder of ["packages/millrace/src/generated", "packages/client/src/generated", "docs/reference"]) {
      const there = (await readdir(join(root, folder))).map((file) => `${folder}/${file}`);
      expect(there.filter((file) => !files.has(file))).toEqual([]);
      expect(there.length).toBeGreaterThan(0);
    }
  });

  it("has a method of the client, an entry in the reference and, where wanted, a command for every route of our own", async () => {
    const operations = files.get("packages/client/src/generated/operations.ts")!;
    const api = files.get("docs/reference/api.md")!;
    const own = allRoutes.filter((route) => !route.protocol);
    expect(own.length).toBeGreaterThan(25);
    for (const route of own) {
      expect(operations).toContain(JSON.stringify(route.path));
      expect(api).toContain(`### ${route.name}\n\n\`${route.method} ${route.path}\``);
    }
    expect(routeCommands).toHaveLength(own.filter((route) => route.cli !== false).length);
  });

  it("has no command twice", () => {
    const words = [...commandTable, ...routeCommands].map((command) => command.words);
    expect(words.filter((each, i) => words.indexOf(each) !== i)).toEqual([]);
    // A word that is a command cannot be a group of commands as well.
    expect(words.filter((each) => words.some((other) => other.startsWith(`${each} `)))).toEqual([]);
  });

  it("refuses routes that want one place in the client", () => {
    const [route] = allRoutes;
    expect(() => clientOperations([route!, { ...route!, path: "/other" }])).toThrow("place");
  });
});

describe("the table of errors", () => {
  it("has no code that nothing uses", async () => {
    const sources = repositoryFiles(root).filter(
      (file) =>
        /^packages\/millrace\/src\/.*\.ts$/.test(file) &&
        !file.endsWith(".test.ts") &&
        !file.endsWith("/error-codes.ts") &&
        existsSync(join(root, file)),
    );
    expect(sources.length).toBeGreaterThan(100);
    const text = (await Promise.all(sources.map((file) => readFile(join(root, file), "utf8")))).join("\n");
    const used = (code: string) => new RegExp(`(?:AppError\\(|fail\\(|\\? |: )\\s*"${code}"|errorCodes\\.${code}\\b`).test(text);
    expect(Object.keys(errorCodes).filter((code) => !used(code))).toEqual([]);
  });

  it("is documented as a whole", async () => {
    const page = await readFile(join(root, "docs/reference/errors.md"), "utf8");
    for (const [code, { status, exit, meaning }] of Object.entries(errorCodes))
      expect(page).toContain(`| \`${code}\` | ${status} | ${exit} | ${meaning} |`);
  });
});

describe("types from schemas", () => {
  it("say what the schemas say", () => {
    const node: z.ZodType = z.lazy(() => z.object({ name: z.string(), children: z.array(node) }));
    const schema = z.object({
      text: z.string().describe("Any text."),
      count: z.int().optional(),
      choice: z.enum(["a", "b"]),
      many: z.array(z.union([z.string(), z.number()])),
      maybe: z.boolean().nullable(),
      pair: z.tuple([z.string(), z.int()]),
      named: z.record(z.string(), z.number()),
      state: z.discriminatedUnion("kind", [z.object({ kind: z.literal("on"), since: z.number() }), z.object({ kind: z.literal("off") })]),
      open: z.looseObject({ id: z.string() }),
      "odd name": z.unknown(),
      tree: node,
      json: z.json(),
      jsons: z.record(z.string(), z.json()),
    });
    expect(declarations("Thing", schemaOf(schema, "output") as JsonSchema)).toBe(`export interface Thing {
  /** Any text. */
  text: string;
  count?: number;
  choice: "a" | "b";
  many: (string | number)[];
  maybe: boolean | null;
  pair: [string, number];
  named: Record<string, number>;
  state: {
    kind: "on";
    since: number;
  } | {
    kind: "off";
  };
  open: {
    id: string;
    [name: string]: unknown;
  };
  "odd name": unknown;
  tree: ThingSchema0;
  json: JsonValue;
  jsons: { [name: string]: JsonValue };
}

export interface ThingSchema0 {
  name: string;
  children: ThingSchema0[];
}`);
  });

  it("name an empty input and a whole that is no object", () => {
    expect(declarations("None", schemaOf(z.object({}), "input") as JsonSchema)).toBe("export type None = Record<string, never>;");
    expect(declarations("List", schemaOf(z.array(z.string().nullable()), "output") as JsonSchema)).toBe("export type List = (string | null)[];");
  });
});
