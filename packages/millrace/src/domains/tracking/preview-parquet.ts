import { randomBytes } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";
import { quoteName, quoteText } from "#kit/sql-text";
import type { BlobStore } from "#ports/blob-store";
import type { Warehouse } from "#ports/warehouse";
import type { Preview } from "./preview.ts";

/** Rows of a file that lies elsewhere are read from a copy of it, up to this size. */
const mostCopied = 64 << 20;
const footerBytes = 16 << 20;
const cellLength = 1_000;
const columnsAtMost = 1_000;

interface ParquetPlace {
  blobs: BlobStore;
  warehouse: Pick<Warehouse, "rows" | "describe">;
  scratchFolder: string;
}

/**
 * Columns, number of rows and the first rows of a Parquet file, read by the warehouse from its footer and what belongs to these rows.
 * Of a large file in a bucket only the footer is fetched. Throws `corrupt_data` for what cannot be read.
 */
export async function previewParquet(
  { blobs, warehouse, scratchFolder }: ParquetPlace,
  { key, sizeBytes, rows, copiedBytes = mostCopied }: { key: string; sizeBytes: number; rows: number; copiedBytes?: number },
): Promise<Preview> {
  const near = blobs.direct === undefined || sizeBytes <= copiedBytes;
  const path = near ? await blobs.localPath(key) : join(scratchFolder, `footer-${randomBytes(8).toString("hex")}.parquet`);
  try {
    if (!near) await fetchFooter(blobs, key, sizeBytes, path, scratchFolder);
    const name = quoteText(path.replace(/[*?[]/g, "[$&]")); // these would make it a pattern
    const file = `read_parquet(${name})`;
    const columns = await warehouse.describe(`select * from ${file}`);
    const [count] = await warehouse.rows(`select num_rows from parquet_file_metadata(${name})`);
    const shown = columns.slice(0, columnsAtMost);
    const cells = shown.map(({ name }, i) => `left(${quoteName(name)}::varchar, ${cellLength}) as c${i}`);
    const found = near ? await warehouse.rows(`select ${cells.join(", ")} from ${file} limit ${rows}`) : [];
    const rowCount = Number(count?.["num_rows"]);
    return {
      kind: "table",
      format: "parquet",
      columns: shown,
      rows: found.map((row) => shown.map((_, i) => (row[`c${i}`] as string | null | undefined) ?? null)), // cast to text above
      rowCount,
      truncated: rowCount > found.length,
      ...(!near && { note: "The file is in a bucket, and too large to be fetched for its first rows." }),
    };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "sql_error") throw error;
    throw new AppError("corrupt_data", `This Parquet file cannot be read: ${error.message.replaceAll(path, "it")}`, { cause: error });
  } finally {
    if (!near) await rm(path, { force: true });
  }
}

/** Makes a file of the same length that is empty but for the footer, which tells all that is asked here. */
async function fetchFooter(blobs: BlobStore, key: string, sizeBytes: number, path: string, scratchFolder: string): Promise<void> {
  const tail = await collectBytes(await blobs.get(key, { first: sizeBytes - 8, last: sizeBytes - 1 }));
  const length = tail.length === 8 ? tail.readUInt32LE(0) + 8 : 0;
  if (length < 12 || length > Math.min(footerBytes, sizeBytes))
    throw new AppError("corrupt_data", "This Parquet file has no footer that can be read.");
  const footer = await collectBytes(await blobs.get(key, { first: sizeBytes - length, last: sizeBytes - 1 }));
  await mkdir(scratchFolder, { recursive: true });
  const file = await open(path, "wx");
  try {
    await file.truncate(sizeBytes);
    await file.write(Buffer.from("PAR1"), 0, 4, 0);
    await file.write(footer, 0, footer.length, sizeBytes - length);
  } finally {
    await file.close();
  }
}
