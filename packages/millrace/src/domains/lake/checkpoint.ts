/** Classic checkpoints: the whole state as one Parquet file, so that readers need not replay the log from its beginning. */
import { rm, writeFile } from "node:fs/promises";
import { AppError } from "#kit/app-error";
import { quoteText } from "#kit/sql-text";
import type { LakeContext } from "./context.ts";
import { pathLiteral } from "./data-path.ts";
import { parseAction, versionName, type Action } from "./delta-log.ts";

import { scratchPath } from "./scratch.ts";
import { tableFolder } from "./table-name.ts";
import type { TableState } from "./table-state.ts";

const everyVersions = 10;
/** How long a checkpoint still names removed files; Delta's default of `delta.deletedFileRetentionDuration`. */
const tombstoneMs = 7 * 86_400_000;

/** The columns of a checkpoint (PROTOCOL.md, "Checkpoint Schema"). */
const columns = {
  txn: "STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)",
  add: "STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags MAP(VARCHAR, VARCHAR))",
  remove:
    "STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT)",
  metaData:
    "STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)",
  protocol: "STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)",
};

/** Writes a checkpoint where one is due. A commit never fails for it: without it the log is only longer to read. */
export async function checkpointIfDue(lake: LakeContext, state: TableState): Promise<void> {
  if (state.version === 0 || state.version % everyVersions !== 0) return;
  try {
    await writeCheckpoint(lake, state);
  } catch (error) {
    lake.log.warn("a checkpoint of a table could not be written", {
      table: state.table,
      version: state.version,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}

async function writeCheckpoint(lake: LakeContext, state: TableState): Promise<void> {
  const rows = checkpointRows(state, lake.clock.now());
  const lines = await scratchPath(lake, "checkpoint.jsonl");
  const parquet = await scratchPath(lake, "checkpoint.parquet");
  try {
    const texts = rows.map((row) => JSON.stringify(row) + "\n");
    await writeFile(lines, texts.join(""));
    // The engine sets aside twice the longest line for each thread, 16 MB unless told: tell it.
    const longest = texts.reduce((most, text) => Math.max(most, Buffer.byteLength(text)), 1 << 16);
    const types = Object.entries(columns).map(([name, type]) => `${name}: ${quoteText(type)}`);
    const { bytes } = await lake.warehouse.writeParquet(
      `select * from read_json(${quoteText(lines)}, format = 'newline_delimited', maximum_object_size = ${longest}, columns = {${types.join(", ")}})`,
      parquet,
    );
    const log = `${tableFolder(state.table)}/_delta_log`;
    await lake.blobs.putFile(`${log}/${versionName(state.version)}.checkpoint.parquet`, parquet, { ifAbsent: true });
    const pointer = { version: state.version, size: rows.length, sizeInBytes: bytes, numOfAddFiles: state.files.size };
    await lake.blobs.put(`${log}/_last_checkpoint`, Buffer.from(JSON.stringify(pointer)));
  } finally {
    await rm(lines, { force: true });
    await rm(parquet, { force: true });
  }
}

function checkpointRows(state: TableState, nowMs: number): Action[] {
  const kept = [...state.removed.values()].filter((remove) => (remove.deletionTimestamp ?? 0) > nowMs - tombstoneMs);
  return [
    { protocol: state.protocol },
    { metaData: state.metaData },
    ...[...state.transactions.values()].map((txn) => ({ txn })),
    ...kept.map((remove) => ({ remove: { ...remove, dataChange: false } })),
    ...[...state.files.values()].map((add) => ({ add: { ...add, partitionValues: add.partitionValues ?? {}, dataChange: false } })),
  ];
}

/** All actions of a checkpoint. Throws `corrupt_data` where it cannot be read. */
export async function readCheckpoint(lake: LakeContext, keys: string[]): Promise<Action[]> {
  const paths = await Promise.all(keys.map((key) => lake.blobs.localPath(key)));
  const from = `read_parquet([${paths.map(pathLiteral).join(", ")}], union_by_name = true, hive_partitioning = false)`;
  const present = new Set((await lake.warehouse.describe(`select * from ${from}`)).map(({ name }) => name));
  const wanted = Object.keys(columns).filter((name) => present.has(name));
  const rows = await lake.warehouse.rows(`select ${wanted.map((name) => `"${name}"`).join(", ")} from ${from}`);
  try {
    return rows.map(parseAction);
  } catch (error) {
    throw new AppError("corrupt_data", `The checkpoint \`${keys[0]}\` is not one of Delta Lake.`, { cause: error });
  }
}
