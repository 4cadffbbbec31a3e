import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { AppError } from "./app-error.ts";

/** Keeps secrets that have to be read again, such as those that sign messages, so that whoever reads the database alone reads none. */
export interface Secrets {
  /** Seals a text for the one place where it is kept, such as `webhook/01K9…`: anywhere else it does not open. */
  seal(secret: string, place: string): Promise<Sealed>;
  /** Throws `invalid_config` where its key is missing, `corrupt_data` where it was changed or comes from another place. */
  open(sealed: Sealed, place: string): Promise<string>;
  /** The id of the key that seals now. */
  sealingKey(): Promise<string>;
}

export interface Sealed {
  /** Id of the key. */
  key: string;
  /** Base64 of nonce, tag and ciphertext. */
  box: string;
}

export interface SecretKey {
  /** Tells keys apart and tells nothing of them. */
  id: string;
  bytes: Uint8Array;
}

const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;

/** Seals with AES-256-GCM under a nonce of its own each time, which is safe for 2^32 secrets of a key (NIST SP 800-38D, 8.3). */
export function sealSecret({ id, bytes }: SecretKey, secret: string, place: string): Sealed {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", bytes, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(place));
  const hidden = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return { key: id, box: Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString("base64") };
}

/** Throws `corrupt_data` for what was not sealed with this key for this place. */
export function openSecret({ bytes }: SecretKey, { key, box }: Sealed, place: string): string {
  const raw = Buffer.from(box, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", bytes, raw.subarray(0, nonceBytes), { authTagLength: tagBytes })
      .setAAD(Buffer.from(place))
      .setAuthTag(raw.subarray(nonceBytes, nonceBytes + tagBytes));
    return Buffer.concat([decipher.update(raw.subarray(nonceBytes + tagBytes)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new AppError("corrupt_data", `The secret of ${place} is not what the key ${key} sealed for it.`, {
      cause,
      hint: "It was changed in the database, or comes from elsewhere: give a new one.",
    });
  }
}

export function newSecretKey(): string {
  return randomBytes(keyBytes).toString("base64");
}

/** Reads keys, each the base64 of 32 bytes, parted by commas or white space. Throws `invalid_config`, which never repeats a key. */
export function parseSecretKeys(text: string, where: string): SecretKey[] {
  const keys = text.split(/[\s,]+/).filter((each) => each !== "");
  if (keys.length === 0) throw unreadable(where, "holds no key");
  return keys.map((each, i) => {
    const bytes = Buffer.from(each, "base64");
    if (bytes.length !== keyBytes || bytes.toString("base64") !== each)
      throw unreadable(where, `holds no key in its ${keys.length === 1 ? "place" : `place ${i + 1}`}`);
    return { id: createHash("sha256").update("id of a secret key\0").update(bytes).digest("hex").slice(0, 16), bytes };
  });
}

function unreadable(where: string, what: string): AppError {
  return new AppError("invalid_config", `${where} ${what}: a key is the base64 of 32 bytes.`, { hint: "Make one: openssl rand -base64 32" });
}
