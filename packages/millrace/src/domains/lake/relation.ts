/** Table versions as SQL. */
import { AppError } from "#kit/app-error";
import { quoteName, quoteText } from "#kit/sql-text";
import type { LakeContext } from "./context.ts";
import { decodePath, pathLiteral } from "./data-path.ts";
import type { Add } from "./delta-log.ts";
import { readExpression, storageType } from "./schema.ts";
import { tableFolder } from "./table-name.ts";
import type { TableState } from "./table-state.ts";

/** The rows of some of a state's files (by default all) as SQL for a FROM clause: columns in order, with their types. */
export async function relationOf(lake: LakeContext, state: TableState, files: Add[] = [...state.files.values()]): Promise<string> {
  const partitions = new Set(state.metaData.partitionColumns);
  const stored = state.fields.filter((field) => !partitions.has(field.name));
  const columns = state.fields.map((field) => `${readExpression(field)} as ${quoteName(field.name)}`).join(", ");
  // An empty select gives every column its type, so that files from before a column was added have nulls there.
  const typed = `select ${[...stored, ...state.fields.filter((field) => partitions.has(field.name))]
    .map((field) => `cast(null as ${storageType(field.type)}) as ${quoteName(field.name)}`)
    .join(", ")} where false`;
  const parts: string[] = [typed];
  for (const { values, paths } of await groupByPartition(lake, state, files)) {
    const literals = [...partitions].map((name) => {
      const field = state.fields.find((candidate) => candidate.name === name)!;
      const value = values[name];
      return `, cast(${value === undefined || value === "" ? "null" : quoteText(value)} as ${storageType(field.type)}) as ${quoteName(name)}`;
    });
    parts.push(
      `select *${literals.join("")} from read_parquet([${paths.map(pathLiteral).join(", ")}], union_by_name = true, hive_partitioning = false)`,
    );
  }
  return `(select ${columns} from (${parts.join(" union all by name ")}))`;
}

/** Files that share their partition values, in the order of the log; one group where the table has no partitions. */
async function groupByPartition(lake: LakeContext, state: TableState, files: Add[]): Promise<{ values: Record<string, string>; paths: string[] }[]> {
  const groups = new Map<string, { values: Record<string, string>; paths: string[] }>();
  const paths = await localPathsOf(lake, state, files);
  for (const [index, add] of files.entries()) {
    const values = add.partitionValues ?? {};
    const id = JSON.stringify(state.metaData.partitionColumns.map((name) => values[name]));
    const group = groups.get(id) ?? { values, paths: [] };
    groups.set(id, group);
    group.paths.push(paths[index]!);
  }
  return [...groups.values()];
}

/** All files on this machine, some looked up or fetched at a time. */
async function localPathsOf(lake: LakeContext, state: TableState, files: Add[]): Promise<string[]> {
  const paths: string[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < files.length; index = next++) paths[index] = await localPathOf(lake, state, files[index]!);
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return paths;
}

/** A data file on this machine. Throws `not_found` where a vacuum has removed it. */
async function localPathOf(lake: LakeContext, state: TableState, add: Add): Promise<string> {
  const path = decodePath(state.table, add.path);
  try {
    return await lake.blobs.localPath(`${tableFolder(state.table)}/${path}`);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    throw new AppError("not_found", `Version ${state.version} of table \`${state.table}\` needs the file \`${path}\`, which is gone.`, {
      cause: error,
      hint: "A vacuum removes the files of older versions unless they are kept; read a newer version or restore the file.",
    });
  }
}
