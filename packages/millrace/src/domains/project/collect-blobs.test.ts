import { randomBytes } from "node:crypto";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { fixedClock } from "#kit/clock";
import { sql, sqlIn, sqlText } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { guardedBlobs, shortestGraceMs } from "./blob-guard.ts";
import { type BlobReferences, collectBlobs, type CollectOptions } from "./collect-blobs.ts";
import { projectMigrations } from "./migrations.ts";

const hourMs = 3_600_000;
const folderOfShared = "shared/";
const refersTo: BlobReferences = {
  async among(reader, keys) {
    return (await reader.all<{ key: string }>(sql`select distinct key from test_reference where key in ${sqlIn(keys)}`)).map(({ key }) => key);
  },
};
const all: BlobReferences = {
  prefixes: ["all/"],
  all: async (reader) => new Set((await reader.all<{ key: string }>(sql`select key from test_reference`)).map(({ key }) => key)),
};
const options: CollectOptions = {
  places: [{ prefixes: [folderOfShared], pattern: /^shared\/\d+$/ }],
  references: [refersTo],
  olderThanMs: shortestGraceMs,
  dryRun: false,
};

let folder: string;
let state: Database;
let clock: ReturnType<typeof fixedClock>;
let blobs: BlobStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-collect-"));
  state = await openTestState([
    ...projectMigrations,
    {
      id: "test-001",
      statements: ["create table test_reference (id text primary key, key text not null)", "create index test_key on test_reference (key)"],
    },
  ]);
  clock = fixedClock(Date.now());
  blobs = agedBlobs(await openLocalBlobs({ folder: join(folder, "blobs") }));
});
afterEach(async () => {
  await state.close();
  await rm(folder, { recursive: true });
});

