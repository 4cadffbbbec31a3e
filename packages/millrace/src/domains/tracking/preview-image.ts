import type { Preview } from "./preview.ts";

/** Kind and size of an image as its first bytes tell; undefined for what is none, or is cut off before its size. */
export function previewImage(head: Buffer): Preview | undefined {
  const starts = (text: string, at = 0) => head.subarray(at, at + text.length).equals(Buffer.from(text, "latin1"));
  const image = (format: "png" | "jpeg" | "gif" | "webp" | "bmp", width: number, height: number): Preview => ({
    kind: "image",
    format,
    width,
    height,
  });
  if (starts("\x89PNG\r\n\x1a\n") && starts("IHDR", 12) && head.length >= 24) return image("png", head.readUInt32BE(16), head.readUInt32BE(20));
  if ((starts("GIF87a") || starts("GIF89a")) && head.length >= 10) return image("gif", head.readUInt16LE(6), head.readUInt16LE(8));
  if (starts("BM") && head.length >= 26 && head.readUInt32LE(14) >= 40) return image("bmp", head.readInt32LE(18), Math.abs(head.readInt32LE(22)));
  if (starts("RIFF") && starts("WEBP", 8) && head.length >= 30) return webp(head, starts, image);
  if (starts("\xff\xd8\xff")) {
    const size = jpegSize(head);
    return size && image("jpeg", size.width, size.height);
  }
  return undefined;
}

function webp(
  head: Buffer,
  starts: (text: string, at: number) => boolean,
  image: (format: "webp", width: number, height: number) => Preview,
): Preview | undefined {
  if (starts("VP8X", 12)) return image("webp", head.readUIntLE(24, 3) + 1, head.readUIntLE(27, 3) + 1);
  if (starts("VP8L", 12)) {
    const bits = head.readUInt32LE(21);
    return image("webp", (bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
  }
  return starts("VP8 ", 12) ? image("webp", head.readUInt16LE(26) & 0x3fff, head.readUInt16LE(28) & 0x3fff) : undefined;
}

/** Goes from marker to marker to the frame's header (ITU T.81, B.2.2). */
function jpegSize(head: Buffer): { width: number; height: number } | undefined {
  for (let at = 2; at + 9 < head.length;) {
    if (head[at] !== 0xff) return undefined;
    const marker = head[at + 1]!;
    if (marker === 0xff) at++;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) };
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
