import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlobStore, DirectTransfers } from "../../packages/millrace/src/ports/blob-store.ts";

/** What every blob store must do. `open` gives a store that is empty; it is called once for each description. */
export function blobStoreContract(name: string, open: () => Promise<BlobStore>): void {
  describe(`blob store ${name}`, () => {
    let store: BlobStore;
    let folder: string;

    beforeAll(async () => {
      store = await open();
      folder = await mkdtemp(join(tmpdir(), "millrace-blobs-"));
    });
    afterAll(async () => {
      await store.close();
      await rm(folder, { recursive: true });
    });

    test("what is put is what is read, of any size, whole or in parts", async () => {
      for (const size of [0, 1, 100_000, 9_000_000]) {
        const data = randomBytes(size);
        const info = await store.put(`sizes/${size}`, data);
        expect(info).toMatchObject({ key: `sizes/${size}`, sizeBytes: size });
        expect(digest(await bytesOf(store.get(`sizes/${size}`)))).toBe(digest(data));
        expect(await store.head(`sizes/${size}`)).toMatchObject({ sizeBytes: size, etag: info!.etag });
      }
      const data = await bytesOf(store.get("sizes/100000"));
      expect(await bytesOf(store.get("sizes/100000", { first: 10, last: 10 }))).toEqual(data.subarray(10, 11));
      expect(await bytesOf(store.get("sizes/100000", { first: 99_990, last: 200_000 }))).toEqual(data.subarray(99_990));
    });

    test("a stream of unknown length is stored whole", async () => {
      const parts = Array.from({ length: 300 }, () => randomBytes(50_000));
      const info = await store.put("stream", slowly(parts));
      expect(info!.sizeBytes).toBe(15_000_000);
      expect(digest(await bytesOf(store.get("stream")))).toBe(digest(Buffer.concat(parts)));
    });

    test("a stream that fails leaves nothing, and what was there stays", async () => {
      await store.put("kept", Buffer.from("old"));
      for (const key of ["kept", "never"]) await expect(store.put(key, failing())).rejects.toThrow("the source broke");
      expect(await bytesOf(store.get("kept"))).toEqual(Buffer.from("old"));
      expect(await store.head("never")).toBeUndefined();
      expect(await keys(store, "never")).toEqual([]);
    });

    test("a put over an existing key replaces it and changes the etag", async () => {
      const first = await store.put("again", Buffer.from("one"));
      const second = await store.put("again", Buffer.from("two"));
      expect(second!.etag).not.toBe(first!.etag);
      expect(await bytesOf(store.get("again"))).toEqual(Buffer.from("two"));
    });

    test("of writers that race for one key exactly one wins, and its bytes stand", async () => {
      for (let round = 0; round < 5; round++) {
        const key = `race/${round}`;
        const won = await Promise.all(
          Array.from({ length: 12 }, async (_, writer) =>
            (await store.put(key, Buffer.from(`writer ${writer}`), { ifAbsent: true })) === undefined ? [] : [writer],
          ),
        );
        expect(won.flat()).toHaveLength(1);
        expect((await bytesOf(store.get(key))).toString()).toBe(`writer ${won.flat()[0]}`);
        expect(await store.put(key, Buffer.from("late"), { ifAbsent: true })).toBeUndefined();
      }
    });

    test("a finished file is moved in, and its source is gone", async () => {
      const path = join(folder, "source");
      const data = randomBytes(6_000_000);
      await writeFile(path, data);
      expect(await store.putFile("moved/in", path, { ifAbsent: true })).toMatchObject({ sizeBytes: data.length });
      await expect(stat(path)).rejects.toThrow("ENOENT");
      expect(digest(await bytesOf(store.get("moved/in")))).toBe(digest(data));

      await writeFile(path, "late");
      expect(await store.putFile("moved/in", path, { ifAbsent: true })).toBeUndefined();
      await expect(stat(path)).rejects.toThrow("ENOENT");
      expect((await store.head("moved/in"))!.sizeBytes).toBe(data.length);
    });

    test("a local path has the bytes", async () => {
      if (!store.capabilities.localFiles) return;
      await store.put("path/of", Buffer.from("here"));
      expect((await readFile(await store.localPath("path/of"))).toString()).toBe("here");
      await expect(store.localPath("path/none")).rejects.toMatchObject({ code: "not_found" });
    });

    test("keys are listed in order, below a prefix that may be cut anywhere", async () => {
      const names = [
        "l/a",
        "l/a-b",
        "l/a.c",
        "l/ab/1",
        "l/ab/2",
        "l/b/x/y",
        "l/b-c",
        "l/Z",
        "l/é",
        "l/with space",
        "l/plus+and=&",
        "l/p=a%20b%2Fc%25",
        "m",
      ];
      for (const key of names) await store.put(key, Buffer.from(key));
      const sorted = (prefix: string) => names.filter((key) => key.startsWith(prefix)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const prefix of ["l/", "l", "l/a", "l/ab", "l/ab/", "l/b/x/y", "l/w", "none", "none/x"])
        expect(await keys(store, prefix), prefix).toEqual(sorted(prefix));
      for await (const info of store.list("l/plus"))
        expect(info).toMatchObject({ key: "l/plus+and=&", sizeBytes: Buffer.byteLength("l/plus+and=&") });
      for (const key of names) expect((await bytesOf(store.get(key))).toString()).toBe(key);
    });

    test("a deleted blob is gone, deleting is repeatable, and its place can be used anew", async () => {
      await store.put("gone/deep/er", Buffer.from("x"));
      await store.delete("gone/deep/er");
      await store.delete("gone/deep/er");
      expect(await store.head("gone/deep/er")).toBeUndefined();
      await expect(store.get("gone/deep/er")).rejects.toMatchObject({ code: "not_found" });
      expect(await keys(store, "gone")).toEqual([]);
      await store.put("gone/deep/er", Buffer.from("y"), { ifAbsent: true });
      expect((await bytesOf(store.get("gone/deep/er"))).toString()).toBe("y");
    });

    test("puts and deletes in one folder at the same time do not meet", async () => {
      const busy = Array.from({ length: 40 }, async (_, writer) => {
        for (let round = 0; round < 5; round++) {
          const key = `busy/deep/${writer % 4}/${writer}`;
          await store.put(key, Buffer.from(key), { ifAbsent: round % 2 === 0 });
          expect((await bytesOf(store.get(key))).toString()).toBe(key);
          await store.delete(key);
        }
      });
      await Promise.all(busy);
      expect(await keys(store, "busy")).toEqual([]);
    });

    describe("moves bytes without this process", () => {
      const part = async (url: string, body: Uint8Array<ArrayBuffer>) => {
        const answer = await fetch(url, { method: "PUT", body });
        if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
        return answer.headers.get("etag")!;
      };
      const open = { expiresSeconds: 60 };

      test("an upload in parts is invisible until it is finished, and finishing is repeatable", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        const parts = [randomBytes(direct.partBytesAtLeast), randomBytes(1_000)];
        const upload = await direct.begin("direct/a b+é");
        const urls = await direct.partUrls("direct/a b+é", upload, { count: 2, ...open });
        const etags = await Promise.all(urls.map((url, i) => part(url, parts[i]!)));
        expect(await store.head("direct/a b+é")).toBeUndefined();
        expect(await keys(store, "direct")).toEqual([]);
        expect(await uploads(direct, "direct/a")).toEqual([["direct/a b+é", upload]]);
        const named = etags.map((etag, i) => ({ number: i + 1, etag }));
        for (let time = 0; time < 2; time++)
          expect(await direct.finish("direct/a b+é", upload, named)).toMatchObject({
            key: "direct/a b+é",
            sizeBytes: direct.partBytesAtLeast + 1_000,
          });
        expect(digest(await bytesOf(store.get("direct/a b+é")))).toBe(digest(Buffer.concat(parts)));
        expect(await uploads(direct, "direct/a")).toEqual([]);
      });

      test("an upload that is aborted is gone, and aborting is repeatable", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        const upload = await direct.begin("direct/aborted");
        const [url] = await direct.partUrls("direct/aborted", upload, { count: 1, ...open });
        const etag = await part(url!, randomBytes(10));
        for (let time = 0; time < 2; time++) await direct.abort("direct/aborted", upload);
        await expect(direct.finish("direct/aborted", upload, [{ number: 1, etag }])).rejects.toMatchObject({ code: "not_found" });
        expect(await store.head("direct/aborted")).toBeUndefined();
        expect(await uploads(direct, "direct/aborted")).toEqual([]);
      });

      test("parts that are not what was sent make no blob", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        const upload = await direct.begin("direct/wrong");
        const urls = await direct.partUrls("direct/wrong", upload, { count: 2, ...open });
        const etag = await part(urls[0]!, randomBytes(10));
        const wrong = [
          [],
          [{ number: 1, etag: '"0123456789abcdef0123456789abcdef"' }],
          [{ number: 2, etag }],
          [{ number: 0, etag }],
          [{ number: 1, etag: "</ETag><ETag>" }],
        ];
        for (const parts of wrong)
          await expect(direct.finish("direct/wrong", upload, parts), JSON.stringify(parts)).rejects.toMatchObject({ code: "invalid_argument" });
        expect(await store.head("direct/wrong")).toBeUndefined();
        await direct.abort("direct/wrong", upload);
        await expect(direct.partUrls("direct/wrong", upload, { count: direct.partsAtMost + 1, ...open })).rejects.toThrow("parts is not possible");
      });

      test("an address reads one blob, whole or in ranges, and nothing else", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        await store.put("direct/read +&=é", Buffer.from("<script>alert(1)</script>"));
        await store.put("direct/other", Buffer.from("x"));
        const url = await direct.readUrl("direct/read +&=é", { ...open, fileName: "ein 'Bericht'.html" });
        const answer = await fetch(url);
        expect(await answer.text()).toBe("<script>alert(1)</script>");
        expect(answer.headers.get("content-type")).toBe("application/octet-stream");
        expect(answer.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''ein%20%27Bericht%27.html");
        const ranged = await fetch(url, { headers: { range: "bytes=1-6" } });
        expect([ranged.status, await ranged.text()]).toEqual([206, "script"]);
        const changed = [
          url.replace("direct/read", "direct/other"),
          url.replace("octet-stream", "html"),
          url.replace("X-Amz-Expires=60", "X-Amz-Expires=9999"),
        ];
        for (const other of changed) {
          expect(other).not.toBe(url);
          expect((await fetch(other)).status).toBe(403);
        }
        for (const method of ["PUT", "DELETE"]) expect((await fetch(url, { method })).status, method).toBe(403);
        for (const expiresSeconds of [0, 1.5, 604_801])
          await expect(direct.readUrl("x", { expiresSeconds, fileName: "x" })).rejects.toMatchObject({ code: "invalid_argument" });
      });

      test("an address for a part takes that part and nothing else", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        const upload = await direct.begin("direct/part");
        const [url] = await direct.partUrls("direct/part", upload, { count: 1, ...open });
        expect((await fetch(url!.replace("partNumber=1", "partNumber=2"), { method: "PUT", body: "x" })).status).toBe(403);
        expect((await fetch(url!.replace("direct/part", "direct/other"), { method: "PUT", body: "x" })).status).toBe(403);
        expect((await fetch(url!)).status).toBe(403);
        await direct.abort("direct/part", upload);
      });

      test("a blob is copied within the store", async () => {
        const { direct } = store;
        if (direct === undefined) return;
        const data = randomBytes(100_000);
        await store.put("direct/from +%é", data);
        await direct.copy("direct/from +%é", "direct/to");
        expect(digest(await bytesOf(store.get("direct/to")))).toBe(digest(data));
        await expect(direct.copy("direct/none", "direct/to")).rejects.toMatchObject({ code: "not_found" });
      });
    });

    test("a key that is not made of plain names is refused by every verb", async () => {
      for (const key of [
        "",
        "/",
        "a//b",
        "/a",
        "a/",
        "../x",
        "a/../b",
        "./a",
        "a\\b",
        "a\u0000b",
        "%2e%2e/b",
        "a/..%2fb",
        "a/x%5c..%5cy",
        "a\nb",
        `${"x".repeat(300)}`,
      ]) {
        const verbs = [
          () => store.put(key, Buffer.from("")),
          () => store.get(key),
          () => store.head(key),
          () => store.delete(key),
          () => store.localPath(key),
          ...(store.direct === undefined ? [] : verbsOf(store.direct, key)),
        ];
        for (const verb of verbs) await expect((async () => verb())(), key).rejects.toMatchObject({ code: "invalid_argument" });
      }
    });
  });
}

