import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
import { appendFile, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millrace, millraceJson } from "./millrace-process.ts";
import { copyProject, leftovers, type ProjectCopy } from "./project-copy.ts";
import { readFacts, type ProjectFacts } from "./project-facts.ts";
import { makeSmallProject, type SmallProject } from "./small-project.ts";

/** Files that are damaged, changed or gone, and a disk that is full. */
const names = { model: "late-delivery", endpoint: "late-delivery" };

let fresh: SmallProject;
/** The same project after its whole life. */
let lived: SmallProject;
let facts: ProjectFacts;

beforeAll(async () => {
  fresh = await makeSmallProject();
  lived = await copyProject(fresh.folder);
  const { exit, stderr } = await millrace(lived.folder, ["demo", "--quiet"]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  facts = await readFacts(lived.folder, names);
}, 300_000);
afterAll(async () => {
  await fresh?.remove();
  await lived?.remove();
});

async function inCopyOf(project: SmallProject, use: (copy: ProjectCopy) => Promise<void>): Promise<void> {
  const copy = await copyProject(project.folder);
  try {
    await use(copy);
  } finally {
    await copy.remove();
  }
}

/** Overwrites bytes in the middle of a file. */
function damage(path: string, at: number, bytes = "damaged damaged damaged damaged"): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, at);
  closeSync(file);
}

/** The first file under a folder of the stores whose path fits. */
function stored(folder: string, pattern: RegExp): string {
  const home = join(folder, ".millrace");
  const found = readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .find((path) => pattern.test(path));
  if (found === undefined) throw new Error(`No file under ${home} is like ${pattern}.`);
  return found;
}

const run = ["run", "late-delivery", "--quiet"];
const matching = (pattern: RegExp) => expect.stringMatching(pattern) as string;

describe("a source file", { timeout: 120_000 }, () => {
  test.each<[string, (path: string) => Promise<void> | void]>([
    ["cut short", async (path) => truncate(path, Math.floor((await stat(path)).size / 2))],
    ["damaged in the middle", (path) => damage(path, 5_000, "x".repeat(3_000))],
    ["that is not Parquet", (path) => damage(path, 0, "hello")],
    ["that is empty", (path) => truncate(path, 0)],
  ])("%s is named, and its table holds whole batches or none", async (_what, spoil) => {
    await inCopyOf(fresh, async ({ folder }) => {
      const path = join(folder, "data/deliveries.parquet");
      await spoil(path);
      const { exit, stderr } = await millrace(folder, run);
      expect({ exit, stderr }).toEqual({
        exit: 1,
        stderr: matching(
          /^error\[corrupt_data\]: A Parquet file cannot be read: .*data\/deliveries\.parquet.*\nhint: Restore the file or write it again\.\n$/,
        ),
      });
      expect(await leftovers(folder)).toEqual([]);
      await rm(path);
      await appendFile(path, await readFile(join(fresh.folder, "data/deliveries.parquet")));
      const again = await millrace(folder, ["ingest", "--json"]);
      // What had been read was of the damaged file: it is either all to be read still, or to be made anew.
      if (again.exit === 6) expect((await millrace(folder, ["ingest", "--refresh"])).exit).toBe(0);
      else expect(again).toMatchObject({ exit: 0 });
      const { tables } = await millraceJson<{ tables: { table: string; rows: number }[] }>(folder, ["tables", "list"]);
      expect(tables.find(({ table }) => table === "raw.deliveries")).toMatchObject({ rows: 4_464 });
    });
  });

  test("that changed after its first batches were ingested is refused, and taken with --refresh", async () => {
    await inCopyOf(lived, async ({ folder }) => {
      const other = await makeSmallProject({}, 5_000);
      await rm(join(folder, "data/deliveries.parquet"));
      await appendFile(join(folder, "data/deliveries.parquet"), await readFile(join(other.folder, "data/deliveries.parquet")));
      await other.remove();
      const { exit, stderr } = await millrace(folder, run);
      expect({ exit, stderr }).toEqual({
        exit: 6,
        stderr:
          'error[conflict]: The file of source "deliveries" changed after its first batches were ingested; nothing was written.\n' +
          "hint: Put the old one back, or make the table anew from the new one: millrace ingest deliveries --refresh\n",
      });
      expect((await readFacts(folder, names)).tables).toEqual(facts.tables);
      const refreshed = await millraceJson<{ source: string; version: number; rows: number }[]>(folder, ["ingest", "deliveries", "--refresh"]);
      expect(refreshed).toMatchObject([{ source: "deliveries", rows: 4_464, version: 9 }]);
    });
  });
});

