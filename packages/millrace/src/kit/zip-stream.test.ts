import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { collectBytes } from "./collect-bytes.ts";
import { type ZippedFile, zipStream } from "./zip-stream.ts";

function file(path: string, text: string, sizeBytes = Buffer.byteLength(text)): ZippedFile {
  return {
    path,
    sizeBytes,
    modifiedMs: Date.UTC(2026, 4, 6, 7, 8, 10),
    async bytes() {
      return (async function* () {
        for (let at = 0; at < text.length; at += 3) yield Buffer.from(text.slice(at, at + 3));
      })();
    },
  };
}

async function* listed(files: ZippedFile[]): AsyncGenerator<ZippedFile> {
  yield* files;
}

/** What a reader finds that begins at the end, as readers do: the directory, and each file's bytes where it says they are. */
function read(zip: Buffer): { path: string; text: string; sound: boolean }[] {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  const count = zip.readUInt16LE(end + 10);
  const found: { path: string; text: string; sound: boolean }[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    const [crc, size, name, extra, offset] = [
      zip.readUInt32LE(at + 16),
      zip.readUInt32LE(at + 24),
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt32LE(at + 42),
    ];
    const start = offset + 30 + zip.readUInt16LE(offset + 26) + zip.readUInt16LE(offset + 28);
    const bytes = zip.subarray(start, start + size);
    const sound = crc32(bytes) === crc && zip.readUInt32LE(offset) === 0x04034b50 && zip.readUInt32LE(start + size + 4) === crc;
    found.push({ path: zip.subarray(at + 46, at + 46 + name).toString(), text: bytes.toString(), sound });
    at += 46 + name + extra;
  }
  return found;
}

describe("a ZIP archive", () => {
  it("holds its files under their names", async () => {
    const files = [file("a.txt", "hello world"), file("deep/er/мо дель.txt", "é"), file("empty", "")];
    const zip = await collectBytes(zipStream(listed(files)));
    expect(read(zip)).toEqual([
      { path: "a.txt", text: "hello world", sound: true },
      { path: "deep/er/мо дель.txt", text: "é", sound: true },
      { path: "empty", text: "", sound: true },
    ]);
    expect(read(await collectBytes(zipStream(listed([]))))).toEqual([]);
  });

  it("of more than 65,535 files says so in the wide form", async () => {
    const zip = await collectBytes(zipStream(listed(Array.from({ length: 70_000 }, (_, i) => file(String(i), "")))));
    const end = zip.lastIndexOf(Buffer.from("PK\x06\x06", "latin1"));
    expect([zip.readBigUInt64LE(end + 32), zip.readBigUInt64LE(end + 40) + zip.readBigUInt64LE(end + 48)]).toEqual([70_000n, BigInt(end)]);
    expect(zip.readBigUInt64LE(end + 56 + 8)).toBe(BigInt(end));
  });

  it.each(["../x", "a/../x", "/etc/passwd", "a//b", "a\\..\\x", "C:/x", "", "./x", "a\0b"])("refuses the name %j", async (path) => {
    await expect(collectBytes(zipStream(listed([file(path, "x")])))).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("breaks off where a file is not what it was said to be", async () => {
    await expect(collectBytes(zipStream(listed([file("a", "abc", 4)])))).rejects.toMatchObject({ code: "conflict" });
  });
});
