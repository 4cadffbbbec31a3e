import type { PageKey } from "./key-pages.ts";

/** Rows that are looked at in one go where only a look at each tells whether it belongs to the page: more once few were kept. */
const rowsLookedAt = { first: 500, then: 2_000 };

/**
 * Reads on in a list until a page is full, or the list at its end.
 *
 * @param read the next rows after a key, each with its own key
 * @param keep of some things those that belong to the page; all of them unless told
 */
export async function fillPage<Row, Thing>(options: {
  limit: number;
  from: PageKey | undefined;
  read: (from: PageKey | undefined, limit: number) => Promise<Row[]>;
  keyOf: (row: Row) => PageKey;
  thingsOf: (rows: Row[]) => Promise<Thing[]>;
  keep?: ((things: Thing[]) => Promise<Thing[]>) | undefined;
}): Promise<{ things: Thing[]; next: PageKey | undefined }> {
  const { limit, read, keyOf, thingsOf, keep } = options;
  if (keep === undefined) {
    const rows = await read(options.from, limit + 1);
    const page = rows.slice(0, limit);
    return { things: await thingsOf(page), next: rows.length > limit ? keyOf(page.at(-1)!) : undefined };
  }
  const found: { thing: Thing; key: PageKey }[] = [];
  let { from } = options;
  for (let most = rowsLookedAt.first; found.length <= limit; most = rowsLookedAt.then) {
    const rows = await read(from, most);
    const things = await thingsOf(rows);
    const kept = new Set(await keep(things));
    things.forEach((thing, i) => {
      if (kept.has(thing)) found.push({ thing, key: keyOf(rows[i]!) });
    });
    if (rows.length < most) break;
    from = keyOf(rows.at(-1)!);
  }
  return { things: found.slice(0, limit).map(({ thing }) => thing), next: found.length > limit ? found[limit - 1]!.key : undefined };
}
