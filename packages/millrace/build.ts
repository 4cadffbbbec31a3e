// Makes the published package: the command line, the authoring API and the worker threads as chunks, and the types beside them.
import { execFileSync } from "node:child_process";
import { globSync, rmSync, writeFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { basename, dirname, join } from "node:path";
import { rolldown } from "rolldown";
import manifest from "./package.json" with { type: "json" };

const folder = import.meta.dirname;
const dist = join(folder, "dist");
/** Packages that go into the bundle because they are small and loading them file by file is not. */
const bundled = ["commander", "zod"];
const installed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)];

rmSync(dist, { recursive: true, force: true });
const workers = await bundle();
types();
console.log(`built ${workers} worker threads, the command line and the API into dist/`);

/** Writes `cli.js`, `index.js` and `workers/*-worker.js`, which share chunks, and gives the number of workers. */
async function bundle(): Promise<number> {
  const workers = globSync("src/**/*-worker.ts", { cwd: folder });
  const build = await rolldown({
    cwd: folder,
    platform: "node",
    input: {
      cli: "src/entry/cli.ts",
      index: "src/index.ts",
      ...Object.fromEntries(workers.map((file) => [`workers/${basename(file, ".ts")}`, file])),
    },
    external: (id) => isBuiltin(id) || (isPackage(id) && !bundled.includes(packageName(id))),
    resolve: { conditionNames: ["source", "node", "import"] },
  });
  // Names stay, so that a stack trace says where it happened.
  const minify = { mangle: false, compress: true, codegen: true };
  const { output } = await build.write({ dir: dist, format: "esm", entryFileNames: "[name].js", chunkFileNames: "chunks/[name]-[hash].js", minify });
  await build.close();
  const own = new Set(output.map((chunk) => chunk.fileName));
  const imported = output.flatMap((chunk) => (chunk.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : []));
  const missing = new Set(imported.filter((id) => !own.has(id) && !isBuiltin(id)).map(packageName)).difference(new Set(installed));
  if (missing.size > 0) throw new Error(`The bundle imports ${[...missing].join(", ")}, which package.json does not name as dependencies.`);
  return workers.length;
}

/** One declaration file a source file. The map resolves the `#` spellings in them, from the folder they lie in. */
function types(): void {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", join(folder, "tsconfig.types.json")], { stdio: "inherit" });
  const imports = Object.fromEntries(
    Object.entries(manifest.imports).map(([spelling, target]) => [spelling, target.replace("./src/", "./").replace(/\.ts$/, ".d.ts")]),
  );
  writeFileSync(join(dist, "types", "package.json"), `${JSON.stringify({ type: "module", imports }, null, 2)}\n`);
}

/** Whether an import names a package, rather than a file or one of our own `#` doors. */
function isPackage(id: string): boolean {
  return /^@?[a-z]/.test(id) && !id.startsWith("src/");
}

function packageName(id: string): string {
  return id.split("/", id.startsWith("@") ? 2 : 1).join("/");
}
