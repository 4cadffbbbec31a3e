import { newId } from "#kit/id";
import type { Happening } from "#ports/announcer";
import type { Transaction } from "#ports/database";
import { allWebhooks, insertDelivery } from "./store.ts";

/** Puts down a message for every active webhook that wants to know of an event, in the transaction that made it happen. */
export async function announce(transaction: Transaction, happening: Happening): Promise<void> {
  for (const { id, events, status } of await allWebhooks(transaction))
    if (status === "active" && (events as string[]).includes(happening.event)) await insertDelivery(transaction, newId(), id, happening);
}