async function bytesOf(data: Promise<AsyncIterable<Uint8Array>>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await data) parts.push(part);
  return Buffer.concat(parts);
}

async function keys(store: BlobStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of store.list(prefix)) found.push(info.key);
  return found;
}

async function uploads(direct: DirectTransfers, prefix: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { key, upload, begunMs } of direct.unfinished(prefix)) if (Date.now() - begunMs < 600_000) found.push([key, upload]);
  return found;
}

function verbsOf(direct: DirectTransfers, key: string): (() => Promise<unknown>)[] {
  return [
    () => direct.begin(key),
    () => direct.partUrls(key, "u", { count: 1, expiresSeconds: 60 }),
    () => direct.finish(key, "u", [{ number: 1, etag: "e" }]),
    () => direct.abort(key, "u"),
    () => direct.readUrl(key, { expiresSeconds: 60, fileName: "x" }),
    () => direct.copy(key, "x"),
    () => direct.copy("x", key),
  ];
}

async function* slowly(parts: Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const part of parts) {
    await new Promise((resolve) => void setImmediate(resolve));
    yield part;
  }
}

async function* failing(): AsyncIterable<Uint8Array> {
  yield randomBytes(1000);
  await new Promise((resolve) => void setImmediate(resolve));
  throw new Error("the source broke");
}

function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
