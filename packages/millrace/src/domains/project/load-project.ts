import { existsSync, globSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AppError, toAppError } from "#kit/app-error";
import { resolveConfig, type Config } from "./config.ts";

/** A definition as plain data: what it is, what it is called, and the rest, which its own domain knows. */
export interface Definition {
  kind: string;
  name: string;
}

export interface Project {
  folder: string;
  config: Config;
  /** Folder of the embedded stores, absolute. */
  home: string;
  /** Definitions by kind, then by name, in the order of the files. */
  definitions: Map<string, Map<string, Definition>>;
}

const configName = "millrace.config.ts";

/** Reads `millrace.config.ts` alone: enough to find the state without loading the user's definitions. */
export async function loadConfig(
  folder: string,
  environment: Record<string, string | undefined>,
): Promise<Pick<Project, "folder" | "config" | "home">> {
  const root = resolve(folder);
  const file = join(root, configName);
  if (!existsSync(file)) {
    const home = environment["MILLRACE_HOME"];
    if (home) return bareProject(root, environment);
    throw new AppError("not_found", `There is no ${configName} in ${root}.`, {
      hint: "Run the command in a project's folder, make one (millrace init), or name a folder for stores without a project: --home tracking",
    });
  }
  const module = await importFile(file, root, "invalid_config");
  if (module["default"] === undefined)
    throw new AppError("invalid_config", `${configName} exports no default.`, {
      hint: 'Write: export default defineConfig({ name: "my-project" });',
    });
  const config = resolveConfig(module["default"], environment);
  return { folder: root, config, home: resolve(root, config.home) };
}

/** Stores without definitions, where no project is: what tracks runs and keeps models of programs elsewhere. */
function bareProject(root: string, environment: Record<string, string | undefined>): Pick<Project, "folder" | "config" | "home"> {
  const config = resolveConfig({ name: "millrace", include: [] }, environment, "The environment");
  const home = resolve(root, config.home);
  return { folder: home, config: { ...config, home }, home };
}

/** Loads a project: its configuration and every definition its files export. Importing a definition starts nothing. */
export async function loadProject(folder: string, environment: Record<string, string | undefined>): Promise<Project> {
  const { folder: root, config, home } = await loadConfig(folder, environment);
  const definitions: Project["definitions"] = new Map();
  for (const file of definitionFiles(root, config.include)) {
    for (const value of Object.values(await importFile(join(root, file), root))) {
      if (isDefinition(value)) add(definitions, value, file);
    }
  }
  return { folder: root, config, home, definitions };
}

/** All definitions of one kind; the caller names the type it knows them to have. */
export function definitionsOf<Type extends Definition>(project: Project, kind: Type["kind"]): Type[] {
  return [...(project.definitions.get(kind)?.values() ?? [])] as Type[]; // the `kind` tag vouches for the type
}

/** One definition by name. Throws `not_found` with the names there are. */
export function definitionOf<Type extends Definition>(project: Project, kind: Type["kind"], name: string): Type {
  const found = project.definitions.get(kind)?.get(name);
  if (found) return found as Type; // as above
  const names = [...(project.definitions.get(kind)?.keys() ?? [])];
  throw new AppError("not_found", `This project has no ${kind} "${name}"${names.length > 0 ? ` (it has: ${names.join(", ")})` : ""}.`);
}

function definitionFiles(root: string, include: string[]): string[] {
  return globSync(include, { cwd: root })
    .filter((file) => !file.endsWith(".test.ts") && !file.endsWith(".d.ts") && !basename(file).endsWith(".config.ts"))
    .toSorted();
}

async function importFile(
  file: string,
  root: string,
  code: "invalid_definition" | "invalid_config" = "invalid_definition",
): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>; // a module is a record of its exports
  } catch (error) {
    const reason = toAppError(error);
    if (reason.code !== "internal") throw reason;
    throw new AppError(code, `${placeOf(error, root) ?? basename(file)} cannot be loaded: ${reason.message}.`, {
      cause: error,
      hint: "Run `npx tsc --noEmit` in the project to see every mistake.",
    });
  }
}

/** File and line of the project where an error came from: not always the file that was asked for, which may import it. */
function placeOf(error: unknown, root: string): string | undefined {
  for (const line of error instanceof Error ? (error.stack ?? "").split("\n") : []) {
    const [, path, number] = /(?:^|\(|\s)((?:file:\/\/)?\/[^\s()]+?):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
    const file = path?.startsWith("file:") ? fileURLToPath(path) : path;
    if (file?.startsWith(root + sep) && !file.includes("node_modules")) return `${relative(root, file)}:${number}`;
  }
  return undefined;
}

function isDefinition(value: unknown): value is Definition {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    typeof value.kind === "string" &&
    "name" in value &&
    typeof value.name === "string"
  );
}

function add(definitions: Project["definitions"], definition: Definition, file: string): void {
  let named = definitions.get(definition.kind);
  if (!named) definitions.set(definition.kind, (named = new Map()));
  const before = named.get(definition.name);
  if (before && before !== definition) {
    throw new AppError("invalid_definition", `Two definitions are called ${definition.kind} "${definition.name}"; the second is in ${file}.`, {
      hint: "Give one of them another name.",
    });
  }
  named.set(definition.name, definition);
}
