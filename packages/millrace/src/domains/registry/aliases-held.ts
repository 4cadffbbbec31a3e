import { sql } from "#kit/sql";
import type { AliasChange, RegistryServices } from "./model.ts";
import { activeModel, aliasChanges } from "./store.ts";

/** Every alias that a version ever held: from when until when, given by whom and why; oldest first. */
export async function aliasesHeld({ state }: RegistryServices, { model: name, version }: { model: string; version: number }): Promise<AliasChange[]> {
  const model = await activeModel(state, name);
  const aliases = await state.all<{ alias: string }>(
    sql`select distinct alias from registry_alias_change where model = ${model.id} and version = ${version}`,
  );
  const held: AliasChange[] = [];
  for (const { alias } of aliases) held.push(...(await aliasChanges(state, model.id, alias)).filter((change) => change.version === version));
  return held.sort((a, b) => a.fromMs - b.fromMs || (a.alias < b.alias ? -1 : 1));
}
