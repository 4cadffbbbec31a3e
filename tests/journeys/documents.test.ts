import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { withMeasuredTable } from "../../bench/measured-table.ts";
import { withTrackingTable } from "../../bench/tracking/report.ts";
import { commandTable } from "#entry/command-table";
import { allRoutes } from "#entry/routes";
import { routeCommandTexts } from "#generated/route-commands";
import { blocksOf, readPage } from "./run-document.ts";

const root = join(import.meta.dirname, "..", "..");
const folders = ["docs", "docs/how-to", "docs/explanation", "docs/reference", "examples/flight-delays"];
const pages = [
  ...["README.md", "ARCHITECTURE.md", "AGENTS.md", "CONTRIBUTING.md"],
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".md"))
      .map((file) => `${folder}/${file}`),
  ),
];

describe("the documents", () => {
  it("link to what exists", async () => {
    const broken: string[] = [];
    for (const page of pages) {
      for (const [, target] of withoutCode(await readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [path, heading] = target!.split("#") as [string, string | undefined];
        const file = path === "" ? page : join(dirname(page), path);
        if (!existsSync(join(root, file))) broken.push(`${page}: ${target}`);
        else if (heading !== undefined && !(await headingsOf(file)).includes(heading)) broken.push(`${page}: ${target}`);
      }
    }
    expect(pages.length).toBeGreaterThan(15);
    expect(broken).toEqual([]);
  });

  it("are all in the index", async () => {
    const index = await readPage("docs/README.md");
    const listed = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
    expect(listed.filter((page) => !index.includes(`](${page.slice("docs/".length)})`))).toEqual([]);
  });

  it("name commands that exist", async () => {
    const known = [...commandTable, ...routeCommandTexts].map(({ words }) => words);
    const unknown: string[] = [];
    let named = 0;
    for (const page of pages) {
      for (const [, words] of (await readPage(page)).matchAll(/(?:`|npx )millrace ((?:[a-z]+ ?)+)/g)) {
        named++;
        if (!known.some((command) => `${words!.trim()} `.startsWith(`${command} `))) unknown.push(`${page}: millrace ${words}`);
      }
    }
    expect(named).toBeGreaterThan(20);
    expect(unknown).toEqual([]);
  });
});

describe("ARCHITECTURE.md", () => {
  it("names files that exist also where it leaves out the beginning of their paths", async () => {
    const text = await readPage("ARCHITECTURE.md");
    const named = [...text.matchAll(/`((?:kit|ports|domains|adapters|compat|entry)\/[\w./-]+)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((path) => !existsSync(join(root, "packages", "millrace", "src", path)))).toEqual([]);
  });
});

describe("docs/explanation/tracking-benchmarks.md", () => {
  it("has the numbers that were measured", async () => {
    const page = await readPage("docs/explanation/tracking-benchmarks.md");
    expect(page, "run: node --conditions=source bench/tracking/report.ts").toBe(withTrackingTable(page));
  });
});

describe("README.md", () => {
  it("has the numbers that were measured", async () => {
    const readme = await readPage("README.md");
    expect(readme, "run: node bench/measured-table.ts").toBe(withMeasuredTable(readme));
  });

  it("says which protocols of other programs are served", async () => {
    const [said] = /- \*\*Few protocols\.[^]*?(?=\n- )/.exec(await readPage("README.md")) ?? [""];
    const named = [...said.matchAll(/`([\w-]+)`/g)].map(([, name]) => name!);
    const served = new Set(allRoutes.flatMap(({ protocol }) => protocol?.name ?? []));
    expect(named.toSorted()).toEqual([...served].toSorted());
  });
});

function withoutCode(markdown: string): string {
  return blocksOf(markdown)
    .reduce((text, block) => text.replace(block.text, ""), markdown)
    .replaceAll(/`[^`]*`/g, "");
}

/** Headings as GitHub makes anchors of them. */
async function headingsOf(page: string): Promise<string[]> {
  const headings = [...(await readPage(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}
