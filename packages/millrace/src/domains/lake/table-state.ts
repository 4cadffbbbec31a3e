/** What a table's log adds up to at one version, by replaying its actions in order. */
import { AppError } from "#kit/app-error";
import type { Action, Add, CommitInfo, MetaData, Protocol, Remove, Txn } from "./delta-log.ts";
import { parseSchema, type DeltaField } from "./schema.ts";

export interface TableState {
  readonly table: string;
  readonly version: number;
  readonly timestampMs: number;
  readonly protocol: Protocol;
  readonly metaData: MetaData;
  readonly fields: DeltaField[];
  /** Live files by their path as the log has it. */
  readonly files: ReadonlyMap<string, Add>;
  /** Files removed, kept for vacuum and checkpoints. */
  readonly removed: ReadonlyMap<string, Remove>;
  readonly transactions: ReadonlyMap<string, Txn>;
}

/** What is known while replaying; complete once protocol and metadata have been seen. */
export interface Replay {
  version: number;
  timestampMs: number;
  protocol?: Protocol;
  metaData?: MetaData;
  files: Map<string, Add>;
  removed: Map<string, Remove>;
  transactions: Map<string, Txn>;
}

export function emptyReplay(): Replay {
  return { version: -1, timestampMs: 0, files: new Map(), removed: new Map(), transactions: new Map() };
}

export function replayFrom(state: TableState): Replay {
  return {
    version: state.version,
    timestampMs: state.timestampMs,
    protocol: state.protocol,
    metaData: state.metaData,
    files: new Map(state.files),
    removed: new Map(state.removed),
    transactions: new Map(state.transactions),
  };
}

/** Applies one version (or the rows of a checkpoint) in place. `writtenMs`: when its file was written, for writers that state no time. */
export function apply(replay: Replay, version: number, actions: Action[], writtenMs: number): void {
  let info: CommitInfo | undefined;
  for (const action of actions) {
    if (action.protocol) replay.protocol = action.protocol;
    if (action.metaData) replay.metaData = action.metaData;
    if (action.txn) replay.transactions.set(action.txn.appId, action.txn);
    if (action.remove) {
      replay.files.delete(action.remove.path);
      replay.removed.set(action.remove.path, action.remove);
    }
    if (action.add) {
      replay.removed.delete(action.add.path);
      replay.files.set(action.add.path, action.add);
    }
    if (action.commitInfo) info = action.commitInfo;
  }
  replay.version = version;
  replay.timestampMs = info?.timestamp ?? writtenMs;
}

/** The finished state. Throws `corrupt_data` for a log that says too little, `unsupported` for a table we would misread. */
export function stateOf(table: string, replay: Replay): TableState {
  const { protocol, metaData } = replay;
  if (protocol === undefined || metaData === undefined) {
    throw new AppError(
      "corrupt_data",
      `The log of table \`${table}\` has no ${protocol === undefined ? "protocol" : "metadata"} up to version ${replay.version}.`,
      {
        hint: "Restore the first files of its `_delta_log` folder.",
      },
    );
  }
  refuseUnreadable(table, protocol, metaData, replay);
  let fields: DeltaField[];
  try {
    fields = parseSchema(metaData.schemaString);
  } catch (error) {
    throw new AppError("corrupt_data", `The schema of table \`${table}\` at version ${replay.version} cannot be read.`, { cause: error });
  }
  return { table, version: replay.version, timestampMs: replay.timestampMs, protocol, metaData, fields, ...pick(replay) };
}

function pick({ files, removed, transactions }: Replay): Pick<TableState, "files" | "removed" | "transactions"> {
  return { files, removed, transactions };
}

const readableFeatures = new Set(["timestampNtz"]);

/** Rather refuse than misread: with a deletion vector, rows of a file are not rows of the table; with mapped columns, names differ. */
function refuseUnreadable(table: string, protocol: Protocol, metaData: MetaData, replay: Replay): void {
  const refuse = (what: string) => {
    throw new AppError("unsupported", `Table \`${table}\` uses ${what}, which Millrace cannot read.`, {
      hint: "Rewrite the table without that feature, for example with `REORG TABLE … APPLY (PURGE)` and `ALTER TABLE … DROP FEATURE` in Spark.",
    });
  };
  const unknown = (protocol.readerFeatures ?? []).filter((feature) => !readableFeatures.has(feature));
  if (unknown.length > 0) refuse(`the Delta feature ${unknown.map((feature) => `\`${feature}\``).join(", ")}`);
  if (protocol.minReaderVersion > 3) refuse(`Delta reader version ${protocol.minReaderVersion}`);
  const mapping = metaData.configuration?.["delta.columnMapping.mode"];
  if (mapping !== undefined && mapping !== "none") refuse(`column mapping (\`${mapping}\`)`);
  if (metaData.format.provider !== "parquet") refuse(`files of the format \`${metaData.format.provider}\``);
  for (const file of replay.files.values()) if (file.deletionVector !== undefined && file.deletionVector !== null) refuse("deletion vectors");
}

/** Throws `unsupported` for tables that ask more of a writer than we do. */
export function refuseUnwritable(state: TableState): void {
  const reasons: string[] = [];
  if (state.protocol.minWriterVersion > 2) reasons.push(`Delta writer version ${state.protocol.minWriterVersion}`);
  if (state.metaData.partitionColumns.length > 0) reasons.push(`partitions by ${state.metaData.partitionColumns.join(", ")}`);
  if (state.fields.some((field) => "delta.invariants" in field.metadata)) reasons.push("column invariants");
  if (state.fields.some((field) => !field.nullable)) reasons.push("columns that must not be null");
  if (reasons.length === 0) return;
  throw new AppError("unsupported", `Table \`${state.table}\` can be read but not written here: it uses ${reasons.join(" and ")}.`, {
    hint: "Write it with the engine that made it, or copy its rows into a new table.",
  });
}
