import { sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import type { RegistryServices } from "./model.ts";
import { activeModel, lockModel } from "./store.ts";
import { tell } from "./tell.ts";

/** A version in a stage, as programs that know stages and not aliases see it. */
export interface StageChange {
  version: number;
  stage: string;
  previous: string;
  actor: string;
  fromMs: number;
  /** When the version went to its next stage; undefined while it is in this one. */
  untilMs: number | undefined;
}

/** Writes down that a version went to another stage, and says so, in the transaction of whoever keeps the stages. */
export async function noteStage(
  services: RegistryServices,
  transaction: Transaction,
  { model: name, ...change }: { model: string; version: number; stage: string; previous: string; actor: string },
): Promise<void> {
  const model = await lockModel(transaction, name);
  const { version, stage, previous, actor } = change;
  const last = await transaction.get<{ seq: number | null }>(sql`select max(seq) as seq from registry_stage_change where model = ${model.id}`);
  await transaction.run(sql`insert into registry_stage_change (model, seq, version, stage, previous, actor, at_ms)
    values (${model.id}, ${(last?.seq ?? 0) + 1}, ${version}, ${stage}, ${previous}, ${actor}, ${services.clock.now()})`);
  await tell(services, transaction, model, "version.stage-changed", change);
}

/** Which version of a model was in which stage when, moved by whom; oldest first. */
export async function stageHistory({ state }: RegistryServices, name: string): Promise<StageChange[]> {
  const rows = await changesOf(state, (await activeModel(state, name)).id);
  return rows.map((row, i) => ({
    ...{ version: row.version, stage: row.stage, previous: row.previous, actor: row.actor, fromMs: row.at_ms },
    untilMs: rows.slice(i + 1).find(({ version }) => version === row.version)?.at_ms,
  }));
}

async function changesOf(reader: Reader, model: string) {
  return reader.all<{ version: number; stage: string; previous: string; actor: string; at_ms: number }>(
    sql`select version, stage, previous, actor, at_ms from registry_stage_change where model = ${model} order by seq`,
  );
}
