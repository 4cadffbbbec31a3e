/** Putting a version into the log: whoever creates the next file first has it, the others look again. */
import { randomUUID } from "node:crypto";
import { AppError } from "#kit/app-error";
import { newId } from "#kit/id";
import { checkpointIfDue } from "./checkpoint.ts";
import type { LakeContext } from "./context.ts";
import { commitKey, commitText, type Action, type MetaData } from "./delta-log.ts";
import type { WriteOptions, WriteResult } from "./model.ts";
import { schemaString, type DeltaField } from "./schema.ts";
import { newestState, readVersion } from "./snapshot.ts";
import { tableFolder } from "./table-name.ts";
import type { TableState } from "./table-state.ts";

export interface Commit {
  operation: "APPEND" | "REPLACE" | "MERGE";
  /** The state that the actions were made for; undefined creates the table. */
  base: TableState | undefined;
  fields: DeltaField[];
  actions: Action[];
  metrics: Record<string, number>;
}

/** Writes the next version. Resolves to it, or to undefined where another writer was first. Durable when resolved. */
export async function tryCommit(lake: LakeContext, table: string, commit: Commit, options: WriteOptions): Promise<number | undefined> {
  const version = (commit.base?.version ?? -1) + 1;
  const txnId = newId();
  // Never before its predecessor, so that an instant names one version even where a clock was set back.
  const timestamp = Math.max(lake.clock.now(), commit.base?.timestampMs ?? 0);
  const actions: Action[] = [
    {
      commitInfo: {
        timestamp,
        operation: commit.operation,
        operationParameters: {},
        operationMetrics: Object.fromEntries(Object.entries(commit.metrics).map(([name, value]) => [name, String(value)])),
        engineInfo: "Millrace",
        txnId,
        isBlindAppend: commit.operation === "APPEND",
        ...(options.metadata !== undefined && { userMetadata: JSON.stringify(options.metadata) }),
      },
    },
    ...(commit.base === undefined ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }] : []),
    ...metaDataChange(table, commit, timestamp),
    ...(options.transaction === undefined ? [] : [{ txn: { ...options.transaction, lastUpdated: timestamp } }]),
    ...commit.actions,
  ];
  const key = commitKey(tableFolder(table), version);
  const written = await lake.blobs.put(key, Buffer.from(commitText(actions)), { ifAbsent: true });
  if (written === undefined) {
    // A store whose answer was lost may have been asked twice: then the entry that stands there is ours.
    const winner = await readVersion(lake, table, version);
    if (winner?.actions.some((action) => action.commitInfo?.txnId === txnId) !== true) return undefined;
  }
  await afterCommit(lake, table, version);
  lake.log.debug("a table has a new version", { table, version, operation: commit.operation, ...commit.metrics });
  return version;
}

/** The version stands: nothing that goes wrong from here on may look like a failed write. */
async function afterCommit(lake: LakeContext, table: string, version: number): Promise<void> {
  try {
    const state = await newestState(lake, table);
    if (state?.version === version) await checkpointIfDue(lake, state);
  } catch (error) {
    lake.log.warn("a table could not be read after a write", { table, version, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** A `metaData` action where the table is new or its columns changed. */
function metaDataChange(table: string, { base, fields }: Commit, nowMs: number): { metaData: MetaData }[] {
  const schema = schemaString(fields);
  if (base !== undefined && schemaString(base.fields) === schema) return [];
  const before: MetaData = base?.metaData ?? {
    id: randomUUID(),
    name: table,
    format: { provider: "parquet", options: {} },
    schemaString: "",
    partitionColumns: [],
    configuration: {},
    createdTime: nowMs,
  };
  return [{ metaData: { ...before, schemaString: schema } }];
}

/** The answer to a write whose transaction the table has recorded before. */
export function alreadyWritten(state: TableState | undefined, options: WriteOptions): WriteResult | undefined {
  if (state === undefined || options.transaction === undefined) return undefined;
  const { appId, version } = options.transaction;
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new AppError("invalid_argument", `The transaction version ${version} of \`${appId}\` is not a whole number from 0.`);
  }
  const recorded = state.transactions.get(appId)?.version;
  return recorded !== undefined && recorded >= version ? { version: state.version, rows: 0, skipped: true } : undefined;
}
