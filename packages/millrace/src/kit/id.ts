import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford base 32, as in the ULID specification
let lastMs = 0;
let lastRandom = Buffer.alloc(10);

/**
 * A new id: 26 characters, sortable by creation time, unique without coordination (the ULID layout: 48 bits of
 * milliseconds, 80 random bits). Ids made in one millisecond by one process keep their order.
 */
export function newId(nowMs = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    lastRandom = randomBytes(10);
  } else {
    increment(lastRandom);
  }
  return encode(lastMs, 10) + encode(lastRandom.readUIntBE(0, 5), 8) + encode(lastRandom.readUIntBE(5, 5), 8);
}

const idPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isId(text: string): boolean {
  return idPattern.test(text);
}

function increment(bytes: Buffer): void {
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = (bytes[i]! + 1) & 255;
    if (bytes[i] !== 0) return;
  }
}

/** A number below 2^53 in base 32. */
function encode(value: number, length: number): string {
  let text = "";
  for (let rest = value, i = 0; i < length; i++, rest = Math.floor(rest / 32)) text = alphabet[rest % 32]! + text;
  return text;
}