describe("collecting blobs", () => {
  test("removes what nothing refers to and is old enough, counts the rest, and touches nothing else", async () => {
    for (const key of ["shared/1", "shared/2", "shared/note.txt", "elsewhere/1"]) await blobs.put(key, Buffer.from("12345"));
    await refer("r", "shared/1");
    clock.advance(hourMs);
    await blobs.put("shared/3", Buffer.from("young"));
    const counts = { looked: 3, lookedBytes: 15, kept: 1, young: 1, removed: 1, removedBytes: 5, next: undefined };
    expect(await collectBlobs(services(), { ...options, dryRun: true })).toEqual(counts);
    expect(await keys("")).toEqual(["elsewhere/1", "shared/1", "shared/2", "shared/3", "shared/note.txt"]);
    expect(await collectBlobs(services(), options)).toEqual(counts);
    expect(await keys("")).toEqual(["elsewhere/1", "shared/1", "shared/3", "shared/note.txt"]);
    expect(await collectBlobs(services(), options)).toMatchObject({ removed: 0, kept: 1, young: 1 });
  });

  test("references that are only found by reading them all count too", async () => {
    for (const key of ["all/1", "all/2"]) await blobs.put(key, Buffer.from("x"));
    await refer("r", "all/2");
    clock.advance(2 * hourMs);
    const places = [{ prefixes: ["all/"], pattern: /^all\// }];
    expect(await collectBlobs(services(), { ...options, places, references: [refersTo, all] })).toMatchObject({ kept: 1, removed: 1 });
    expect(await keys("all/")).toEqual(["all/2"]);
  });

  test("a collection that ran out of time says where to go on, and the next call ends it", async () => {
    const places = [{ prefixes: ["a/", "b/", "c/"], pattern: /./ }];
    for (const key of ["a/1", "b/1", "c/1"]) await blobs.put(key, Buffer.from("x"));
    clock.advance(2 * hourMs);
    const first = await collectBlobs(services(), { ...options, places, untilMs: clock.now() });
    expect(first).toMatchObject({ removed: 1, next: "b/" });
    expect(await collectBlobs(services(), { ...options, places, from: first.next! })).toMatchObject({ removed: 2, next: undefined });
    await expect(collectBlobs(services(), { ...options, places, from: "d/" })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("a grace under an hour, and a second collector, are refused", async () => {
    await expect(collectBlobs(services(), { ...options, olderThanMs: hourMs - 1 })).rejects.toMatchObject({ code: "invalid_argument" });
    await blobs.put("shared/1", Buffer.from("x"));
    clock.advance(2 * hourMs);
    let second: Promise<unknown> | undefined;
    const slow: BlobStore = {
      ...blobs,
      async delete(key) {
        second = collectBlobs(services(), options);
        await second.catch(() => undefined);
        await blobs.delete(key);
      },
    };
    await collectBlobs({ ...services(), blobs: slow }, options);
    await expect(second).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("already") as unknown });
  });

  test("an old blob that a writer found stays until the writer has referred to it", async () => {
    await blobs.put("shared/1", Buffer.from("x"));
    clock.advance(2 * hourMs);
    expect(await guarded().put("shared/1", Buffer.from("x"), { ifAbsent: true })).toBeUndefined();
    clock.advance(2 * hourMs);
    expect(await collectBlobs(services(), options)).toMatchObject({ kept: 1, removed: 0 });
    clock.advance(24 * hourMs);
    expect(await collectBlobs(services(), options)).toMatchObject({ kept: 0, removed: 1 });
  });

  test("blobs that are held stay, whoever lets go of them", async () => {
    for (const key of ["shared/1", "shared/2"]) await blobs.put(key, Buffer.from("x"));
    await refer("r", "shared/1");
    clock.advance(2 * hourMs);
    await guarded().hold!(["shared/1"]);
    await state.run(sql`delete from test_reference`);
    expect(await collectBlobs(services(), options)).toMatchObject({ kept: 1, removed: 1 });
    expect(await keys("shared/")).toEqual(["shared/1"]);
  });

  test("a file that is moved in counts as new, however old it is", async () => {
    const path = join(folder, "old");
    await writeFile(path, "x");
    await utimes(path, 1, 1);
    await guarded().putFile("shared/1", path, { ifAbsent: true });
    expect(await collectBlobs(services(), options)).toMatchObject({ young: 1, removed: 0 });
  });

  test("a writer waits while its blob is being removed, and stores it again", async () => {
    await blobs.put("shared/1", Buffer.from("x"));
    clock.advance(2 * hourMs);
    let writing: Promise<unknown> | undefined;
    const slow: BlobStore = {
      ...blobs,
      async delete(key) {
        writing ??= guarded().put("shared/1", Buffer.from("x"), { ifAbsent: true });
        await new Promise((resolve) => void setImmediate(resolve));
        await blobs.delete(key);
      },
    };
    await collectBlobs({ ...services(), blobs: slow }, options);
    expect(await writing).toMatchObject({ key: "shared/1" });
    expect(await keys("shared/")).toEqual(["shared/1"]);
  });

  test("marks of a collector that died are void once its lease has ended, and the next one finishes its work", async () => {
    for (const key of ["shared/1", "shared/2"]) await blobs.put(key, Buffer.from("x"));
    clock.advance(2 * hourMs);
    const broken: BlobStore = { ...blobs, delete: () => Promise.reject(new Error("the store broke")) };
    await expect(collectBlobs({ ...services(), blobs: broken }, options)).rejects.toThrow("the store broke");
    await expect(collectBlobs(services(), options)).rejects.toMatchObject({ code: "conflict" }); // the removal may yet be carried out
    clock.advance(10 * 60_000);
    await guarded().put("shared/1", Buffer.from("x"), { ifAbsent: true });
    await refer("r", "shared/1");
    await collectBlobs(services(), options);
    expect(await keys("shared/")).toEqual(["shared/1"]);
    expect(await state.all(sql`select * from project_blob_removal`)).toEqual([]);
  });

  test("where only one process has the state, marks of another are void at once", async () => {
    if (state.capabilities.sharedByProcesses) return;
    await blobs.put("shared/1", Buffer.from("x"));
    clock.advance(2 * hourMs);
    await state.run(sql`insert into project_blob_collector (id, collector, until_ms) values (1, 'dead-1', ${clock.now() + hourMs})`);
    await state.run(sql`insert into project_blob_removal (key, collector) values ('shared/1', 'dead-1')`);
    await guarded().put("shared/1", Buffer.from("x"), { ifAbsent: true });
    expect(await collectBlobs(services(), options)).toMatchObject({ kept: 1, removed: 0 });
  });
});

describe("writers and a collector at the same time", () => {
  test("no reference ever leads to nothing, whatever the interleaving", async () => {
    let removals = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1 << 30 }), async (seed) => {
        const { lost, removed } = await play(seed, true);
        expect(lost).toEqual([]);
        removals += removed;
      }),
      { numRuns: 30 },
    );
    expect(removals).toBeGreaterThan(5); // it was at work
  }, 120_000);

  test("the same play without the guard loses blobs, so it would be seen", async () => {
    const all: string[] = [];
    for (let seed = 1; seed <= 30 && all.length === 0; seed++) all.push(...(await play(seed, false)).lost);
    expect(all.length).toBeGreaterThan(0);
  }, 120_000);
});

/**
 * Writers store, refer to and let go of a few contents while collectors come, work and die. Between all steps others get their turn,
 * by the dice. Gives what was referred to and not there.
 */
