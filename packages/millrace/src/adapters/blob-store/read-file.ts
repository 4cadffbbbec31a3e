import { type FileHandle, open } from "node:fs/promises";
import { toAppError } from "#kit/app-error";
import { bufferPasses } from "#kit/young-buffers";

const pieceBytes = 256 << 10;

/** The bytes of a file from `first` to `last`, in pieces; the next one is read while one is used. */
export async function* readPieces(path: string, first: number, last: number): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  let next: Promise<Uint8Array> | undefined;
  try {
    file = await open(path);
    let position = first;
    const readNext = (handle: FileHandle): Promise<Uint8Array> => {
      const reading = readPiece(handle, position, Math.min(pieceBytes, last + 1 - position));
      reading.catch(() => undefined); // it is awaited below
      return reading;
    };
    next = readNext(file);
    for (;;) {
      const piece: Uint8Array = await next;
      position += piece.length;
      if (piece.length === 0) return;
      next = readNext(file);
      yield piece;
    }
  } catch (error) {
    throw toAppError(error);
  } finally {
    await next?.catch(() => undefined); // nothing may use the file when it is closed
    await file?.close();
  }
}

async function readPiece(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  if (length <= 0) return new Uint8Array();
  bufferPasses(length);
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
