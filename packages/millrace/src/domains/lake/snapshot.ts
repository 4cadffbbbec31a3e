/** Reading a table's log: the newest state, an older one, and the history. */
import { AppError } from "#kit/app-error";
import { readCheckpoint } from "./checkpoint.ts";
import type { LakeContext } from "./context.ts";
import { decodePath, pathLiteral } from "./data-path.ts";
import { commitKey, parseCommit, versionName, type Action, type Add } from "./delta-log.ts";
import type { FileStatistics, LakeFile, LakeSnapshot, LakeVersion, VersionChoice } from "./model.ts";
import { columnOf } from "./schema.ts";
import { tableFolder, tableOfLogKey } from "./table-name.ts";
import { apply, emptyReplay, replayFrom, stateOf, type Replay, type TableState } from "./table-state.ts";

/** The newest state, or undefined where there is no such table. Costs two looks at the store when nothing changed. */
export async function newestState(lake: LakeContext, table: string): Promise<TableState | undefined> {
  const folder = tableFolder(table);
  const known = lake.newest.get(table);
  // The etag tells whether the table was dropped and made anew since.
  if (known !== undefined && (await lake.blobs.head(commitKey(folder, known.state.version)))?.etag === known.etag) {
    const replay = replayFrom(known.state);
    let { etag } = known;
    for (
      let next = await readVersion(lake, table, replay.version + 1);
      next !== undefined;
      next = await readVersion(lake, table, replay.version + 1)
    ) {
      apply(replay, replay.version + 1, next.actions, next.modifiedMs);
      etag = next.etag;
    }
    return replay.version === known.state.version ? known.state : remember(lake, stateOf(table, replay), etag);
  }
  lake.newest.delete(table);
  const log = await listLog(lake, table);
  if (log === undefined) return undefined;
  const replay = await replayTo(lake, table, log, log.last);
  const etag = log.commits.get(log.last)?.etag;
  const state = stateOf(table, replay);
  return etag === undefined ? state : remember(lake, state, etag);
}

function remember(lake: LakeContext, state: TableState, etag: string): TableState {
  lake.newest.set(state.table, { state, etag });
  return state;
}

/** The state that a choice of version means. Throws `not_found` for a table or version that is not there. */
export async function stateAt(lake: LakeContext, table: string, at?: VersionChoice): Promise<TableState> {
  const newest = await newestState(lake, table);
  if (newest === undefined) throw tableNotFound(table);
  if (at === undefined) return newest;
  const version = "version" in at ? at.version : await versionAt(lake, newest, at.timestampMs);
  if (version === newest.version) return newest;
  const log = await listLog(lake, table);
  if (log === undefined) throw tableNotFound(table);
  if (!Number.isSafeInteger(version) || version < 0 || version > log.last) {
    throw new AppError("not_found", `Table \`${table}\` has no version ${version}; its newest is ${log.last}.`, {
      hint: `\`history\` lists its versions.`,
    });
  }
  return stateOf(table, await replayTo(lake, table, log, version));
}

export function tableNotFound(table: string): AppError {
  return new AppError("not_found", `There is no table \`${table}\` in the lake.`, { hint: "Tables appear with their first write; check the name." });
}

/** All versions that the log still has, newest first. */
export async function historyOf(lake: LakeContext, table: string): Promise<LakeVersion[]> {
  const log = await listLog(lake, table);
  if (log === undefined) throw tableNotFound(table);
  const versions: LakeVersion[] = [];
  for (const version of [...log.commits.keys()].sort((a, b) => b - a)) {
    const { actions, modifiedMs } = await requireVersion(lake, table, version);
    versions.push(describeVersion(version, actions, modifiedMs));
  }
  return versions;
}

function describeVersion(version: number, actions: Action[], modifiedMs: number): LakeVersion {
  const info = actions.find((action) => action.commitInfo)?.commitInfo;
  return {
    version,
    timestampMs: info?.timestamp ?? modifiedMs,
    operation: info?.operation ?? "UNKNOWN",
    metrics: Object.fromEntries(Object.entries(info?.operationMetrics ?? {}).map(([name, value]) => [name, String(value)])),
    metadata: parsedOrText(info?.userMetadata),
  };
}

function parsedOrText(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text; // other writers may keep anything here
  }
}

/** The newest version committed at or before an instant. */
async function versionAt(lake: LakeContext, newest: TableState, timestampMs: number): Promise<number> {
  if (newest.timestampMs <= timestampMs) return newest.version;
  for (let version = newest.version - 1; version >= 0; version--) {
    const found = await readVersion(lake, newest.table, version);
    if (found === undefined) break;
    if (describeVersion(version, found.actions, found.modifiedMs).timestampMs <= timestampMs) return version;
  }
  throw new AppError("not_found", `Table \`${newest.table}\` has no version as old as ${new Date(timestampMs).toISOString()}.`, {
    hint: "`history` lists its versions with their times.",
  });
}

export interface LogListing {
  /** Versions whose JSON file is there. */
  commits: Map<number, { etag: string }>;
  /** Checkpoints by version: the keys of all their parts. */
  checkpoints: Map<number, string[]>;
  last: number;
}