async function play(seed: number, safe: boolean): Promise<{ lost: string[]; removed: number }> {
  const dice = newDice(seed);
  for (const table of ["test_reference", "project_blob_hold", "project_blob_removal", "project_blob_collector"])
    await state.run(sqlText(`delete from ${table}`));
  const pending = new Map<string, number>();
  const expiring = new Map<string, Promise<unknown>>();
  const turn = async () => {
    clock.advance(dice(2_000));
    for (let n = dice(4); n > 0; n--) await new Promise((resolve) => void setImmediate(resolve));
  };
  const slow: BlobStore = {
    ...blobs,
    head: (key) => turn().then(() => blobs.head(key)),
    put: (key, data, given) => turn().then(() => blobs.put(key, data, given)),
    delete: (key) => turn().then(() => blobs.delete(key)),
  };
  const store = safe ? guardedBlobs({ state, blobs: slow, clock }, (key) => key.startsWith(folderOfShared)) : slow;
  const lost: string[] = [];
  const contents = 3;
  for (let key = 0; key < contents; key++) await blobs.put(`shared/${key}`, Buffer.from(String(key)));
  clock.advance(2 * hourMs); // what stands now is old
  let writing = 4;
  let removed = 0;
  const writer = async (name: number) => {
    for (let step = 0; step < 10; step++) {
      const id = `${name}-${step}`;
      const key = `shared/${dice(contents)}`;
      for (let next = expiring.get(key), last; next !== last; next = expiring.get(key)) await (last = next);
      pending.set(key, (pending.get(key) ?? 0) + 1);
      await store.put(key, Buffer.from(key.slice(-1)), { ifAbsent: true });
      await turn();
      await refer(id, key);
      pending.set(key, pending.get(key)! - 1);
      // As a day later: nobody needs the hold any more.
      if (pending.get(key) === 0)
        expiring.set(key, Promise.all([expiring.get(key), state.run(sql`delete from project_blob_hold where key = ${key}`)]));
      await turn();
      if ((await blobs.head(key)) === undefined) lost.push(id);
      if (dice(3) > 0) await state.run(sql`delete from test_reference where id = ${id}`);
      await turn();
    }
    writing--;
  };
  const collector = async () => {
    while (writing > 0) {
      const dies = dice(4) === 0;
      const dying: BlobStore = { ...slow, delete: (key) => (dies && dice(2) === 0 ? Promise.reject(new Error("killed")) : slow.delete(key)) };
      const done = await collectBlobs({ state, blobs: dying, clock }, options).catch(() => clock.advance(10 * 60_000));
      removed += done?.removed ?? 0;
      // Old again, where no writer counts on its youth: what was stored a moment ago may be collected by the next one.
      for (let key = 0; key < contents; key++) {
        const name = `shared/${key}`;
        if (dice(2) === 0 && (pending.get(name) ?? 0) === 0) expiring.set(name, Promise.all([expiring.get(name), age(name)]));
      }
      await turn();
    }
  };
  await Promise.all([...Array.from({ length: writing }, (_, name) => writer(name)), collector()]);
  for (const { key } of await state.all<{ key: string }>(sql`select key from test_reference`))
    if ((await blobs.head(key)) === undefined) lost.push(key);
  return { lost, removed };
}

function services() {
  return { state, blobs, clock };
}

function guarded(): BlobStore {
  return guardedBlobs(services(), (key) => key.startsWith(folderOfShared));
}

async function refer(id: string, key: string): Promise<void> {
  await state.run(sql`insert into test_reference (id, key) values (${id}, ${key})`);
}

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of blobs.list(prefix)) found.push(key);
  return found;
}

/** Makes a blob old: its age is then no protection. */
async function age(key: string): Promise<void> {
  const oldSeconds = (clock.now() - 2 * hourMs) / 1_000;
  const path = await blobs.localPath(key).catch(() => undefined); // removed meanwhile
  if (path !== undefined) await utimes(path, oldSeconds, oldSeconds).catch(() => undefined);
}

/** Local blobs whose age is told by the test's clock. A file that is moved in brings its time with it, so they have it from the start. */
function agedBlobs(inner: BlobStore): BlobStore {
  return {
    ...inner,
    async put(key, data, given) {
      const path = join(folder, randomBytes(8).toString("hex"));
      await writeFile(path, data);
      await utimes(path, clock.now() / 1_000, clock.now() / 1_000);
      return inner.putFile(key, path, given);
    },
  };
}

/** 0 … below - 1, the same for the same seed (xorshift). */
function newDice(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}
