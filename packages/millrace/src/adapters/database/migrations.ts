import { AppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import { sql, sqlText } from "#kit/sql";
import type { Database, Migration } from "#ports/database";

/**
 * Applies what is missing, each migration in a transaction of its own, and returns the ids applied.
 *
 * @param blobType how the engine spells a column of bytes
 */
export async function applyMigrations(database: Database, migrations: Migration[], blobType: "blob" | "bytea"): Promise<string[]> {
  await database.run(sql`create table if not exists migration (id text primary key, digest text not null, applied_ms bigint not null)`);
  const done = new Map(
    (await database.all<{ id: string; digest: string }>(sql`select id, digest from migration`)).map((row) => [row.id, row.digest]),
  );
  const known = new Set(migrations.map((migration) => migration.id));
  const unknown = [...done.keys()].filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw new AppError("conflict", `The state database was written by a newer Millrace (it has ${unknown.join(", ")}).`, {
      hint: "Upgrade millrace in this project: npm install millrace@latest",
    });
  }
  const applied: string[] = [];
  for (const migration of migrations) {
    const digest = sha256(migration.statements.join(";"));
    const before = done.get(migration.id);
    if (before === digest) continue;
    if (before !== undefined)
      throw new AppError("conflict", `Migration ${migration.id} was edited after it had been applied.`, { hint: "Add a new migration instead." });
    await database.write(async (transaction) => {
      for (const statement of migration.statements) await transaction.run(sqlText(statement.replaceAll(/\bblob\b/g, blobType)));
      await migration.work?.(transaction);
      await transaction.run(sql`insert into migration (id, digest, applied_ms) values (${migration.id}, ${digest}, ${Date.now()})`);
    });
    applied.push(migration.id);
  }
  return applied;
}
