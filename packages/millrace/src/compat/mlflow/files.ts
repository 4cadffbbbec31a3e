import { currentContent } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

export interface FileRow {
  path: string;
  /** What names the bytes (tracking's `artifactKey`). Null for a folder. */
  digest: string | null;
  size_bytes: number;
  created_ms: number;
}

type StoredRow = Omit<FileRow, "path"> & { folder: string; name: string };
const columns = sql`folder, name, digest, size_bytes, created_ms`;

/** Records a file and the folders above it. Throws `conflict` where a folder has the file's name, or a file a folder's. */
export async function saveFile(transaction: Transaction, file: FileRow & { digest: string }): Promise<void> {
  const parts = file.path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const [folder, name] = split(parts.slice(0, depth).join("/"));
    await transaction.run(sql`insert into mlflow_file (folder, name, size_bytes, created_ms) values (${folder}, ${name}, 0, ${file.created_ms})
      on conflict (folder, name) do nothing`);
    if ((await fileAt(transaction, parts.slice(0, depth).join("/")))!.digest !== null) throw taken(parts.slice(0, depth).join("/"), "file");
  }
  const standing = await fileAt(transaction, file.path);
  if (standing !== undefined && standing.digest === null) throw taken(file.path, "folder");
  const [folder, name] = split(file.path);
  const content = await currentContent(transaction, file.digest);
  await transaction.run(sql`insert into mlflow_file (${columns}) values (${folder}, ${name}, ${content}, ${file.size_bytes}, ${file.created_ms})
    on conflict (folder, name) do update set digest = excluded.digest, size_bytes = excluded.size_bytes, created_ms = excluded.created_ms`);
}

export async function fileAt(reader: Reader, path: string): Promise<FileRow | undefined> {
  const [folder, name] = split(path);
  const row = await reader.get<StoredRow>(sql`select ${columns} from mlflow_file where folder = ${folder} and name = ${name}`);
  return row && parse(row);
}

/** The next files and folders in a folder, by name. */
export async function filesIn(reader: Reader, folder: string, afterName: string, limit: number): Promise<FileRow[]> {
  const rows = await reader.all<StoredRow>(
    sql`select ${columns} from mlflow_file where folder = ${folder} and name > ${afterName} order by name limit ${limit}`,
  );
  return rows.map(parse);
}

/** Gives files that stand under one name for their bytes another one for the same bytes. */
export async function renameFileContent(transaction: Transaction, from: string, to: string): Promise<void> {
  await transaction.run(sql`update mlflow_file set digest = ${to} where digest = ${from}`);
}

/** Forgets a file, or a folder with all below it. */
export async function deleteFileRows(transaction: Transaction, path: string): Promise<void> {
  const below = `${path}/`;
  const [folder, name] = split(path);
  await transaction.run(sql`delete from mlflow_file where folder = ${path} or substr(folder, 1, ${[...below].length}) = ${below}`);
  await transaction.run(sql`delete from mlflow_file where folder = ${folder} and name = ${name}`);
}

function split(path: string): [string, string] {
  const cut = path.lastIndexOf("/");
  return [path.slice(0, Math.max(0, cut)), path.slice(cut + 1)];
}

function parse({ folder, name, ...row }: StoredRow): FileRow {
  return { path: folder === "" ? name : `${folder}/${name}`, ...row };
}

function taken(path: string, kind: string): AppError {
  return new AppError("conflict", `There is a ${kind} at "${path}" already.`, { hint: "Choose another path." });
}
