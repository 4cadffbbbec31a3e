import { crc32 } from "node:zlib";
import { AppError } from "./app-error.ts";

/** A file of an archive; `sizeBytes` is what `bytes` will yield. */
export interface ZippedFile {
  /** Plain names with `/` between. */
  path: string;
  sizeBytes: number;
  modifiedMs: number;
  bytes(): Promise<AsyncIterable<Uint8Array>>;
}

const most32 = 0xffff_ffff;
const most16 = 0xffff;
/** Names are UTF-8; checksums follow the bytes, because they are not known before. */
const flags = 0x0808;

interface Written {
  name: Buffer;
  sizeBytes: number;
  crc: number;
  dosTime: number;
  offset: number;
}

/**
 * An archive in the ZIP format, written as its files are read: nothing is compressed, no file is held in memory, and there is no limit
 * to size or number (APPNOTE 6.3.10, with Zip64 where it is needed). Refuses names that would lead out of the folder it is unpacked in.
 */
export async function* zipStream(files: AsyncIterable<ZippedFile>): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let offset = 0;
  for await (const file of files) {
    const entry = { name: Buffer.from(checkName(file.path)), sizeBytes: file.sizeBytes, crc: 0, dosTime: dosTimeOf(file.modifiedMs), offset };
    const header = localHeader(entry);
    yield header;
    let size = 0;
    for await (const chunk of await file.bytes()) {
      entry.crc = crc32(chunk, entry.crc);
      size += chunk.length;
      yield chunk;
    }
    if (size !== entry.sizeBytes) throw new AppError("conflict", `"${file.path}" changed while it was packed.`, { hint: "Fetch the archive again." });
    const trailer = descriptor(entry);
    yield trailer;
    offset += header.length + size + trailer.length;
    written.push(entry);
  }
  let length = 0;
  for (const entry of written) {
    const record = directoryEntry(entry);
    length += record.length;
    yield record;
  }
  yield directoryEnd(written.length, offset, length);
}

function checkName(path: string): string {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\\") || part.includes("\0")) || /^[a-zA-Z]:/.test(path))
    throw new AppError("invalid_argument", `"${path.slice(0, 200)}" cannot be a name in an archive.`);
  if (Buffer.byteLength(path) > most16) throw new AppError("invalid_argument", `"${path.slice(0, 100)}…" is too long for a name in an archive.`);
  return path;
}

function localHeader({ name, sizeBytes, dosTime }: Written): Buffer {
  const wide = sizeBytes >= most32;
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(45, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(dosTime, 10);
  header.writeUInt32LE(wide ? most32 : 0, 18); // with these flags sizes stand behind the bytes
  header.writeUInt32LE(wide ? most32 : 0, 22);
  header.writeUInt16LE(name.length, 26);
  const extra = wide ? zip64([0, 0]) : Buffer.alloc(0);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function descriptor({ sizeBytes, crc }: Written): Buffer {
  const wide = sizeBytes >= most32;
  const trailer = Buffer.alloc(wide ? 24 : 16);
  trailer.writeUInt32LE(0x08074b50, 0);
  trailer.writeUInt32LE(crc, 4);
  if (wide) {
    trailer.writeBigUInt64LE(BigInt(sizeBytes), 8);
    trailer.writeBigUInt64LE(BigInt(sizeBytes), 16);
  } else {
    trailer.writeUInt32LE(sizeBytes, 8);
    trailer.writeUInt32LE(sizeBytes, 12);
  }
  return trailer;
}

function directoryEntry({ name, sizeBytes, crc, dosTime, offset }: Written): Buffer {
  const wide = [...(sizeBytes >= most32 ? [sizeBytes, sizeBytes] : []), ...(offset >= most32 ? [offset] : [])];
  const extra = wide.length > 0 ? zip64(wide) : Buffer.alloc(0);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(45, 4);
  record.writeUInt16LE(45, 6);
  record.writeUInt16LE(flags, 8);
  record.writeUInt32LE(dosTime, 12);
  record.writeUInt32LE(crc, 16);
  record.writeUInt32LE(Math.min(sizeBytes, most32), 20);
  record.writeUInt32LE(Math.min(sizeBytes, most32), 24);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(extra.length, 30);
  record.writeUInt32LE(Math.min(offset, most32), 42);
  return Buffer.concat([record, name, extra]);
}

function directoryEnd(count: number, offset: number, length: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, most16), 8);
  end.writeUInt16LE(Math.min(count, most16), 10);
  end.writeUInt32LE(Math.min(length, most32), 12);
  end.writeUInt32LE(Math.min(offset, most32), 16);
  if (count < most16 && offset < most32 && length < most32) return end;
  const wide = Buffer.alloc(56 + 20);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(45, 12);
  wide.writeUInt16LE(45, 14);
  wide.writeBigUInt64LE(BigInt(count), 24);
  wide.writeBigUInt64LE(BigInt(count), 32);
  wide.writeBigUInt64LE(BigInt(length), 40);
  wide.writeBigUInt64LE(BigInt(offset), 48);
  wide.writeUInt32LE(0x07064b50, 56); // where the record above begins
  wide.writeBigUInt64LE(BigInt(offset + length), 64);
  wide.writeUInt32LE(1, 72);
  return Buffer.concat([wide, end]);
}

function zip64(values: number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return extra;
}

/** Date and time as MS-DOS had them, in UTC: two seconds fine, from 1980 on. */
function dosTimeOf(ms: number): number {
  const at = new Date(Math.max(ms, Date.UTC(1980, 0, 1)));
  const date = (Math.min(at.getUTCFullYear() - 1980, 127) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return date * 0x10000 + time;
}
