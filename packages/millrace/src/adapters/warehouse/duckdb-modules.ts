import { AppError } from "#kit/app-error";

/** DuckDB's two packages: the typed API, and the bindings below it, which give access to the memory of vectors. */
export interface DuckdbModules {
  api: typeof import("@duckdb/node-api");
  bindings: typeof import("@duckdb/node-bindings");
}

/** Loads DuckDB on first use (60 MB of native code). Throws `missing_dependency` where it has no build for this machine. */
export async function loadDuckdb(): Promise<DuckdbModules> {
  try {
    const [api, bindings] = await Promise.all([import("@duckdb/node-api"), import("@duckdb/node-bindings")]);
    // Both are CommonJS: what they export stands under `default`, and by name only as far as Node can guess.
    return {
      api: "default" in api && isApi(api.default) ? api.default : api,
      bindings: "default" in bindings ? (bindings.default as DuckdbModules["bindings"]) : bindings,
    };
  } catch (error) {
    throw new AppError(
      "missing_dependency",
      `DuckDB cannot be loaded on ${process.platform}-${process.arch}: ${error instanceof Error ? error.message : String(error)}.`,
      {
        cause: error,
        hint: "Install with optional dependencies: `npm install @duckdb/node-api`.",
      },
    );
  }
}

function isApi(value: unknown): value is DuckdbModules["api"] {
  return typeof value === "object" && value !== null && "DuckDBInstance" in value;
}
