import type { Transaction } from "#ports/database";
import type { RegistryServices } from "./model.ts";
import type { ModelRow } from "./store.ts";

/** Says what happened to a model, in the transaction in which it did, to whom it may concern. */
export async function tell(
  { announce, clock }: RegistryServices,
  transaction: Transaction,
  model: ModelRow,
  event: string,
  data: Record<string, unknown>,
): Promise<void> {
  const modelTags = JSON.parse(model.tags) as Record<string, string>; // written by this domain
  await announce?.(transaction, { event, atMs: clock.now(), data: { model: model.name, modelTags, ...data } });
}

/** Says which tags of a model, or of a version, were set and which were taken away. */
export async function tellTags(
  services: RegistryServices,
  transaction: Transaction,
  model: ModelRow,
  { version, standing, change }: { version?: number; standing: Record<string, string>; change: Record<string, string | null> },
): Promise<void> {
  const noun = version === undefined ? "model" : "version";
  const about = version === undefined ? {} : { version };
  for (const [key, value] of Object.entries(change)) {
    if (value !== null) await tell(services, transaction, model, `${noun}.tag-set`, { ...about, key, value });
    else if (Object.hasOwn(standing, key)) await tell(services, transaction, model, `${noun}.tag-removed`, { ...about, key });
  }
}

/** Says what a gate decided. */
export async function tellGate(
  services: RegistryServices,
  transaction: Transaction,
  model: ModelRow,
  version: number,
  gate: Record<string, unknown>,
): Promise<void> {
  const { gate: name, verdict, summary, id } = gate;
  await tell(services, transaction, model, "gate.decided", { version, gate: name ?? id, verdict, summary });
}
