import { createDecipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { newSecretKey, openSecret, parseSecretKeys, type Sealed, sealSecret } from "./secret-box.ts";

const [key, other] = parseSecretKeys(`${newSecretKey()}\n${newSecretKey()}`, "the test") as [Key, Key];
type Key = ReturnType<typeof parseSecretKeys>[number];

describe("a sealed secret", () => {
  it.each(["", "s", "sésame 🙂", "x".repeat(100_000)])("opens where it was sealed", (secret) => {
    const sealed = sealSecret(key, secret, "webhook/1");
    expect(openSecret(key, sealed, "webhook/1")).toBe(secret);
    expect(sealed.key).toBe(key.id);
  });

  it("is another each time, and shows nothing of its text", () => {
    const boxes = Array.from({ length: 100 }, () => sealSecret(key, "sesame", "p").box);
    expect(new Set(boxes).size).toBe(100);
    expect(new Set(boxes.map((box) => Buffer.from(box, "base64").subarray(0, 12).toString("hex"))).size).toBe(100);
    for (const box of boxes) expect(Buffer.from(box, "base64").toString("latin1")).not.toContain("sesame");
  });

  it("is AES-256-GCM: nonce of 12 bytes, tag of 16, the place as additional data", () => {
    const raw = Buffer.from(sealSecret(key, "sesame", "webhook/1").box, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key.bytes, raw.subarray(0, 12))
      .setAAD(Buffer.from("webhook/1"))
      .setAuthTag(raw.subarray(12, 28));
    expect(decipher.update(raw.subarray(28), undefined, "utf8") + decipher.final("utf8")).toBe("sesame");
  });

  it("does not open with another key, in another place, cut short or changed anywhere", () => {
    const sealed = sealSecret(key, "sesame", "webhook/1");
    const raw = Buffer.from(sealed.box, "base64");
    const refused = (attempt: () => string) => expect(attempt).toThrow(/is not what the key [0-9a-f]{16} sealed for it/);
    refused(() => openSecret(other, sealed, "webhook/1"));
    refused(() => openSecret(key, sealed, "webhook/2"));
    const changed = (box: Buffer): Sealed => ({ ...sealed, box: box.toString("base64") });
    for (let length = 0; length < raw.length; length++) refused(() => openSecret(key, changed(raw.subarray(0, length)), "webhook/1"));
    for (let i = 0; i < raw.length; i++)
      refused(() => openSecret(key, changed(Buffer.from(raw.map((byte, at) => (at === i ? byte ^ 1 : byte)))), "webhook/1"));
  });
});

describe("keys", () => {
  it("are the base64 of 32 bytes, parted by commas or white space, known by an id that is the same each time", () => {
    const texts = [newSecretKey(), newSecretKey(), newSecretKey()];
    const read = parseSecretKeys(` ${texts[0]},${texts[1]}\r\n\t${texts[2]} `, "X");
    expect(read.map(({ bytes }) => Buffer.from(bytes).toString("base64"))).toEqual(texts);
    expect(parseSecretKeys(texts[1]!, "Y")[0]!.id).toBe(read[1]!.id);
    expect(new Set(read.map(({ id }) => id)).size).toBe(3);
    // sha256sum of "id of a secret key", a zero byte and 32 zero bytes
    expect(parseSecretKeys(Buffer.alloc(32).toString("base64"), "Z")[0]!.id).toBe("92a9fff7336d1003");
  });

  it("are asked for where there are none", () => {
    for (const text of ["", " ,\n"])
      expect(() => parseSecretKeys(text, "secret.key")).toThrow("secret.key holds no key: a key is the base64 of 32 bytes.");
  });

  it.each(["password", Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64"), "A".repeat(43), `${"_".repeat(43)}=`])(
    "are not %j, and a refusal does not repeat it",
    (text) => {
      const attempt = () => parseSecretKeys(`${newSecretKey()} ${text}`, "MILLRACE_SECRET_KEY");
      expect(attempt).toThrow(/^MILLRACE_SECRET_KEY holds no key in its place 2: a key is the base64 of 32 bytes\.$/);
    },
  );
});
