import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { openPostgres } from "../../packages/millrace/src/adapters/database/postgres.ts";
import { openS3Blobs } from "../../packages/millrace/src/adapters/blob-store/s3.ts";
import { type BlobReferences, collectBlobs, guardedBlobs, projectMigrations } from "../../packages/millrace/src/domains/project/index.ts";
import { systemClock } from "../../packages/millrace/src/kit/clock.ts";
import { newId } from "../../packages/millrace/src/kit/id.ts";
import { sql, sqlIn } from "../../packages/millrace/src/kit/sql.ts";
import type { BlobInfo, BlobStore } from "../../packages/millrace/src/ports/blob-store.ts";
import type { Database } from "../../packages/millrace/src/ports/database.ts";
import { startVersitygw, type S3Server } from "./versitygw.ts";

const hourMs = 3_600_000;
const contents = 4;
const references: BlobReferences = {
  among: async (reader, keys) =>
    (await reader.all<{ key: string }>(sql`select distinct key from test_reference where key in ${sqlIn(keys)}`)).map(({ key }) => key),
};

let server: S3Server;
let folder: string;
const states: Database[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-collect-s3-"));
  server = await startVersitygw();
  const schema = `test_${newId().toLowerCase()}`;
  for (let i = 0; i < 4; i++) states.push(await openPostgres({ url: inject("postgres"), schema, connections: 2 }));
  await states[0]!.migrate([
    ...projectMigrations,
    {
      id: "test-001",
      statements: ["create table test_reference (id text primary key, key text not null)", "create index test_key on test_reference (key)"],
    },
  ]);
}, 600_000);
afterAll(async () => {
  for (const state of states) await state.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

test("writers and collectors of several processes over PostgreSQL and S3 lose no blob that is referred to", async () => {
  const bucket = await server.bucket();
  const inner = openS3Blobs({ ...server, bucket, prefix: "", cacheFolder: join(folder, "cache") });
  const blobs = aging(inner);
  const lost: string[] = [];
  let removed = 0;
  let writing = 3;
  const pending = new Map<string, number>();
  const expiring = new Map<string, Promise<unknown>>();
  const writer = async (state: Database, name: number) => {
    const store = guardedBlobs({ state, blobs, clock: systemClock }, () => true);
    for (let step = 0; step < 25; step++) {
      const key = `shared/${(name + step * 7) % contents}`;
      const id = `${name}-${step}`;
      await expiring.get(key);
      pending.set(key, (pending.get(key) ?? 0) + 1);
      await store.put(key, Buffer.from(key), { ifAbsent: true });
      await state.run(sql`insert into test_reference (id, key) values (${id}, ${key})`);
      pending.set(key, pending.get(key)! - 1);
      // As a day later: nobody needs the hold any more.
      if (pending.get(key) === 0) expiring.set(key, state.run(sql`delete from project_blob_hold where key = ${key}`));
      if ((await inner.head(key)) === undefined) lost.push(id);
      if (step % 3 > 0) await state.run(sql`delete from test_reference where key = ${key}`);
      if (pending.get(key) === 0) blobs.age(key); // nobody counts on its youth
    }
    writing--;
  };
  const collector = async (state: Database) => {
    while (writing > 0) {
      const options = { places: [{ prefixes: ["shared/"], pattern: /./ }], references: [references], olderThanMs: hourMs, dryRun: false };
      removed += (await collectBlobs({ state, blobs, clock: systemClock }, options)).removed;
    }
  };
  await Promise.all([...states.slice(1).map(writer), collector(states[0]!)]);
  for (const { key } of await states[0]!.all<{ key: string }>(sql`select distinct key from test_reference`))
    if ((await inner.head(key)) === undefined) lost.push(key);
  expect(lost).toEqual([]);
  expect(removed).toBeGreaterThan(0);
  await inner.close();
}, 120_000);

/** The store's own blobs, of which some are told to be two hours older than they are: until somebody stores them anew. */
function aging(inner: BlobStore): BlobStore & { age(key: string): void } {
  const old = new Set<string>();
  const told = (info: BlobInfo): BlobInfo => (old.has(info.key) ? { ...info, modifiedMs: info.modifiedMs - 2 * hourMs } : info);
  return {
    ...inner,
    age: (key) => void old.add(key),
    async head(key) {
      const info = await inner.head(key);
      return info && told(info);
    },
    async *list(prefix) {
      for await (const info of inner.list(prefix)) yield told(info);
    },
    put(key, data, options) {
      old.delete(key);
      return inner.put(key, data, options);
    },
  };
}
