import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseContract } from "../../../../../tests/contracts/database.ts";
import { sql } from "#kit/sql";
import { openSqlite } from "./sqlite.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-sqlite-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("SQLite as state database", () => {
  let count = 0;
  databaseContract(async () => openSqlite({ path: join(folder, `${count++}.db`) }));
});

describe("a SQLite file", () => {
  it("refuses a file that is not a database, naming it", async () => {
    const path = join(folder, "not.db");
    await writeFile(path, "this is no database, only text that is longer than a header".repeat(100));
    expect(() => openSqlite({ path })).toThrow(expect.objectContaining({ code: "corrupt_data", message: expect.stringContaining("not.db") }));
  });

  it("keeps every acknowledged row of a writer that was killed", async () => {
    const path = join(folder, "killed.db");
    const program = `
      import { openSqlite } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
      const db = openSqlite({ path: ${JSON.stringify(path)} });
      await db.migrate([{ id: "1", statements: ["create table n (i bigint primary key)"] }]);
      for (let i = 0; ; i += 4) {
        await Promise.all([0, 1, 2, 3].map((j) => db.run({ text: "insert into n values (?)", params: [i + j] })));
        process.stdout.write(i + 3 + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      cwd: new URL(".", import.meta.url),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let acknowledged = -1;
    child.stdout.on("data", (chunk: Buffer) => {
      acknowledged = Number(chunk.toString().trim().split("\n").at(-1));
      if (acknowledged > 100) child.kill("SIGKILL");
    });
    await new Promise((resolve) => child.on("close", resolve));
    const database = openSqlite({ path, readOnly: true });
    const row = await database.get<{ rows: number; last: number }>(sql`select count(*) as rows, max(i) as last from n`);
    expect(row!.last).toBeGreaterThanOrEqual(acknowledged);
    expect(row!.rows).toBe(row!.last + 1);
    await database.close();
  });
});
