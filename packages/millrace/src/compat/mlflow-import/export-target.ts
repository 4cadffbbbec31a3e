import { join } from "node:path";
import { AppError } from "#kit/app-error";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { readSchema, type SqlSchema } from "./sql-schema.ts";

export interface ExportTarget {
  /** A database that the user's own MLflow made and nobody has used yet. */
  database: Database;
  /** Its address. */
  origin: string;
  /** Folder that the files are written to. */
  folder: string;
  /** What the database says of that folder: its path, or `mlflow-artifacts:` for a server that has it as its `--artifacts-destination`. */
  root: string;
}

export interface OpenTarget extends ExportTarget {
  schema: SqlSchema;
}

/** Looks whether a database can take an export. Throws `conflict` for one that holds anything, and as `readSchema`. */
export async function checkTarget(target: ExportTarget): Promise<OpenTarget> {
  const schema = await readSchema(target.database, target.origin);
  const row = await target.database.get<{ n: number }>(sql`select (select count(*) from runs) + (select count(*) from registered_models)
    + (select count(*) from experiments where experiment_id <> 0) as n`);
  if (Number(row?.n ?? 0) > 0)
    throw new AppError("conflict", `${target.origin} holds experiments, runs or models already, and nothing is mixed into them.`, {
      hint: "Name a new file, and let `mlflow db upgrade` make its tables. One that an export left half-done is removed first.",
    });
  await target.database.run(sql`pragma cache_size = -65536`); // kilobytes: the key of MLflow's metrics is an index as large as they are
  return { ...target, schema };
}

/** Where things are that belong to an experiment, as MLflow lays them out: a path from the root. */
export const layout = {
  experiment: (id: string) => id,
  run: (experiment: string, run: string) => `${experiment}/${run}/artifacts`,
  loggedModel: (experiment: string, model: string) => `${experiment}/models/${model}/artifacts`,
  trace: (experiment: string, trace: string) => `${experiment}/traces/${trace}/artifacts`,
};

export function locationOf({ root }: ExportTarget, path: string): string {
  return root.endsWith(":/") || root.endsWith("/") ? `${root}${path}` : `${root}/${path}`;
}

export function fileOf({ folder }: ExportTarget, path: string): string {
  return join(folder, ...path.split("/"));
}
