import { existsSync, globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryFiles } from "./export-stars.ts";

const root = join(import.meta.dirname, "..", "..");
const published = ["millrace", "client"];

interface Manifest {
  name: string;
  version: string;
  license: string;
  engines?: { node: string };
  files: string[];
  dependencies?: Record<string, string>;
}

async function manifestOf(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, path), "utf8")) as Manifest; // npm's own format
}

describe("the published packages", () => {
  it.each(published)("%s: has a licence, a page, and every file it lists (dist is built)", async (name) => {
    const folder = `packages/${name}`;
    const manifest = await manifestOf(`${folder}/package.json`);
    expect(manifest.license).toBe("Apache-2.0");
    for (const file of [...manifest.files.filter((each) => each !== "dist"), "README.md", "LICENSE"])
      expect(existsSync(join(root, folder, file)), file).toBe(true);
  });

  it("stand under the text of Apache-2.0, word for word", async () => {
    const text = await readFile(join(root, "LICENSE"), "utf8");
    expect(createHash("sha256").update(text.trim()).digest("hex")).toBe("283ea6cc2997a1a70da0049e09adf9317bb60ca1b51279b65196b83a69e1996b");
    for (const name of published) expect(await readFile(join(root, "packages", name, "LICENSE"), "utf8")).toBe(text);
  });

  it("have one version", async () => {
    const versions = await Promise.all(published.map(async (name) => (await manifestOf(`packages/${name}/package.json`)).version));
    expect(new Set(versions).size).toBe(1);
    expect((await readFile(join(root, "CHANGELOG.md"), "utf8")).match(/^## (\S+)/m)![1]).toBe(versions[0]);
  });

  it("ask for the Node that the command line asks for", async () => {
    const wanted = (await manifestOf("packages/millrace/package.json")).engines!.node.replace(">=", "");
    expect(await readFile(join(root, "packages/millrace/bin/millrace.js"), "utf8")).toContain(`[${wanted.split(".").join(", ")}]`);
  });

  it("start from a file that an old Node can read: no static import", async () => {
    expect(await readFile(join(root, "packages/millrace/bin/millrace.js"), "utf8")).not.toMatch(/^\s*import\s/m);
  });
});

describe("the starter", () => {
  const folder = "packages/millrace/templates/starter";

  it("asks for this version of Millrace, and has no file that npm would leave out", async () => {
    const { version } = await manifestOf("packages/millrace/package.json");
    expect((await manifestOf(`${folder}/package.json`)).dependencies!["millrace"]).toBe(`^${version}`);
    const files = globSync("**/*", { cwd: join(root, folder), exclude: (name) => name === "node_modules" });
    expect(files.length).toBeGreaterThan(12);
    expect(files.filter((file) => /(^|\/)(\.gitignore|\.npmignore|\.npmrc|node_modules|package-lock\.json)$/.test(file))).toEqual([]);
  });

  it("says in its page how many rows it has", async () => {
    const page = await readFile(join(root, folder, "README.md"), "utf8");
    for (const name of ["customers", "bills", "cancellations"]) {
      const rows = (await readFile(join(root, folder, "data", `${name}.csv`), "utf8")).trimEnd().split("\n").length - 1;
      expect(page).toContain(rows.toLocaleString("en-US"));
    }
  });
});

describe("the repository", () => {
  it("has every npm script that its pages name", async () => {
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }; // npm's own format
    const pages = repositoryFiles(root).filter((file) => /^(?:[A-Z]+|docs\/.*)\.md$/.test(file) && existsSync(join(root, file)));
    expect(pages.length).toBeGreaterThan(5);
    const named = new Set<string>(["test"]);
    for (const page of pages) for (const [, name] of (await readFile(join(root, page), "utf8")).matchAll(/npm run ([\w:-]+)/g)) named.add(name!);
    expect(named.size).toBeGreaterThan(3);
    expect([...named].filter((name) => !(name in scripts))).toEqual([]);
  });

  it("names no path of one machine", async () => {
    const files = repositoryFiles(root).filter(
      (file) => /\.(ts|js|json|md|sql|ya?ml)$/.test(file) && file !== "package-lock.json" && existsSync(join(root, file)),
    );
    expect(files.length).toBeGreaterThan(300);
    const found: string[] = [];
    for (const file of files) {
      const text = await readFile(join(root, file), "utf8");
      if (/(?:\/home\/[a-z]\w*\/|\/root\/|\/Users\/[a-z]\w*\/|C:\\Users\\)/i.test(text) && !file.startsWith("tests/structure/")) found.push(file);
    }
    expect(found).toEqual([]);
  });
});
