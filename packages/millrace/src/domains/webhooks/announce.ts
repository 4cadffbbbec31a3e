import { newId } from "#kit/id";
import type { Announce, Happening } from "#ports/announcer";
import type { Transaction } from "#ports/database";
import type { Outbox } from "./outbox.ts";
import { allWebhooks, insertDelivery } from "./store.ts";

/** Puts down a message for every active webhook that wants to know of an event, in the transaction that made it happen. */
export async function announce(transaction: Transaction, happening: Happening): Promise<void> {
  await putDown(transaction, happening);
}

/** As `announce`, and into the outbox of the one who delivers, so that the message is on its way about when the caller hears that all is done. */
export function announceThrough(outbox: Outbox): Announce {
  return async (transaction, happening) => {
    const messages = await putDown(transaction, happening);
    if (messages.length > 0) transaction.afterCommit(() => messages.forEach((id) => outbox.add(id)));
  };
}

async function putDown(transaction: Transaction, happening: Happening): Promise<string[]> {
  const messages: string[] = [];
  for (const { id: webhook, events, status } of await allWebhooks(transaction)) {
    if (status !== "active" || !(events as string[]).includes(happening.event)) continue;
    const id = newId();
    await insertDelivery(transaction, id, webhook, happening);
    messages.push(id);
  }
  return messages;
}
