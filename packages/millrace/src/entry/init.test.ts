import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveConfig } from "#domains/project";
import { command } from "./command-init.ts";
import type { CommandContext } from "./command.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-init-"));
});
afterEach(() => rm(root, { recursive: true }));

async function init(folder?: string): Promise<{ folder: string; name: string; files: string[]; next: string[] }> {
  let printed: unknown;
  const terminal: CommandContext["terminal"] = {
    json: true,
    result: (value) => (printed = value),
    note: () => undefined,
    progress: () => undefined,
    stream: async () => undefined,
  };
  await command({ args: [folder], options: {}, folder: root, environment: {}, terminal, signal: new AbortController().signal });
  return printed as Awaited<ReturnType<typeof init>>; // what the command prints with --json
}

describe("init", () => {
  it("makes a project named for its folder, and says what comes next", async () => {
    const { folder, name, files, next } = await init("My Shop 2");
    expect(folder).toBe(join(root, "My Shop 2"));
    expect(name).toBe("my-shop-2");
    expect(next.at(-1)).toBe("npx millrace doctor");
    const there = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files).toHaveLength(there.length);
    for (const file of [".gitignore", "README.md", "data/bills.csv", "features.ts", "millrace.config.ts", "models/bills.sql", "models/handles.ts"])
      expect(files).toContain(file);
    expect(await readFile(join(folder, "millrace.config.ts"), "utf8")).toContain('name: "my-shop-2"');
    expect(await readFile(join(folder, "README.md"), "utf8")).toMatch(/^# my-shop-2\n/);
    expect(resolveConfig({ name }, {}).name).toBe("my-shop-2");
    const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<string, object>;
    expect(manifest).toMatchObject({ name: "my-shop-2", type: "module", imports: { "#models": "./models/handles.ts" } });
    expect(manifest["dependencies"]).toHaveProperty("millrace");
  });

  it("takes the folder it stands in, where npm and git have been, and keeps what package.json says", async () => {
    await mkdir(join(root, ".git"));
    await writeFile(
      join(root, "package.json"),
      JSON.stringify({ name: "mine", type: "commonjs", scripts: { dev: "my own" }, dependencies: { millrace: "file:x.tgz", a: "1" } }),
    );
    await init();
    expect(JSON.parse(await readFile(join(root, "package.json"), "utf8"))).toMatchObject({
      name: "mine",
      type: "module",
      scripts: { dev: "my own", check: "tsc --noEmit" },
      dependencies: { millrace: "file:x.tgz", a: "1" },
      imports: { "#models": "./models/handles.ts" },
    });
  });

  it("refuses a folder with anything else in it, and changes nothing", async () => {
    await writeFile(join(root, "thesis.txt"), "years of work");
    await expect(init()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("thesis.txt"),
      hint: expect.stringContaining("millrace init"),
    });
    expect(await readdir(root)).toEqual(["thesis.txt"]);
  });

  it("says when package.json cannot be read, and writes nothing", async () => {
    await writeFile(join(root, "package.json"), "{ not json");
    await expect(init()).rejects.toMatchObject({ code: "invalid_argument", message: expect.stringContaining("package.json is not JSON") });
    expect(await readdir(root)).toEqual(["package.json"]);
  });
});
