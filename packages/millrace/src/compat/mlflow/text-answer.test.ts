import { expect, it } from "vitest";
import { textAnswer } from "./text-answer.ts";

const words = (count: number) => Array.from({ length: count }, (_, i) => ["plain ", "größer ", "数 ", "🙂 "][i % 4]!.repeat((i * 37) % 1_000));

async function* given(texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

it("a short answer goes whole", async () => {
  const { body } = await textAnswer(given(words(60)));
  expect(Buffer.from(body as Uint8Array).toString()).toBe(words(60).join(""));
  expect(Buffer.from((await textAnswer(given([]))).body as Uint8Array).toString()).toBe("");
});

it("a long answer comes in pieces and whole, whatever its characters and the length of its texts", async () => {
  const { body } = await textAnswer(given(words(3_000)));
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(10);
  expect(Buffer.concat(pieces).toString()).toBe(words(3_000).join(""));
});

it("a long answer is written as it is taken, and given up with its caller", async () => {
  let written = 0;
  let ended = false;
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        written++;
        yield "x".repeat(100_000);
      }
    } finally {
      ended = true;
    }
  }
  const { body } = await textAnswer(endless());
  const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  expect(written).toBe(8);
  for (let i = 0; i < 10; i++) await pieces.next();
  expect(written).toBe(10);
  await pieces.return!();
  expect(ended).toBe(true);
});

it("what fails at the beginning is an error of the answer", async () => {
  async function* failing(): AsyncGenerator<string> {
    yield "[";
    throw new Error("nothing there");
  }
  await expect(textAnswer(failing())).rejects.toThrow("nothing there");
});
