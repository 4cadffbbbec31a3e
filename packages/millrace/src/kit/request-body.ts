import { Readable } from "node:stream";

/**
 * Gives a request's body to its reader. Where that stops before the end, the rest is read and thrown away and the connection lives on:
 * many clients hear no answer before they have sent everything.
 */
export async function withBody<Result>(body: AsyncIterable<Uint8Array>, read: (body: AsyncIterable<Uint8Array>) => Promise<Result>): Promise<Result> {
  if (!(body instanceof Readable)) return read(body);
  try {
    // A request yields bytes; by itself, an iterator that is left closes the stream, and with it the connection.
    return await read({ [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array> });
  } catch (error) {
    setImmediate(() => body.resume()); // a stream notices a moment later that its reader has gone
    throw error;
  }
}
