import type { RawAnswer } from "#kit/route";
import type { Entry } from "./artifact-tree.ts";
import { json } from "./protocol.ts";

/**
 * A list of files as JSON, sent page by page: clients ask for all of a folder at once, and it may hold 100,000. As Protocol Buffers
 * have it, an empty list is left out.
 */
export async function listAnswer(fields: object, pages: AsyncGenerator<Entry[]>, describe: (entry: Entry) => object): Promise<RawAnswer> {
  const first = await pages.next(); // what fails at once is told as an error
  if (first.done === true) return json(fields);
  const head = JSON.stringify(fields).slice(0, -1);
  return { contentType: "application/json", body: written(`${head}${head === "{" ? "" : ","}"files":[`, first.value, pages, describe) };
}

async function* written(head: string, first: Entry[], rest: AsyncIterable<Entry[]>, describe: (entry: Entry) => object): AsyncGenerator<Uint8Array> {
  const texts = (page: Entry[]) => page.map((entry) => JSON.stringify(describe(entry))).join(",");
  yield Buffer.from(`${head}${texts(first)}`);
  for await (const page of rest) {
    await new Promise((resolve) => void setImmediate(resolve)); // others have their turn between pages
    yield Buffer.from(`,${texts(page)}`);
  }
  yield Buffer.from("]}");
}
