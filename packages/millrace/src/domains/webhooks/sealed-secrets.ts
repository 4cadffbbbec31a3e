import type { Secrets } from "#kit/secret-box";
import type { WebhookServices } from "./model.ts";
import { findSecret, replaceSecret, sealingKeys, secretsNotSealedBy, type SecretRow } from "./store.ts";

/** Where a webhook's secret is kept: it opens nowhere else. */
export function placeOf(webhook: string): string {
  return `webhook/${webhook}`;
}

/** The one place that reads a secret, for the one purpose of signing. Throws as `Secrets.open`. */
export async function secretOf({ state, secrets }: WebhookServices, webhook: string): Promise<string | undefined> {
  const row = await findSecret(state, webhook);
  return row && read(secrets, row);
}

/**
 * Seals with the key that seals now what another sealed, or none: secrets from before they were sealed, and all of them after a new
 * key was put before the old one. Tells how many, and the id of the one key that they need from then on; none where there are no
 * secrets. Throws as `Secrets.open`.
 */
export async function sealAnew({ state, secrets }: Pick<WebhookServices, "state" | "secrets">): Promise<{ sealed: number; key: string | undefined }> {
  if ((await sealingKeys(state)).length === 0) return { sealed: 0, key: undefined };
  const key = await secrets.sealingKey();
  const rows = await secretsNotSealedBy(state, key);
  for (const row of rows) {
    const sealed = await secrets.seal(await read(secrets, row), placeOf(row.webhook));
    await state.write((transaction) => replaceSecret(transaction, row, sealed));
  }
  return { sealed: rows.length, key };
}

async function read(secrets: Secrets, { webhook, secret, sealed_by: key }: SecretRow): Promise<string> {
  return key === null ? secret : secrets.open({ key, box: secret }, placeOf(webhook));
}
