import type { Bell } from "#kit/bell";
import { newId } from "#kit/id";
import type { Announce, Happening } from "#ports/announcer";
import type { Transaction } from "#ports/database";
import { allWebhooks, insertDelivery } from "./store.ts";

/** Puts down a message for every active webhook that wants to know of an event, in the transaction that made it happen. */
export async function announce(transaction: Transaction, happening: Happening): Promise<void> {
  await putDown(transaction, happening);
}

/** As `announce`, and wakes the one who delivers, so that the message is on its way about when the caller hears that all is done. */
export function announceAndWake(bell: Bell): Announce {
  return async (transaction, happening) => {
    if ((await putDown(transaction, happening)) > 0) transaction.afterCommit(() => bell.ring());
  };
}

async function putDown(transaction: Transaction, happening: Happening): Promise<number> {
  let messages = 0;
  for (const { id, events, status } of await allWebhooks(transaction)) {
    if (status !== "active" || !(events as string[]).includes(happening.event)) continue;
    await insertDelivery(transaction, newId(), id, happening);
    messages++;
  }
  return messages;
}
