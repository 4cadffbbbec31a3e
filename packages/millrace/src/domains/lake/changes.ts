import { AppError } from "#kit/app-error";
import type { LakeContext } from "./context.ts";
import type { Add } from "./delta-log.ts";
import type { LakeChanges } from "./model.ts";
import { relationOf } from "./relation.ts";
import { filesOf, requireVersion, stateAt } from "./snapshot.ts";

/** What was added to a table after a version; see the door. */
export async function changesSince(lake: LakeContext, table: string, version: number): Promise<LakeChanges> {
  const state = await stateAt(lake, table);
  if (!Number.isSafeInteger(version) || version < -1 || version > state.version) {
    throw new AppError("not_found", `Table \`${table}\` has no version ${version}; its newest is ${state.version}.`, {
      hint: "Was the table dropped and made anew? Then start again from -1.",
    });
  }
  let rewritten = false;
  const added = new Map<string, Add>();
  if (version === -1) {
    for (const [path, add] of state.files) added.set(path, add);
  } else {
    for (let v = version + 1; v <= state.version; v++) {
      for (const action of (await requireVersion(lake, table, v)).actions) {
        if (action.remove?.dataChange === true && !added.delete(action.remove.path)) rewritten = true;
        if (action.add?.dataChange === true) added.set(action.add.path, action.add);
      }
    }
  }
  const files = await filesOf(lake, table, [...added.values()]);
  return {
    version: state.version,
    files,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    rewritten,
    relation: await relationOf(lake, state, [...added.values()]),
  };
}
