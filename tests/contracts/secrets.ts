import { newSecretKey, openSecret, parseSecretKeys, type Secrets, sealSecret } from "#kit/secret-box";

/** Secrets under a key that nobody keeps. */
export function testSecrets(): Secrets {
  const [key] = parseSecretKeys(newSecretKey(), "the test") as [ReturnType<typeof parseSecretKeys>[number]]; // one was given
  return {
    seal: async (secret, place) => sealSecret(key, secret, place),
    open: async (sealed, place) => openSecret(key, sealed, place),
    sealingKey: async () => key.id,
  };
}