/** What the log folder holds; undefined where there is no table. */
export async function listLog(lake: LakeContext, table: string): Promise<LogListing | undefined> {
  const commits = new Map<number, { etag: string }>();
  const parts = new Map<string, { version: number; of: number; keys: string[] }>();
  for await (const { key, etag } of lake.blobs.list(`${tableFolder(table)}/_delta_log/`)) {
    const name = key.slice(key.lastIndexOf("/") + 1);
    const commit = /^(\d{20})\.json$/.exec(name);
    if (commit !== null) commits.set(Number(commit[1]), { etag });
    const checkpoint = /^(\d{20})\.checkpoint(?:\.\d{10}\.(\d{10}))?\.parquet$/.exec(name);
    if (checkpoint !== null) {
      const of = Number(checkpoint[2] ?? 1);
      const part = parts.get(`${checkpoint[1]}/${of}`) ?? { version: Number(checkpoint[1]), of, keys: [] };
      part.keys.push(key);
      parts.set(`${checkpoint[1]}/${of}`, part);
    }
  }
  const checkpoints = new Map([...parts.values()].filter(({ of, keys }) => keys.length === of).map(({ version, keys }) => [version, keys]));
  const last = Math.max(-1, ...commits.keys(), ...checkpoints.keys());
  return last === -1 ? undefined : { commits, checkpoints, last };
}

/** Replays the log up to a version, from the newest whole checkpoint that is not after it. */
async function replayTo(lake: LakeContext, table: string, log: LogListing, version: number): Promise<Replay> {
  const candidates = [...log.checkpoints.keys()].filter((at) => at <= version).sort((a, b) => b - a);
  for (const at of candidates) {
    const replay = await fromCheckpoint(lake, table, at, log.checkpoints.get(at)!);
    if (replay !== undefined) return replayCommits(lake, table, replay, version);
  }
  return replayCommits(lake, table, emptyReplay(), version);
}

/** A checkpoint is a short cut: where it is damaged the log itself still has everything, or the error of its first gap. */
async function fromCheckpoint(lake: LakeContext, table: string, version: number, keys: string[]): Promise<Replay | undefined> {
  try {
    const replay = emptyReplay();
    apply(replay, version, await readCheckpoint(lake, keys), 0);
    const commit = await readVersion(lake, table, version); // only for its time, which checkpoints leave out
    if (commit !== undefined) replay.timestampMs = describeVersion(version, commit.actions, commit.modifiedMs).timestampMs;
    return replay;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "corrupt_data") throw error;
    lake.log.warn("a checkpoint of a table cannot be read; its log is read instead", { table, version, reason: error.message });
    return undefined;
  }
}

async function replayCommits(lake: LakeContext, table: string, replay: Replay, version: number): Promise<Replay> {
  while (replay.version < version) {
    const next = await requireVersion(lake, table, replay.version + 1);
    apply(replay, replay.version + 1, next.actions, next.modifiedMs);
  }
  return replay;
}

export async function requireVersion(lake: LakeContext, table: string, version: number): Promise<{ actions: Action[]; modifiedMs: number }> {
  const found = await readVersion(lake, table, version);
  if (found !== undefined) return found;
  throw new AppError("corrupt_data", `The log of table \`${table}\` has a gap: version ${version} is missing.`, {
    hint: `Restore \`${versionName(version)}.json\` of its \`_delta_log\` folder.`,
  });
}

/** One version's actions, or undefined where it is not there. */
export async function readVersion(
  lake: LakeContext,
  table: string,
  version: number,
): Promise<{ actions: Action[]; etag: string; modifiedMs: number } | undefined> {
  const key = commitKey(tableFolder(table), version);
  const info = await lake.blobs.head(key);
  if (info === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of await lake.blobs.get(key)) parts.push(part);
  return { actions: parseCommit(table, version, Buffer.concat(parts).toString()), etag: info.etag, modifiedMs: info.modifiedMs };
}

/** Names of all tables, sorted. */
export async function listTables(lake: LakeContext): Promise<string[]> {
  const tables = new Set<string>();
  for await (const { key } of lake.blobs.list("")) {
    const table = tableOfLogKey(key);
    if (table !== undefined) tables.add(table);
  }
  return [...tables].sort();
}

export async function snapshotOf(lake: LakeContext, state: TableState): Promise<LakeSnapshot> {
  const files = await filesOf(lake, state.table, [...state.files.values()]);
  return {
    table: state.table,
    version: state.version,
    timestampMs: state.timestampMs,
    columns: state.fields.map((field) => columnOf(state.table, field)),
    partitionColumns: state.metaData.partitionColumns,
    files,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    transactions: Object.fromEntries([...state.transactions].map(([appId, { version }]) => [appId, version])),
  };
}

/** Files as others see them. Those whose statistics another writer left out are asked for their number of rows. */
export async function filesOf(lake: LakeContext, table: string, adds: Add[]): Promise<LakeFile[]> {
  return Promise.all(
    adds.map(async (add) => {
      const path = decodePath(table, add.path);
      const stats = statisticsOf(add.stats);
      return { path, rows: stats?.numRecords ?? (await countRows(lake, `${tableFolder(table)}/${path}`)), bytes: add.size, stats };
    }),
  );
}

async function countRows(lake: LakeContext, key: string): Promise<number> {
  const [counted] = await lake.warehouse.rows(
    `select sum(num_rows) as n from parquet_file_metadata(${pathLiteral(await lake.blobs.localPath(key))})`,
  );
  return Number(counted?.["n"]);
}

function statisticsOf(text: string | null | undefined): FileStatistics | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    const { numRecords, minValues, maxValues, nullCount } = JSON.parse(text) as Partial<FileStatistics>; // bounds only; rows are checked below
    return typeof numRecords === "number"
      ? { numRecords, minValues: minValues ?? {}, maxValues: maxValues ?? {}, nullCount: nullCount ?? {} }
      : undefined;
  } catch {
    return undefined; // statistics are optional: without them a file is read rather than skipped
  }
}
