import type { RawAnswer } from "#kit/route";
import { jsonText } from "./protocol.ts";

const pieceLength = 65_536;
/** Answers of fewer pieces go out whole, with their length. */
const piecesHeld = 8;

/**
 * A long answer's JSON text, sent while it is written: it is never in memory as a whole, and what it is made of can go early. A
 * failure in the first pieces is answered as any other; one behind them breaks the connection off.
 */
export async function textAnswer(texts: AsyncIterable<string>): Promise<RawAnswer> {
  const pieces = piecesOf(texts);
  const held: Buffer[] = [];
  while (held.length < piecesHeld) {
    const { done, value } = await pieces.next();
    if (done === true) return jsonText(Buffer.concat(held));
    held.push(value);
  }
  return { ...jsonText(""), body: chained(held, pieces) };
}

async function* chained(held: Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* held.splice(0);
    yield* rest;
  } finally {
    await rest.return(undefined); // of a caller who is gone
  }
}

async function* piecesOf(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let piece = "";
  for await (const text of texts) {
    piece += text;
    if (piece.length < pieceLength) continue;
    yield Buffer.from(piece);
    piece = "";
  }
  if (piece !== "") yield Buffer.from(piece);
}
