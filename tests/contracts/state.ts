import { openPostgres } from "#adapters/database/postgres";
import { openSqlite } from "#adapters/database/sqlite";
import { newId } from "#kit/id";
import type { Database, Migration } from "#ports/database";

/**
 * An empty state database for the test of a store: SQLite in memory, or, where `MILLRACE_TEST_POSTGRES` holds a URL (as the
 * services suite sets it), a new schema of that server. So each store's tests run on both.
 */
export async function openTestState(migrations: Migration[], url = process.env["MILLRACE_TEST_POSTGRES"]): Promise<Database> {
  const database = url ? await openPostgres({ url, schema: `test_${newId().toLowerCase()}`, connections: 3 }) : openSqlite({ path: ":memory:" });
  await database.migrate(migrations);
  return database;
}
