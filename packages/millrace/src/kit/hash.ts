import { createHash } from "node:crypto";

/** Lower-case hexadecimal SHA-256 of bytes or text. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** JSON with object keys sorted at every level, so that equal values have equal text. `undefined` fields are left out. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

/** Digest of any JSON value, independent of the order of its keys. */
export function digestOf(value: unknown): string {
  return sha256(stableJson(value));
}
