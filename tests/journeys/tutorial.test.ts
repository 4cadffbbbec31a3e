import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksOf, openSession, quotedCode, readPage, readQuoted, type Session } from "./run-document.ts";

const docs = join(import.meta.dirname, "..", "..", "docs");
const pages = ["how-to", "explanation"].flatMap((folder) => readdirSync(join(docs, folder)).map((file) => `docs/${folder}/${file}`));

/** Pages whose commands go on where the tutorial ends, in this order. */
const continued = [
  "docs/how-to/serve-and-ask.md",
  "docs/how-to/track-runs.md",
  "docs/how-to/traces.md",
  "docs/how-to/artifacts.md",
  "docs/how-to/read-the-lake.md",
  "docs/how-to/clean-up.md",
  "docs/how-to/back-up.md",
  "docs/how-to/own-project.md",
  "docs/how-to/sql-models.md",
  "docs/how-to/gate.md",
  "docs/how-to/registry.md",
  "docs/how-to/secrets.md",
];

describe("the code in the documents is the code of the example", () => {
  it.each(["docs/tutorial.md", ...pages])("%s", async (page) => {
    for (const block of blocksOf(await readPage(page))) {
      const quoted = quotedCode(block);
      if (!quoted) continue;
      const text = await readQuoted(quoted.file);
      let at = 0;
      for (const piece of quoted.pieces) {
        const found = text.indexOf(piece, at);
        expect(found, `${page}, line ${block.line}: ${quoted.file} does not have, in this order:\n${piece}`).toBeGreaterThanOrEqual(0);
        at = found + piece.length;
      }
    }
  });

  it("is quoted from every file of the example", async () => {
    const quoted = blocksOf(await readPage("docs/tutorial.md")).flatMap((block) => quotedCode(block)?.file ?? []);
    expect(quoted).toEqual(expect.arrayContaining(["millrace.config.ts", "sources.ts", "models/history.sql", "features.ts", "train.ts", "serve.ts"]));
  });
});

describe("the commands in the documents do what is shown", () => {
  let session: Session;
  beforeAll(async () => {
    session = await openSession();
  });
  afterAll(() => session.close());

  it.each(["docs/tutorial.md", ...continued])(
    "%s",
    async (page) => {
      const blocks = blocksOf(await readPage(page));
      let commands = 0;
      for (const [i, block] of blocks.entries()) {
        if (block.language !== "sh") continue;
        commands++;
        const { code, output } = await session.run(block.text);
        expect(code, `${page}, line ${block.line}: ${block.text}\n${output}`).toBe(0);
        const shown = blocks[i + 1];
        if (shown?.language !== "text") continue;
        expect(session.missing(shown.text, output), `${page}, line ${shown.line}, printed was:\n${output}`).toEqual([]);
      }
      expect(commands).toBeGreaterThan(0);
    },
    180_000,
  );
});
