import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { AppError, toAppError } from "#kit/app-error";
import { millraceVersion } from "#kit/environment";
import type { CommandContext } from "./command.ts";

/** What may be in the folder already: what npm and git make. */
const harmless = new Set(["package.json", "package-lock.json", "node_modules", ".git", ".npmrc", ".DS_Store"]);

/** Files that npm would leave out of the package, or read as its own, under their true names. */
const renamed: Record<string, string> = { gitignore: ".gitignore" };

interface Manifest {
  name?: string;
  [field: string]: unknown;
}

/** Makes a project from the starter. Refuses a folder with other things in it; takes back what it wrote when it fails. */
export async function command({ args, folder: from, terminal }: CommandContext): Promise<void> {
  const folder = resolve(from, typeof args[0] === "string" ? args[0] : ".");
  await refuseForeign(folder);
  const name = projectName(folder);
  const files = await starterFiles(folder, name);
  const existed = existsSync(folder);
  try {
    for (const [file, content] of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), content);
    }
  } catch (error) {
    const made = new Set([...files.keys()].map((file) => file.split("/")[0]!));
    if (existed) made.delete("package.json"); // the rest was not there: see `refuseForeign`
    for (const entry of existed ? made : [""]) await rm(join(folder, entry), { recursive: true, force: true });
    throw toAppError(error);
  }
  const here = relative(process.cwd(), folder);
  const next = [...(here === "" ? [] : [`cd ${here}`]), "npx millrace dev"];
  const more = ["npx millrace run churn", "npx millrace doctor"];
  terminal.result(
    { folder, name, files: [...files.keys()].toSorted(), next: [...next, ...more] },
    `${name} is in ${folder}: ${files.size} files, described in README.md.\n\nNext:\n${next.map((line) => `  ${line}`).join("\n")}\n\nOr step by step: ${more.join(", ")}. For types in the editor: npm install`,
  );
}

async function refuseForeign(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const foreign = (await readdir(folder)).filter((entry) => !harmless.has(entry)).toSorted();
  if (foreign.length === 0) return;
  const shown = foreign.slice(0, 5).join(", ") + (foreign.length > 5 ? ", …" : "");
  throw new AppError("conflict", `${folder} is not empty (it has ${shown}), and nothing in it should be overwritten.`, {
    hint: "Choose a new folder: millrace init my-project",
    details: { folder, entries: foreign.slice(0, 100) },
  });
}

/** The folder's name as a name of a project: lower-case letters, digits and dashes. */
function projectName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[^a-z]+|-+$/g, "")
    .slice(0, 63);
  return name === "" ? "starter" : name;
}

/** The starter's files, under the project's name. The data come as they are. */
async function starterFiles(folder: string, name: string): Promise<Map<string, string | Uint8Array>> {
  const template = join(dirname(createRequire(import.meta.url).resolve("millrace/package.json")), "templates", "starter");
  const files = new Map<string, string | Uint8Array>();
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile()).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = relative(template, join(entry.parentPath, entry.name)).split(sep).join("/");
    const content = await readFile(join(template, path));
    files.set(renamed[path] ?? path, path.startsWith("data/") ? content : named(path, content.toString("utf8"), name));
  }
  const starter = JSON.parse(String(files.get("package.json"))) as Manifest;
  return files.set("package.json", await manifest(folder, starter, name));
}

function named(path: string, text: string, name: string): string {
  return path === "millrace.config.ts"
    ? text.replace('name: "starter"', `name: "${name}"`)
    : path === "README.md"
      ? text.replace(/^# .*/, `# ${name}`)
      : text;
}

/** What the starter needs in `package.json`, laid over what stands there. */
async function manifest(folder: string, starter: Manifest, name: string): Promise<string> {
  const path = join(folder, "package.json");
  const standing = existsSync(path) ? parseManifest(path, await readFile(path, "utf8")) : undefined;
  const merged: Manifest = { ...(standing ?? { ...starter, name }), type: "module" };
  for (const field of ["imports", "scripts", "dependencies", "devDependencies"])
    merged[field] = { ...(starter[field] as object), ...(standing?.[field] as object | undefined) };
  const dependencies = merged["dependencies"] as Record<string, string>;
  const given = standing?.["dependencies"] as Record<string, string> | undefined;
  dependencies["millrace"] = given?.["millrace"] ?? `^${millraceVersion()}`;
  return `${JSON.stringify(merged, null, 2)}\n`;
}

function parseManifest(path: string, text: string): Manifest {
  try {
    return JSON.parse(text) as Manifest; // npm sees to its fields
  } catch (error) {
    throw new AppError("invalid_argument", `${path} is not JSON: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
      hint: "Mend it or remove it; nothing was written.",
    });
  }
}
