import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openPostgres } from "../../packages/millrace/src/adapters/database/postgres.ts";
import { AppError } from "../../packages/millrace/src/kit/app-error.ts";
import { newId } from "../../packages/millrace/src/kit/id.ts";
import { sql } from "../../packages/millrace/src/kit/sql.ts";
import type { Database } from "../../packages/millrace/src/ports/database.ts";
import { databaseContract } from "../contracts/database.ts";
import { freePort } from "./test-cache.ts";
import { query, startPostgres, type PostgresServer } from "./postgres.ts";

const numbers = [{ id: "1", statements: ["create table n (i bigint primary key, by text)"] }];
const newSchema = () => `test_${newId().toLowerCase()}`;

describe("PostgreSQL as state database", () => {
  databaseContract(() => openPostgres({ url: inject("postgres"), schema: newSchema() }));
});

describe("several processes on one PostgreSQL", () => {
  const open = (schema: string) => openPostgres({ url: inject("postgres"), schema, connections: 3 });

  it("may start together: one migrates, the others find it done", async () => {
    const schema = newSchema();
    const databases = await Promise.all(Array.from({ length: 6 }, () => open(schema)));
    const migrations = Array.from({ length: 5 }, (_, i) => ({ id: `m-${i}`, statements: [`create table t${i} (i bigint)`] }));
    const applied = await Promise.all(databases.map((database) => database.migrate(migrations)));
    expect(applied.filter((ids) => ids.length > 0)).toEqual([migrations.map(({ id }) => id)]);
    await Promise.all(databases.map((database) => database.close()));
  });

  it("that look for a row and insert it where there is none end with one row and no error", async () => {
    const schema = newSchema();
    const databases = await Promise.all([open(schema), open(schema), open(schema)]);
    await databases[0]!.migrate(numbers);
    const ensure = (database: Database, i: number, by: string) =>
      database.write(async (transaction) => {
        const found = await transaction.get<{ by: string }>(sql`select by from n where i = ${i}`);
        if (found) return found.by;
        await transaction.run(sql`insert into n (i, by) values (${i}, ${by})`);
        return by;
      });
    for (let i = 0; i < 10; i++) {
      const seen = await Promise.all(databases.flatMap((database, d) => [0, 1].map((turn) => ensure(database, i, `${d}.${turn}`))));
      expect(new Set(seen).size).toBe(1);
    }
    await Promise.all(databases.map((database) => database.close()));
  });

  it("find the row of a plain insert that came between the look and the insert", async () => {
    const schema = newSchema();
    const [database, other] = await Promise.all([open(schema), open(schema)]);
    await database.migrate(numbers);
    let tries = 0;
    const seen = await database.write(async (transaction) => {
      tries++;
      const found = await transaction.get<{ by: string }>(sql`select by from n where i = 1`);
      if (found) return found.by;
      await other.run(sql`insert into n (i, by) values (1, 'other')`);
      await transaction.run(sql`insert into n (i, by) values (1, 'late')`);
      return "late";
    });
    expect({ seen, tries }).toEqual({ seen: "other", tries: 2 });
    await Promise.all([database.close(), other.close()]);
  });

  it("get a conflict over a key that is really taken", async () => {
    const database = await open(newSchema());
    await database.migrate(numbers);
    const insert = () => database.write((transaction) => transaction.run(sql`insert into n (i) values (1)`));
    await insert();
    await expect(insert()).rejects.toMatchObject({ code: "conflict" });
    await database.close();
  });
});

describe("a PostgreSQL that cannot be used", () => {
  it("is named with what to do, as `unavailable`, when nothing listens", async () => {
    const failure = openPostgres({ url: `postgres://someone:secret@127.0.0.1:${await freePort()}/x` });
    await expect(failure).rejects.toMatchObject({ code: "unavailable", hint: expect.stringContaining("state") });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
  });

  it("is told apart by its reason: no such database, no right to the schema, no login", async () => {
    const server = inject("postgres");
    const at = (change: (url: URL) => void) => {
      const url = new URL(server);
      change(url);
      return url.href;
    };
    await expect(openPostgres({ url: at((url) => (url.pathname = "/nowhere")) })).rejects.toMatchObject({ code: "invalid_config" });
    await expect(openPostgres({ url: at((url) => (url.username = "nobody_here")) })).rejects.toMatchObject({ code: "permission_denied" });
    const user = `limited_${newId().toLowerCase()}`;
    await query(server, `create role ${user} login`);
    const limited = await openPostgres({ url: at((url) => (url.username = user)), schema: newSchema() });
    await expect(limited.migrate(numbers)).rejects.toMatchObject({ code: "permission_denied" });
    await limited.close();
    await query(server, `drop role ${user}`);
    await expect(openPostgres({ url: server, schema: "No-Schema" })).rejects.toMatchObject({ code: "invalid_config" });
  });
});

describe("a PostgreSQL that is killed", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it("keeps every acknowledged row, and the same connection works again when it is back", async () => {
    const database = await openPostgres({ url: server.url, connections: 4 });
    await database.migrate(numbers);
    const acknowledged: number[] = [];
    let next = 0;
    for (let round = 0; round < 3; round++) {
      const failures: unknown[] = [];
      const enough = Promise.withResolvers<void>();
      const writers = [0, 1, 2, 3].map(async (writer) => {
        for (;;) {
          const [i, j] = [next++, next++];
          try {
            await database.write(async (transaction) => {
              await transaction.run(sql`insert into n (i, by) values (${i}, ${`${writer}`})`);
              await transaction.run(sql`insert into n (i, by) values (${j}, ${`${writer}`})`);
            });
          } catch (error) {
            failures.push(error);
            return;
          }
          acknowledged.push(i, j);
          if (acknowledged.length > 200 * (round + 1)) enough.resolve();
        }
      });
      await Promise.race([enough.promise, Promise.all(writers)]);
      await server.crash();
      await Promise.all(writers);
      expect(failures).toHaveLength(4);
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(AppError);
        expect(failure).toMatchObject({ code: "unavailable", hint: expect.stringContaining("server runs") });
      }
      await expect(database.all(sql`select 1 as one`)).rejects.toMatchObject({ code: "unavailable" });
      await server.start();
    }
    const there = new Set((await database.all<{ i: number }>(sql`select i from n`)).map(({ i }) => i));
    expect(acknowledged.filter((i) => !there.has(i))).toEqual([]);
    for (let i = 0; i < next; i += 2) expect(there.has(i), `both rows of a transaction, or none: ${i}`).toBe(there.has(i + 1));
    await database.run(sql`insert into n (i) values (${next})`);
    await database.close();
  });
});
