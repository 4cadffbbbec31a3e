import { AppError } from "#kit/app-error";
import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { isUpload } from "./artifact-path.ts";

/** An upload that goes from another program to the blob store itself. */
export interface Upload {
  /** Also the name of its content. */
  id: string;
  /** What it is for, in the words of who began it. */
  target: string;
  /** The store's name for it. */
  storeUpload: string;
  begunMs: number;
  finishedMs: number | undefined;
  /** 0 until it is finished. */
  sizeBytes: number;
  /** Known some time after it is finished. */
  digest: string | undefined;
}

interface UploadRow {
  id: string;
  target: string;
  store_upload: string;
  begun_ms: number;
  finished_ms: number | null;
  size_bytes: number;
  digest: string | null;
}

const columns = sql`id, target, store_upload, begun_ms, finished_ms, size_bytes, digest`;

export async function insertUpload(transaction: Transaction, { id, target, storeUpload, begunMs }: Upload): Promise<void> {
  await transaction.run(sql`insert into tracking_upload (id, target, store_upload, begun_ms, size_bytes)
    values (${id}, ${target}, ${storeUpload}, ${begunMs}, 0)`);
}

export async function findUpload(reader: Reader, id: string): Promise<Upload | undefined> {
  const row = await reader.get<UploadRow>(sql`select ${columns} from tracking_upload where id = ${id}`);
  return row && parse(row);
}

/**
 * The name under which a content is to be recorded in this transaction: bytes of an upload get their digest's where it has become
 * known. What is recorded under an upload's name is found when its digest is learned, because that waits for this transaction.
 */
export async function currentContent(transaction: Transaction, content: string): Promise<string> {
  if (!isUpload(content)) return content;
  await transaction.run(sql`update tracking_upload set finished_ms = finished_ms where id = ${content}`); // holds the row on PostgreSQL
  const upload = await findUpload(transaction, content);
  if (upload === undefined) throw new AppError("not_found", `There is no upload "${content}" any more.`, { hint: "Send the file again." });
  return upload.digest ?? content;
}

export async function saveFinished(transaction: Transaction, id: string, sizeBytes: number, nowMs: number): Promise<void> {
  await transaction.run(sql`update tracking_upload set finished_ms = ${nowMs}, size_bytes = ${sizeBytes} where id = ${id} and finished_ms is null`);
}

export async function saveDigest(transaction: Transaction, id: string, digest: string, nowMs: number): Promise<void> {
  await transaction.run(sql`update tracking_upload set digest = ${digest}, digested_ms = ${nowMs} where id = ${id}`);
}

export async function deleteUpload(transaction: Transaction, id: string): Promise<void> {
  await transaction.run(sql`delete from tracking_upload where id = ${id}`);
}

/** Begun before a time and not finished. */
export async function unfinishedUploads(reader: Reader, begunBeforeMs: number): Promise<Upload[]> {
  const rows = await reader.all<UploadRow>(
    sql`select ${columns} from tracking_upload where finished_ms is null and begun_ms < ${begunBeforeMs} order by begun_ms, id`,
  );
  return rows.map(parse);
}

/** Finished ones of unknown digest, oldest first. */
export async function undigestedUploads(reader: Reader): Promise<Upload[]> {
  const rows = await reader.all<UploadRow>(
    sql`select ${columns} from tracking_upload where finished_ms is not null and digest is null order by finished_ms, id`,
  );
  return rows.map(parse);
}

/** Those whose digest is known since before a time: what they brought stands under the digest. */
export async function digestedUploads(reader: Reader, beforeMs: number): Promise<Upload[]> {
  const rows = await reader.all<UploadRow>(sql`select ${columns} from tracking_upload where digested_ms < ${beforeMs} order by id`);
  return rows.map(parse);
}

function parse(row: UploadRow): Upload {
  return {
    id: row.id,
    target: row.target,
    storeUpload: row.store_upload,
    begunMs: row.begun_ms,
    finishedMs: row.finished_ms ?? undefined,
    sizeBytes: row.size_bytes,
    digest: row.digest ?? undefined,
  };
}
