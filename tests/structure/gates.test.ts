import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportStars, repositoryFiles } from "./export-stars.ts";
import { lintConfig } from "./lint-config.ts";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** One violation a rule: where it is planted, what it says, and what must come back. */
const planted: { rule: string; file: string; text: string; caught: string }[] = [
  { rule: "kit imports nothing of ours", file: "src/kit/a.ts", text: 'import "#ports/stream";', caught: "kit may not import ports" },
  {
    rule: "ports import types of kit only",
    file: "src/ports/a.ts",
    text: 'import type { X } from "#domains/lake";\nexport type Y = X;',
    caught: "ports may not import domains",
  },
  {
    rule: "a domain loads no adapter",
    file: "src/domains/lake/a.ts",
    text: 'import "#adapters/warehouse/duckdb";',
    caught: "domains may not import adapters",
  },
  { rule: "a domain imports only those before it", file: "src/domains/lake/b.ts", text: 'import "#domains/serving";', caught: "lake comes before" },
  {
    rule: "a domain does not import itself by its door",
    file: "src/domains/lake/c.ts",
    text: 'import "#domains/lake";',
    caught: "lake comes before",
  },
  {
    rule: "also not later",
    file: "src/domains/access/d.ts",
    text: 'export const later = () => import("#domains/fleet");',
    caught: "access comes before",
  },
  { rule: "nobody goes round a door", file: "src/domains/serving/e.ts", text: 'import "../lake/store.ts";', caught: "Folders are flat" },
  {
    rule: "an adapter imports no domain",
    file: "src/adapters/stream/a.ts",
    text: 'import "#domains/lake";',
    caught: "adapters may not import domains",
  },
  {
    rule: "an adapter imports its own port only",
    file: "src/adapters/stream/b.ts",
    text: 'import "#adapters/warehouse/duckdb";',
    caught: "Adapters of one port",
  },
  {
    rule: "compat does not start the server",
    file: "src/compat/mlflow/a.ts",
    text: 'import "#entry/server";',
    caught: "compat may not import entry",
  },
  {
    rule: "engines belong to adapters",
    file: "src/domains/lake/f.ts",
    text: 'import "@duckdb/node-api";',
    caught: "Engines are loaded by adapters only",
  },
  {
    rule: "no circle (one way)",
    file: "src/kit/circle-a.ts",
    text: 'import { b } from "./circle-b.ts";\nexport const a = () => b;',
    caught: "no-cycle",
  },
  {
    rule: "no circle (the other)",
    file: "src/kit/circle-b.ts",
    text: 'import { a } from "./circle-a.ts";\nexport const b = () => a;',
    caught: "no-cycle",
  },
  {
    rule: "a file ends before 400 lines",
    file: "src/kit/long.ts",
    text: Array.from({ length: 401 }, (_, i) => `export const line${i} = ${i};`).join("\n"),
    caught: "max-lines",
  },
  { rule: "no default exports", file: "src/kit/default.ts", text: "export default 1;", caught: "no-default-export" },
  { rule: "no any", file: "src/kit/any.ts", text: "export const x = (y: any): unknown => y;", caught: "no-explicit-any" },
];

interface Finding {
  filename: string;
  code: string;
  message: string;
}

describe("the gates catch what is planted", () => {
  let folder: string;
  let findings: Finding[];
  let filesSeen: number;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-gates-"));
    for (const { file, text } of planted) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), `${text}\n`);
    }
    await writeFile(join(folder, ".oxlintrc.json"), JSON.stringify(lintConfig("src")));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const output = await lint(folder);
    findings = output.diagnostics;
    filesSeen = output.number_of_files;
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("looks at every planted file", () => expect(filesSeen).toBe(planted.length));

  it.each(planted)("$rule", ({ file, caught }) => {
    const messages = findings
      .filter((finding) => finding.filename.endsWith(file))
      .map((finding) => `${finding.code} ${finding.message} ${JSON.stringify(finding)}`);
    expect(messages.join("\n")).toContain(caught);
  });

  it("finds `export *` where it stands", async () => {
    await writeFile(join(folder, "star.ts"), 'export * from "./a.ts";\n');
    expect(exportStars(["star.ts"], folder)).toEqual(["star.ts:1"]);
  });
});

describe("the tree as it is", () => {
  it("has the lint rules that the table of layers makes", async () => {
    expect(JSON.parse(await readFile(join(root, ".oxlintrc.json"), "utf8"))).toEqual(lintConfig());
  });

  it("is looked at as a whole and breaks no rule", async () => {
    const output = await lint(root);
    const sources = repositoryFiles(root).filter(
      (file) => file.startsWith("packages/millrace/src/") && file.endsWith(".ts") && !file.includes("/generated/"),
    );
    expect(output.number_of_files).toBeGreaterThanOrEqual(sources.length);
    expect(sources.length).toBeGreaterThan(100);
    expect(output.diagnostics.map((finding) => `${finding.filename}: ${finding.code} ${finding.message}`)).toEqual([]);
  }, 60_000);

  it("re-exports by name only", () => {
    const files = repositoryFiles(root).filter((file) => /^(packages|examples|tests|bench)\/.*\.ts$/.test(file));
    expect(files.length).toBeGreaterThan(100);
    expect(exportStars(files, root)).toEqual([]);
  });

  it("names no registry and no path of one machine", async () => {
    const lock = await readFile(join(root, "package-lock.json"), "utf8");
    expect(lock.length).toBeGreaterThan(10_000);
    expect(lock).not.toContain('"resolved": "http');
  });

  it("is drawn by ARCHITECTURE.md: every path in it exists", async () => {
    const text = await readFile(join(root, "ARCHITECTURE.md"), "utf8");
    const paths = [...text.matchAll(/`((?:packages|examples|tests|bench|docs|\.ci)\/[\w./-]*)`/g)].map((match) => match[1]!);
    expect(paths.length).toBeGreaterThan(25);
    const files = repositoryFiles(root);
    expect(paths.filter((path) => !files.some((file) => file === path || file.startsWith(path.endsWith("/") ? path : `${path}/`)))).toEqual([]);
  });

  it("has every domain of the map and no empty room", async () => {
    const files = repositoryFiles(root);
    const domains = new Set(files.flatMap((file) => /^packages\/millrace\/src\/domains\/([^/]+)\//.exec(file)?.[1] ?? []));
    const text = await readFile(join(root, "ARCHITECTURE.md"), "utf8");
    for (const domain of domains) {
      expect(files).toContain(`packages/millrace/src/domains/${domain}/index.ts`);
      expect(text).toContain(`packages/millrace/src/domains/${domain}`);
    }
  });
});

async function lint(cwd: string): Promise<{ diagnostics: Finding[]; number_of_files: number }> {
  const binary = join(root, "node_modules", "oxlint", "bin", "oxlint");
  const { stdout } = await run(process.execPath, [binary, "--format", "json", "."], { cwd, maxBuffer: 64 << 20 }).catch(
    (error: { stdout: string }) => error,
  );
  return JSON.parse(stdout) as { diagnostics: Finding[]; number_of_files: number };
}
