/** Writing one Parquet file of a table, and what the log says about it. */
import { rm } from "node:fs/promises";
import { newId } from "#kit/id";
import { quoteName } from "#kit/sql-text";
import type { LakeContext } from "./context.ts";
import { pathLiteral } from "./data-path.ts";
import type { Add } from "./delta-log.ts";
import { writeExpression, type DeltaField } from "./schema.ts";
import { scratchPath } from "./scratch.ts";
import { fileStatistics } from "./statistics.ts";
import { tableFolder } from "./table-name.ts";

export interface WrittenFile {
  rows: number;
  /** Missing where the query gave no rows: an empty file is of no use. */
  add: Add | undefined;
}

/** A query whose columns have been matched with a table's fields. */
export interface AlignedRows {
  sql: string;
  /** For each field of the table: the query's column that fills it, with its type, or nothing (null). */
  sources: { field: DeltaField; type: string | undefined }[];
}

/** The query that gives what the file holds, in the table's order. The given query comes first, so that lines in its errors are its own. */
function storedRows({ sql, sources }: AlignedRows): string {
  const columns = sources.flatMap(({ field, type }) =>
    type === undefined ? [] : [`${writeExpression({ name: field.name, type }, field)} as ${quoteName(field.name)}`],
  );
  return `from (${sql.replace(/[\s;]+$/, "")}\n) select ${columns.join(", ")}`;
}

/**
 * Runs a query into a new, uniquely named file of the table, durable when resolved. Nothing refers to it yet: a crash leaves a file that
 * only a vacuum sees. Columns that the query lacks are left out of the file, which reads as null.
 */
export async function writeDataFile(lake: LakeContext, table: string, rows: AlignedRows): Promise<WrittenFile> {
  const name = `part-${newId()}.parquet`;
  const scratch = await scratchPath(lake, name);
  try {
    const written = await lake.warehouse.writeParquet(storedRows(rows), scratch);
    if (written.rows === 0) return { rows: 0, add: undefined };
    const stats = await fileStatistics(
      lake.warehouse,
      pathLiteral(scratch),
      rows.sources.map(({ field }) => field),
      written.rows,
    );
    await lake.blobs.putFile(`${tableFolder(table)}/${name}`, scratch, { ifAbsent: true });
    return {
      rows: written.rows,
      add: {
        path: name,
        partitionValues: {},
        size: written.bytes,
        modificationTime: lake.clock.now(),
        dataChange: true,
        stats,
      },
    };
  } finally {
    await rm(scratch, { force: true });
  }
}

/** Removes a file that no commit refers to. It may stay without harm: a vacuum removes it later. */
export async function discardDataFile(lake: LakeContext, table: string, file: WrittenFile | undefined): Promise<void> {
  if (file?.add === undefined) return;
  await lake.blobs.delete(`${tableFolder(table)}/${file.add.path}`).catch((error: unknown) => {
    lake.log.warn("a file that is not needed could not be removed", { table, path: file.add!.path, reason: String(error) });
  });
}
