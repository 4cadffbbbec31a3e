import type { Preview } from "./preview.ts";

/** NumPy's header (`numpy.lib.format`): a Python dictionary of one form, read as text. */
export function previewNpy(head: Buffer): Preview | undefined {
  if (!head.subarray(0, 6).equals(Buffer.from("\x93NUMPY", "latin1")) || head.length < 12) return undefined;
  const [length, from] = head[6] === 1 ? [head.readUInt16LE(8), 10] : [head.readUInt32LE(8), 12];
  const header = head.subarray(from, from + Math.min(length, 10_000)).toString("latin1");
  const type = /'descr':\s*'([^']{1,50})'/.exec(header)?.[1] ?? (/'descr':\s*\[/.test(header) ? "record" : undefined);
  const shape = /'shape':\s*\(([\d,\s]{0,500})\)/.exec(header)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  if (type === undefined || shape === undefined || fortran === undefined) return undefined;
  const sizes = shape
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  return { kind: "array", format: "npy", type, shape: sizes, order: fortran === "True" ? "Fortran" : "C" };
}

/** The first fields of an ONNX model (`ModelProto`): its version and who made it stand before the graph. */
export function previewOnnx(head: Buffer): Preview | undefined {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = head[at++] ?? 0x80;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  let irVersion: number | undefined;
  const texts = new Map<number, string>();
  while (at < head.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag % 8 === 0) {
      const value = varint();
      if (field === 1) irVersion = value;
    } else if (tag % 8 === 2) {
      const length = varint();
      if (field === 7) break; // the graph
      if (!(length < 10_000)) return undefined;
      if (field === 2 || field === 3) texts.set(field, head.subarray(at, at + length).toString("utf8"));
      at += length;
    } else return undefined;
  }
  if (irVersion === undefined || !(irVersion >= 1 && irVersion < 1_000)) return undefined;
  return { kind: "network", format: "onnx", irVersion, producer: texts.get(2), producerVersion: texts.get(3) };
}

const signatures: [string, string][] = [
  ["PK\x03\x04", "zip"],
  ["\x1f\x8b", "gzip"],
  ["\x28\xb5\x2f\xfd", "zstd"],
  ["%PDF-", "pdf"],
  ["\x89HDF\r\n\x1a\n", "hdf5"],
  ["ARROW1", "arrow"],
  ["\x80\x02", "pickle"],
  ["\x80\x03", "pickle"],
  ["\x80\x04", "pickle"],
  ["\x80\x05", "pickle"],
  ["SQLite format 3\0", "sqlite"],
  ["ustar", "tar"],
];

/** What no other preview knows: what the first bytes say it is, and these bytes. */
export function previewBinary(head: Buffer): Preview {
  const format = signatures.find(([start, name]) => {
    const at = name === "tar" ? 257 : 0;
    return head.subarray(at, at + start.length).equals(Buffer.from(start, "latin1"));
  })?.[1];
  return { kind: "binary", format, hex: head.subarray(0, 256).toString("hex") };
}
