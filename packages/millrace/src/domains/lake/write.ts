/** The verbs that make a new version: append, replace, merge. */
import { AppError } from "#kit/app-error";
import { alignExisting, alignNew, type Alignment } from "./align.ts";
import { alreadyWritten, tryCommit } from "./commit.ts";
import type { LakeContext } from "./context.ts";
import { discardDataFile, writeDataFile } from "./data-file.ts";
import type { Action, Add } from "./delta-log.ts";
import type { AppendOptions, Rows, WriteOptions, WriteResult } from "./model.ts";
import { schemaString } from "./schema.ts";
import { newestState } from "./snapshot.ts";
import { refuseUnwritable, type TableState } from "./table-state.ts";

/** Adds rows; appends that race all succeed, one version after the other. */
export async function append(lake: LakeContext, table: string, rows: Rows, options: AppendOptions = {}): Promise<WriteResult> {
  let base = await newestState(lake, table);
  const before = alreadyWritten(base, options);
  if (before !== undefined) return before;
  const columns = await lake.warehouse.describe(rows.sql);
  const align = (state: TableState | undefined): Alignment => {
    if (state === undefined) return alignNew(table, rows.sql, columns);
    refuseUnwritable(state);
    return alignExisting(table, state.fields, rows.sql, columns, options.addColumns === true);
  };
  const aligned = align(base);
  const file = await writeDataFile(lake, table, aligned.rows);
  let unneeded = true; // not while a commit that names the file stands, or may stand
  try {
    if (file.rows === 0 && base !== undefined && options.transaction === undefined) return { version: base.version, rows: 0, skipped: false };
    for (;;) {
      const actions = file.add === undefined ? [] : [{ add: file.add }];
      const metrics = { numOutputRows: file.rows, numFiles: actions.length, numOutputBytes: file.add?.size ?? 0 };
      unneeded = false;
      const version = await tryCommit(lake, table, { operation: "APPEND", base, fields: aligned.fields, actions, metrics }, options);
      if (version !== undefined) return { version, rows: file.rows, skipped: false };
      unneeded = true;
      base = await newestState(lake, table);
      const winner = alreadyWritten(base, options);
      if (winner !== undefined) return winner;
      if (schemaString(align(base).fields) !== schemaString(aligned.fields)) throw changedMeanwhile(table, "its columns changed");
    }
  } finally {
    if (unneeded) await discardDataFile(lake, table, file);
  }
}

/** Puts rows in the place of all others. */
export async function replace(lake: LakeContext, table: string, rows: Rows, options: WriteOptions = {}): Promise<WriteResult> {
  const base = await newestState(lake, table);
  const before = alreadyWritten(base, options);
  if (before !== undefined) return before;
  if (base !== undefined) refuseRemoval(base);
  const aligned = alignNew(table, rows.sql, await lake.warehouse.describe(rows.sql));
  const file = await writeDataFile(lake, table, aligned.rows);
  let unneeded = true; // not while a commit that names the file stands, or may stand
  try {
    const old = [...(base?.files.values() ?? [])];
    const actions: Action[] = [...removals(lake, old), ...(file.add === undefined ? [] : [{ add: file.add }])];
    const metrics = { numOutputRows: file.rows, numFiles: file.add === undefined ? 0 : 1, numRemovedFiles: old.length };
    unneeded = false;
    const version = await tryCommit(lake, table, { operation: "REPLACE", base, fields: aligned.fields, actions, metrics }, options);
    if (version !== undefined) return { version, rows: file.rows, skipped: false };
    unneeded = true;
    const winner = alreadyWritten(await newestState(lake, table), options);
    if (winner !== undefined) return winner;
    throw changedMeanwhile(table, "another write came first");
  } finally {
    if (unneeded) await discardDataFile(lake, table, file);
  }
}

export function removals(lake: LakeContext, files: Add[]): Action[] {
  const deletionTimestamp = lake.clock.now();
  return files.map(({ path, size, partitionValues }) => ({
    remove: {
      path,
      deletionTimestamp,
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues: partitionValues ?? {},
      size,
    },
  }));
}

/** Throws for tables that may not lose rows. */
export function refuseRemoval(state: TableState): void {
  refuseUnwritable(state);
  if (state.metaData.configuration?.["delta.appendOnly"] === "true") {
    throw new AppError("unsupported", `Table \`${state.table}\` is append-only (\`delta.appendOnly\`): its rows cannot be replaced.`, {
      hint: "Append to it, or write another table.",
    });
  }
}

export function changedMeanwhile(table: string, what: string): AppError {
  return new AppError("conflict", `Table \`${table}\` changed while it was being written: ${what}.`, { hint: "Run the same write again." });
}
