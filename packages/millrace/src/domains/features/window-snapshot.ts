import { AppError } from "#kit/app-error";
import { digestOf, sha256 } from "#kit/hash";
import { createKeyIds, internKey, keysInOrder } from "./key-ids.ts";
import type { FeatureView, KeyValue } from "./model.ts";
import { windowLayout } from "./window-layout.ts";
import { addKey, createWindowRows } from "./window-rows.ts";
import { windowStateOf, windowStateParts, type WindowState } from "./window-state.ts";

/*
 * Format, little-endian:
 *   "MRWS" | u32 version | 32 bytes SHA-256 of all that follows | u32 header bytes | header JSON, padded with spaces to 8 bytes | rows
 * The header names the view's digest, the retention and, in the order of their rows, the keys with their number of rows (base
 * included) and the known time of the newest forgotten event (null: none). Rows are the engine's own, cell by cell, as doubles.
 */
const magic = 0x5357524d; // "MRWS"
const version = 1;
const checkedFrom = 8 + 32;
const fixedBytes = checkedFrom + 4;

interface Header {
  view: string;
  name: string;
  retainMs: number;
  keys: KeyValue[][];
  lengths: number[];
  forgotten: (number | null)[];
}

/** The whole state as bytes: versioned, checksummed, without the room kept for growth. Restored, it gives the same bits for ever after. */
export function snapshotWindowState(state: WindowState): Uint8Array {
  const { view, rows, ids, retainMs } = windowStateParts(state);
  const { width } = rows.layout;
  const lengths = [...rows.length.subarray(0, rows.keys)];
  const header: Header = {
    view: digestOf(view),
    name: view.name,
    retainMs,
    keys: keysInOrder(ids),
    lengths,
    forgotten: Array.from(rows.forgotten.subarray(0, rows.keys), (ms) => (Number.isFinite(ms) ? ms : null)),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Rows start at a multiple of 8 bytes of the file, so that they can be read in place.
  const headerBytes = Math.ceil((fixedBytes + json.length) / 8) * 8 - fixedBytes;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const bytes = new Uint8Array(fixedBytes + headerBytes + total * width * 8);
  bytes.fill(0x20, fixedBytes, fixedBytes + headerBytes);
  bytes.set(json, fixedBytes);
  const cells = new Float64Array(bytes.buffer, fixedBytes + headerBytes, total * width);
  for (let key = 0, at = 0; key < rows.keys; at += lengths[key++]! * width) {
    const start = rows.start[key]! * width;
    cells.set(rows.pool.subarray(start, start + lengths[key]! * width), at);
  }
  const fixed = new DataView(bytes.buffer);
  fixed.setUint32(0, magic, true);
  fixed.setUint32(4, version, true);
  fixed.setUint32(checkedFrom, headerBytes, true);
  bytes.set(Buffer.from(sha256(bytes.subarray(checkedFrom)), "hex"), 8);
  return bytes;
}

/**
 * A state from its snapshot. Throws `corrupt_data` for damaged bytes, `unsupported` for another version of the format, and
 * `conflict` when the view has been defined anew since.
 */
export function restoreWindowState(view: FeatureView, snapshot: Uint8Array): WindowState {
  const { header, cells } = read(view, snapshot);
  const layout = windowLayout(view);
  if (header.view !== digestOf(view)) {
    throw new AppError("conflict", `The stored state belongs to another definition of feature view \`${header.name}\`.`, {
      hint: "Start from an empty state and replay the events; windows fill as they did before.",
    });
  }
  const rows = createWindowRows(layout, Math.ceil(cells.length / layout.width) * 2, header.keys.length);
  const ids = createKeyIds(view.entity.keys.length);
  let at = 0;
  header.keys.forEach((key, i) => {
    const length = header.lengths[i]!;
    internKey(ids, key);
    addKey(rows, 2 ** Math.max(2, Math.ceil(Math.log2(length + 1))));
    rows.pool.set(cells.subarray(at, at + length * layout.width), rows.start[i]! * layout.width);
    rows.length[i] = length;
    rows.forgotten[i] = header.forgotten[i] ?? Number.NEGATIVE_INFINITY;
    at += length * layout.width;
  });
  return windowStateOf({ view, rows, ids, retainMs: header.retainMs });
}

function read(view: FeatureView, snapshot: Uint8Array): { header: Header; cells: Float64Array } {
  const damaged = (why: string) =>
    new AppError("corrupt_data", `The stored state of feature view \`${view.name}\` is damaged: ${why}.`, {
      hint: "Restore an earlier checkpoint, or replay the events.",
    });
  const bytes = snapshot.byteOffset % 8 === 0 ? snapshot : new Uint8Array(snapshot); // a copy starts where doubles may
  const fixed = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < fixedBytes || fixed.getUint32(0, true) !== magic) throw damaged("it does not begin as one");
  if (fixed.getUint32(4, true) !== version) {
    throw new AppError(
      "unsupported",
      `The stored state of feature view \`${view.name}\` has format ${fixed.getUint32(4, true)}; this Millrace reads ${version}.`,
    );
  }
  if (sha256(bytes.subarray(checkedFrom)) !== Buffer.from(bytes.subarray(8, checkedFrom)).toString("hex"))
    throw damaged("its checksum does not match");
  const body = bytes.subarray(fixedBytes);
  const headerBytes = fixed.getUint32(checkedFrom, true);
  // Written by `snapshotWindowState`: the checksum has just been compared.
  const header = JSON.parse(new TextDecoder().decode(body.subarray(0, headerBytes))) as Header;
  return { header, cells: new Float64Array(bytes.buffer, bytes.byteOffset + fixedBytes + headerBytes, (body.length - headerBytes) / 8) };
}
