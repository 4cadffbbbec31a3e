import { afterEach, beforeEach, expect, it } from "vitest";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";

/** What every state database must do; `open` gives an empty one. */
export function databaseContract(open: () => Promise<Database>): void {
  let database: Database;
  const migration = { id: "contract-001", statements: ["create table note (id text primary key, size bigint, share double precision, body blob)"] };
  beforeEach(async () => {
    database = await open();
    await database.migrate([migration]);
  });
  afterEach(() => database.close());
  const insert = (id: string) => sql`insert into note (id, size) values (${id}, 1)`;
  const ids = async () => (await database.all<{ id: string }>(sql`select id from note order by id`)).map((row) => row.id);

  it("gives back the values it was given", async () => {
    await database.run(sql`insert into note (id, size, share, body) values (${"a'?"}, ${2 ** 52}, ${0.1}, ${new Uint8Array([0, 255])})`);
    const row = await database.get<{ id: string; size: number; share: number; body: Uint8Array }>(sql`select * from note where id = ${"a'?"}`);
    expect(row).toMatchObject({ id: "a'?", size: 2 ** 52, share: 0.1 });
    expect([...row!.body]).toEqual([0, 255]);
    expect(await database.get(sql`select * from note where id = ${"b"}`)).toBeUndefined();
  });

  it("keeps all of a transaction or nothing", async () => {
    const failing = database.write(async (transaction) => {
      await transaction.run(insert("a"));
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await ids()).toEqual([]);
  });

  it("lets one of several writes asked for together fail alone", async () => {
    const outcomes = await Promise.allSettled([database.run(insert("a")), database.run(insert("a")), database.run(insert("b"))]);
    // Which of the two equal rows comes first is the engine's to say.
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(failed).toMatchObject([{ reason: { code: "conflict" } }]);
    expect(outcomes[2].status).toBe("fulfilled");
    expect(await ids()).toEqual(["a", "b"]);
  });

  it("tells what wants to know as soon as a transaction is committed, and never of one that is not", async () => {
    const told: string[] = [];
    const failing = database.write(async (transaction) => {
      transaction.afterCommit(() => told.push("failed"));
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await database.write(async (transaction) => {
      transaction.afterCommit(() => told.push("kept"));
      await transaction.run(insert("a"));
      told.push("at work");
    });
    expect(told).toEqual(["at work", "kept"]);
  });

  it("loses no update of a counter that many writers raise", async () => {
    await database.run(insert("n"));
    const raise = () =>
      database.write(async (transaction) => {
        const row = await transaction.get<{ size: number }>(sql`select size from note where id = ${"n"}`);
        await transaction.run(sql`update note set size = ${row!.size + 1} where id = ${"n"}`);
      });
    for (let round = 0; round < 5; round++) await Promise.all([raise(), raise(), raise()]);
    expect(await database.get(sql`select size from note where id = ${"n"}`)).toEqual({ size: 16 });
  });

  it("tells how many rows a statement changed", async () => {
    await database.run(insert("a"));
    expect(await database.run(sql`update note set size = 3`)).toBe(1);
    expect(await database.run(sql`delete from note where id = ${"z"}`)).toBe(0);
  });

  it("applies a migration once, refuses an edited one and a database that is newer", async () => {
    expect(await database.migrate([migration])).toEqual([]);
    expect(await database.migrate([migration, { id: "contract-002", statements: ["create table other (id text)"] }])).toEqual(["contract-002"]);
    await expect(database.migrate([migration])).rejects.toMatchObject({ code: "conflict" });
    await expect(database.migrate([{ ...migration, statements: ["create table changed (id text)"] }])).rejects.toThrow();
  });
}
