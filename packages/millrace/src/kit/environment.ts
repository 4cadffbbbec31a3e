import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";

/**
 * The machine and programs that something ran on. Nothing of it is secret: no environment variable, user, host or path is read.
 * A type and not an interface, so that it is a JSON record to those who store it.
 */
export type Environment = {
  /** Versions. */
  node: string;
  millrace: string;
  platform: string;
  arch: string;
  osRelease: string;
  cpuModel: string;
  /** CPUs the process may use, which a container may limit. */
  cpus: number;
  memoryBytes: number;
  /** Installed version of each package that the project depends on directly. */
  packages: Record<string, string>;
};

/** Describes where this process runs. `projectFolder` is where the project's `package.json` is; without it no packages are listed. */
export function describeEnvironment({ projectFolder }: { projectFolder?: string } = {}): Environment {
  return {
    node: process.versions.node,
    millrace: millraceVersion(),
    platform: platform(),
    arch: arch(),
    osRelease: release(),
    cpuModel: cpus()[0]?.model.trim() ?? "unknown",
    cpus: availableParallelism(),
    memoryBytes: process.constrainedMemory() > 0 ? Math.min(totalmem(), process.constrainedMemory()) : totalmem(),
    packages: projectFolder === undefined ? {} : installedPackages(projectFolder),
  };
}

/** The version of this package, from its own `package.json`. */
export function millraceVersion(): string {
  return readVersion(createRequire(import.meta.url).resolve("millrace/package.json")) ?? "unknown";
}

function installedPackages(projectFolder: string): Record<string, string> {
  const file = join(projectFolder, "package.json");
  if (!existsSync(file)) return {};
  const { dependencies = {}, devDependencies = {} } = readJson(file) as { dependencies?: object; devDependencies?: object }; // fields of npm's format
  const require = createRequire(file);
  const found = Object.keys({ ...dependencies, ...devDependencies })
    .sort()
    .flatMap((name) => {
      // Not `require.resolve(name + "/package.json")`: packages need not export it.
      const folder = require.resolve.paths(name)?.find((candidate) => existsSync(join(candidate, name, "package.json")));
      const version = folder && readVersion(join(folder, name, "package.json"));
      return version ? [[name, version] as const] : [];
    });
  return Object.fromEntries(found);
}

function readVersion(file: string): string | undefined {
  const { version } = readJson(file) as { version?: unknown }; // a field of npm's format
  return typeof version === "string" ? version : undefined;
}

/** An unreadable manifest describes nothing; a description must not stop a run. */
function readJson(file: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