describe("a damaged store", { timeout: 120_000 }, () => {
  test("a model file is refused by name", async () => {
    await inCopyOf(lived, async ({ folder }) => {
      const champion = facts.versions.at(-1)!;
      const digest = champion.files.find(({ path }) => path === "model.onnx")!.digest;
      damage(stored(folder, new RegExp(`artifacts/.*/${digest}$`)), 300);
      const { exit, stderr } = await millrace(folder, ["predict", "late-delivery", '{"depot": "north", "distance": 3, "hour": 4}', "--quiet"]);
      expect({ exit, stderr: stderr.split("\n").filter((line) => /^(error|hint)/.test(line)) }).toEqual({
        exit: 1,
        stderr: [
          matching(
            /^error\[corrupt_data\]: The model file of late-delivery v2 is damaged: the SHA-256 of artifacts\/.* is not the one it was stored under\.$/,
          ),
          "hint: Restore the file, or move the alias to another version.",
        ],
      });
    });
  });

  test.each<[string, (path: string) => Promise<void> | void, RegExp]>([
    ["that is no database", (path) => damage(path, 0), /file is not a database/],
    ["that is cut short", (path) => truncate(path, 8_192), /malformed/],
  ])("a state database %s is refused by name, and left as it is", async (_what, spoil, reason) => {
    await inCopyOf(lived, async ({ folder }) => {
      const path = join(folder, ".millrace/state.db");
      await spoil(path);
      const before = await readFile(path);
      const { exit, stderr } = await millrace(folder, run);
      expect({ exit, stderr }).toEqual({
        exit: 1,
        stderr: matching(
          /^error\[corrupt_data\]: The state database \/.*\/state\.db is damaged: .*\.\nhint: Restore it from a copy, or move it away to start afresh\.\n$/,
        ),
      });
      expect(stderr).toMatch(reason);
      expect((await readFile(path)).equals(before)).toBe(true);
    });
  });

  test("a table's data file and its log are refused by name", async () => {
    await inCopyOf(lived, async ({ folder }) => {
      damage(stored(folder, /blobs\/monitoring\/late_delivery\/[^/]*\.parquet$/), 4);
      const log = join(folder, ".millrace/blobs/raw/deliveries/_delta_log/00000000000000000002.json");
      await truncate(log, 100);
      const ofTable = await millrace(folder, ["sql", "select avg(score) from monitoring.late_delivery"]);
      expect(ofTable.exit).toBe(1);
      expect(ofTable.stderr).toMatch(/^error\[corrupt_data\]: /);
      const ofLog = await millrace(folder, ["tables", "show", "raw.deliveries"]);
      expect(ofLog).toMatchObject({
        exit: 1,
        stderr: matching(
          /^error\[corrupt_data\]: The log of table `raw\.deliveries` is damaged: version 2, .*\nhint: Restore `00000000000000000002\.json`/,
        ),
      });
    });
  });

  test("a topic's segment is refused by name and place, and nothing is answered anew", async () => {
    await inCopyOf(lived, async ({ folder }) => {
      damage(stored(folder, /streams\/data\/\d+-departures-0\/.*\.seg$/), 30_000);
      const { exit, stderr } = await millrace(folder, ["demo", "--quiet"]);
      expect(exit).toBe(1);
      expect(stderr).toMatch(
        /error\[corrupt_data\]: .*departures-0\/.*\.seg is damaged at byte \d+: the checksum of the batch does not match\.\nhint: Restore/,
      );
    });
  });
});

describe("a disk that takes no more", { timeout: 300_000 }, () => {
  // A limit on the size of files does to a plain user what a full disk does: the write is refused in the middle of the work.
  test.each([
    ["as the project is locked", 4],
    ["as its state is made", 100],
    ["in the midst of a run", 900],
  ])("%s gives one error, and the run that follows ends as if nothing had been", async (_what, blocks) => {
    await inCopyOf(fresh, async ({ folder }) => {
      const { exit, stderr } = await millrace(folder, ["demo", "--quiet"], { limit: `ulimit -f ${blocks}` });
      expect({ exit, stderr }).toEqual({
        exit: 7,
        stderr: matching(/error\[storage_full\]: The disk (takes no more|is full): .*\nhint: Free some space/),
      });
      expect(await leftovers(folder)).toEqual([]);
      expect(await millrace(folder, ["demo", "--quiet"])).toMatchObject({ exit: 0, stderr: "" });
      const after = await readFacts(folder, names);
      expect(outcomeOf(after)).toEqual(outcomeOf(facts));
    });
  });
});

/** What must be the same whatever happened on the way. */
function outcomeOf({ tables, answers, topics, versions, decisions, days }: ProjectFacts) {
  return {
    tables: Object.fromEntries(Object.entries(tables).map(([table, { version, rows, content }]) => [table, { version, rows, content }])),
    answers,
    topics,
    digests: versions.map(({ version, digest }) => [version, digest]),
    decisions: decisions.map(({ atMs, state, outcome }) => ({ atMs, state, outcome: outcome?.version })),
    days,
  };
}
