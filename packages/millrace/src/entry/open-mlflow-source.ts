import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { openSqlite } from "#adapters/database/sqlite";
import { type MlflowSource, openFileSource, openRestSource, openSqlSource } from "#compat/mlflow-import";
import { AppError } from "#kit/app-error";

export interface MlflowSourceOptions {
  /** The folder of the server's `--artifacts-destination`. */
  artifacts: string | undefined;
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
  skipped: (path: string, why: string) => void;
}

/** Opens a store of MLflow's by its address: `sqlite:///…`, `postgresql://…`, `http(s)://…`, or the folder of an old file store. */
export async function openMlflowSource(address: string, options: MlflowSourceOptions): Promise<MlflowSource> {
  const { artifacts, skipped, environment, signal } = options;
  if (/^https?:\/\//.test(address)) return openRestSource({ address, environment, signal });
  if (/^postgres(ql)?(\+\w+)?:\/\//.test(address)) {
    const { openPostgres } = await import("#adapters/database/postgres");
    const url = address.replace(/^postgres(ql)?(\+\w+)?:/, "postgresql:");
    const reader = await openPostgres({ url, schema: "public", connections: 2 });
    const { host, pathname } = new URL(url);
    return closing(reader, () =>
      openSqlSource({
        ...{ reader, artifacts, skipped, dialect: "postgres", origin: `postgresql://${host}${pathname}`, folder: process.cwd() },
        close: () => reader.close(),
      }),
    );
  }
  if (address.startsWith("sqlite:")) {
    const path = sqlitePath(address);
    if (!existsSync(path))
      throw new AppError("not_found", `There is no file ${path}.`, { hint: "sqlite:///name is relative, sqlite:////folder/name is not." });
    const reader = openSqlite({ path, readOnly: true });
    return closing(reader, () =>
      openSqlSource({
        ...{ reader, artifacts, skipped, dialect: "sqlite", origin: `sqlite:///${path}`, folder: dirname(path) },
        close: () => reader.close(),
      }),
    );
  }
  const folder = resolve(address.replace(/^file:(\/\/)?/, ""));
  if (existsSync(folder) && statSync(folder).isDirectory()) return openFileSource({ folder, skipped });
  throw new AppError("invalid_argument", `"${address}" is no address of an MLflow store.`, {
    hint: "Name sqlite:///…, postgresql://…, the http(s)://… of a tracking server, or the folder of a file store (mlruns).",
  });
}

/** The file that SQLAlchemy means by a URL. */
export function sqlitePath(address: string): string {
  const path = /^sqlite:\/\/\/([^?]+)/.exec(address)?.[1];
  if (path === undefined) throw new AppError("invalid_argument", `"${address}" names no file.`, { hint: "Such as sqlite:///mlflow.db." });
  return resolve(path);
}

async function closing(reader: { close(): Promise<void> }, open: () => Promise<MlflowSource>): Promise<MlflowSource> {
  try {
    return await open();
  } catch (error) {
    await reader.close();
    throw error;
  }
}
