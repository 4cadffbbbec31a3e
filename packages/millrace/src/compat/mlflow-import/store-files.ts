import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import { parseTypedYaml, parseYaml, type TypedYaml, type Yaml } from "./yaml.ts";

/** The files that a file store is made of: `meta.yaml`, and one file a tag, param or metric, named by its key. */
export type Meta = Record<string, Yaml>;

/** Names of the folders in a folder, by name; none where it is not there. */
export async function foldersIn(folder: string): Promise<string[]> {
  return (await entries(folder))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Undefined where there is none. Throws `corrupt_data` for one that is not as MLflow writes it. */
export async function readMeta(folder: string): Promise<Meta | undefined> {
  return readMap(join(folder, "meta.yaml"));
}

/** As `readMeta`, of any file. */
export async function readMap(file: string): Promise<Meta | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : (mapIn(file, parseYaml(text, file)) as Meta); // without types all is text
}

/** As `readMap`, with the types that its values have in Python. */
export async function readTypedMap(file: string): Promise<Record<string, TypedYaml> | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : mapIn(file, parseTypedYaml(text, file));
}

function mapIn(file: string, value: TypedYaml): Record<string, TypedYaml> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new AppError("corrupt_data", `${file} is empty or no map.`, { hint: "Restore it, or take its folder away." });
}

/** Contents of the files below a folder by their paths, which are the keys. */
export async function readTexts(folder: string): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (const key of await keysIn(folder)) found.push([key, (await readText(join(folder, key))) ?? ""]);
  return Object.fromEntries(found);
}

/** Keys of the files below a folder. */
export async function keysIn(folder: string, below = ""): Promise<string[]> {
  const keys: string[] = [];
  for (const entry of await entries(join(folder, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) keys.push(...(await keysIn(folder, path)));
    else if (entry.isFile()) keys.push(path);
  }
  return keys.sort();
}

/** Sizes of the files below a folder, which change when a point is added. */
export async function sizesIn(folder: string): Promise<string> {
  const sizes: string[] = [];
  for (const key of await keysIn(folder)) sizes.push(`${key} ${(await stat(join(folder, key))).size}`);
  return sizes.join("\n");
}

export async function readText(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw error;
  });
}

export function metaText(meta: Meta, name: string): string {
  const value = meta[name];
  return typeof value === "string" ? value : "";
}

export function metaNumber(meta: Meta, name: string): number | null {
  const text = metaText(meta, name);
  return text === "" || !Number.isFinite(Number(text)) ? null : Math.trunc(Number(text));
}

export function metaTexts(meta: Meta, name: string): Record<string, string> {
  const value = meta[name];
  if (value === null || value === undefined || typeof value === "string" || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, typeof each === "string" ? each : ""]));
}

async function entries(folder: string) {
  return readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw error;
  });
}
