import { sha256 } from "#kit/hash";
import { sql, sqlJoin } from "#kit/sql";
import type { Transaction } from "#ports/database";

/** Texts up to this length stand in the index of tags as they are: PostgreSQL takes no keys above 2,704 bytes. */
const longest = 200;
const rowsPerStatement = 50;

/**
 * A tag's name or value as the index of tags has it: what is long, or has characters that databases do not take, by its digest.
 * Two texts are the same if these are.
 */
export function indexed(text: string): string {
  return text.length <= longest && text.isWellFormed() && !text.includes("\0") && !text.startsWith("sha256:") ? text : `sha256:${sha256(text)}`;
}

/** Makes the index of tags tell these of a version, or of the model itself. */
export async function saveTags(transaction: Transaction, model: string, of: number | "model", tags: Record<string, string>): Promise<void> {
  const version = of === "model" ? 0 : of;
  const standing = new Map(
    (
      await transaction.all<{ tag: string; value: string }>(sql`select tag, value from registry_tag where model = ${model} and version = ${version}`)
    ).map(({ tag, value }) => [tag, value]),
  );
  const wanted = new Map(Object.entries(tags).map(([tag, value]) => [indexed(tag), indexed(value)]));
  for (const [tag, value] of standing)
    if (wanted.get(tag) !== value)
      await transaction.run(sql`delete from registry_tag where model = ${model} and version = ${version} and tag = ${tag}`);
  await insertRows(
    transaction,
    [...wanted].filter(([tag, value]) => standing.get(tag) !== value).map(([tag, value]) => ({ model, version, tag, value })),
  );
}

/** Writes the index of the tags that there are. */
export async function indexTags(transaction: Transaction): Promise<void> {
  const models = await transaction.all<{ id: string; tags: string }>(sql`select id, tags from registry_model`);
  for (const { id, tags } of models) {
    const versions = await transaction.all<{ version: number; tags: string }>(
      sql`select version, tags from registry_version where model = ${id} and deleted_ms is null and tags <> '{}'`,
    );
    await insertRows(
      transaction,
      [{ version: 0, tags }, ...versions].flatMap((row) =>
        // Written by this domain.
        Object.entries(JSON.parse(row.tags) as Record<string, string>).map(([tag, value]) => ({
          ...{ model: id, version: row.version, tag: indexed(tag), value: indexed(value) },
        })),
      ),
    );
  }
}

interface TagRow {
  model: string;
  version: number;
  tag: string;
  value: string;
}

async function insertRows(transaction: Transaction, rows: TagRow[]): Promise<void> {
  for (let i = 0; i < rows.length; i += rowsPerStatement) {
    const values = rows.slice(i, i + rowsPerStatement).map(({ model, version, tag, value }) => sql`(${model}, ${version}, ${tag}, ${value})`);
    await transaction.run(sql`insert into registry_tag (model, version, tag, value) values ${sqlJoin(values, ", ")}`);
  }
}
