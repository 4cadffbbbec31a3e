import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blobStoreContract } from "../../../../../tests/contracts/blob-store.ts";
import { openLocalBlobs } from "./local.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-local-blobs-"));
});
afterAll(() => rm(folder, { recursive: true }));

blobStoreContract("local", () => openLocalBlobs({ folder: join(folder, "contract") }));

test("the blobs are plain files, and nothing unfinished stays beside them", async () => {
  const store = await openLocalBlobs({ folder: join(folder, "plain") });
  await store.put("a/b", Buffer.from("x"));
  await store.put("a/b", Buffer.from("y"), { ifAbsent: true });
  await store.put("a/b", Buffer.from("z"));
  expect(await readdir(join(folder, "plain", "a"))).toEqual(["b"]);
  expect(await readdir(join(folder, "plain", ".millrace-unfinished"))).toEqual([]);
  await store.delete("a/b");
  expect(await readdir(join(folder, "plain"))).toEqual([".millrace-unfinished"]);
});

test("what a killed process left is removed a day later, and not before", async () => {
  const unfinished = join(folder, "left", ".millrace-unfinished");
  await mkdir(unfinished, { recursive: true });
  await writeFile(join(unfinished, "young.tmp"), "");
  await writeFile(join(unfinished, "old.tmp"), "");
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
  await utimes(join(unfinished, "old.tmp"), twoDaysAgo, twoDaysAgo);
  await openLocalBlobs({ folder: join(folder, "left") });
  expect(await readdir(unfinished)).toEqual(["young.tmp"]);
});

test("a full disk is said to be full", async () => {
  const store = await openLocalBlobs({ folder: join(folder, "full") });
  async function* source(): AsyncIterable<Uint8Array> {
    yield Buffer.from("x");
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  }
  await expect(store.put("a", source())).rejects.toMatchObject({ code: "storage_full" });
  expect(await readdir(join(folder, "full", ".millrace-unfinished"))).toEqual([]);
});

test("a folder that cannot be made is named", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(openLocalBlobs({ folder: join(folder, "file", "below") })).rejects.toThrow(/ENOTDIR.*file/);
  expect((await stat(join(folder, "file"))).isFile()).toBe(true);
});
