import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openS3Blobs } from "../../packages/millrace/src/adapters/blob-store/s3.ts";
import { s3Client } from "../../packages/millrace/src/adapters/blob-store/s3-client.ts";
import { s3Direct } from "../../packages/millrace/src/adapters/blob-store/s3-direct.ts";
import { openDuckdb } from "../../packages/millrace/src/adapters/warehouse/duckdb.ts";
import { openLake } from "../../packages/millrace/src/domains/lake/index.ts";
import { systemClock } from "../../packages/millrace/src/kit/clock.ts";
import { silentLog } from "../../packages/millrace/src/kit/log.ts";
import type { BlobStore } from "../../packages/millrace/src/ports/blob-store.ts";
import { blobStoreContract } from "../contracts/blob-store.ts";
import { startVersitygw, type S3Server } from "./versitygw.ts";

let server: S3Server;
let folder: string;
let proxy: FaultyProxy;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-s3-test-"));
  server = await startVersitygw();
  proxy = await startProxy(server.endpoint);
}, 600_000);

afterAll(async () => {
  await proxy.stop();
  await server.stop();
  await rm(folder, { recursive: true });
});

async function open(more: { endpoint?: string; bucket?: string; prefix?: string; secretAccessKey?: string } = {}): Promise<BlobStore> {
  return openS3Blobs({
    endpoint: more.endpoint ?? server.endpoint,
    region: server.region,
    bucket: more.bucket ?? (await server.bucket()),
    prefix: more.prefix ?? "",
    credentials: { ...server.credentials, ...(more.secretAccessKey !== undefined && { secretAccessKey: more.secretAccessKey }) },
    cacheFolder: join(folder, "cache"),
    retries: 4,
    retryDelayMs: 5,
    timeoutMs: 20_000,
  });
}

blobStoreContract("s3", () => open());
blobStoreContract("s3 below a prefix", () => open({ prefix: "some/where" }));

describe("s3", () => {
  test("stores below different prefixes of one bucket do not see each other", async () => {
    const bucket = await server.bucket();
    const [a, b, all] = [await open({ bucket, prefix: "a" }), await open({ bucket, prefix: "ab" }), await open({ bucket })];
    await a.put("k", Buffer.from("1"));
    await b.put("k", Buffer.from("2"));
    expect(await keysOf(a)).toEqual(["k"]);
    expect(await keysOf(all)).toEqual(["a/k", "ab/k"]);
  });

  test("listings go on over pages", async () => {
    const store = await open();
    const keys = Array.from({ length: 1100 }, (_, i) => `n/${String(i).padStart(5, "0")}`);
    for (let i = 0; i < keys.length; i += 50) await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, Buffer.from(""))));
    expect(await keysOf(store)).toEqual(keys);
  }, 60_000);

  test("an upload in parts gets through a bad line, also when the answer to its completion is lost", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    proxy.faults.push("refuse", "none");
    const upload = await store.direct!.begin("uploads/1");
    const [url] = await store.direct!.partUrls("uploads/1", upload, { count: 1, expiresSeconds: 60 });
    const etag = (await fetch(url!, { method: "PUT", body: "all of it" })).headers.get("etag")!;
    proxy.faults.push("lose answer", "none");
    expect(await store.direct!.finish("uploads/1", upload, [{ number: 1, etag }])).toMatchObject({ sizeBytes: 9 });
    proxy.faults.push("lose answer");
    await store.direct!.abort("uploads/2", upload);
    expect((await bytesOf(store.get("uploads/1"))).toString()).toBe("all of it");
  });

  test("a blob too large for one request is copied in parts", async () => {
    const options = { ...server, bucket: await server.bucket(), prefix: "", cacheFolder: join(folder, "cache") };
    const [store, client] = [openS3Blobs(options), s3Client(options)];
    const data = randomBytes(12_000_000);
    await store.put("whole", data);
    await s3Direct(client, { atOnceBytes: 6_000_000, partBytes: 5 << 20 }).copy("whole", "copied");
    expect(digest(await bytesOf(store.get("copied")))).toBe(digest(data));
    client.close();
  });

  test("a local copy follows its blob when that is written over", async () => {
    const store = await open();
    await store.put("changing.parquet", Buffer.from("one"));
    const first = await store.localPath("changing.parquet");
    expect(await store.localPath("changing.parquet")).toBe(first);
    expect(first.endsWith("/changing.parquet")).toBe(true);
    await store.put("changing.parquet", Buffer.from("two"));
    expect((await readFile(await store.localPath("changing.parquet"))).toString()).toBe("two");
  });

  test("wrong credentials, a bucket that is not there and a store that does not answer are told apart", async () => {
    const refused = await open({ secretAccessKey: "wrong" });
    await expect(refused.get("x")).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining("SignatureDoesNotMatch") as unknown,
    });
    await expect(refused.head("x")).rejects.toMatchObject({ code: "permission_denied" });
    const nowhere = await open({ bucket: "no-such-bucket" });
    await expect(nowhere.put("x", Buffer.from(""))).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining("no-such-bucket") as unknown,
    });
    await expect(keysOf(nowhere)).rejects.toMatchObject({ code: "not_found" });
    const silent = await open({ endpoint: "http://127.0.0.1:1", bucket: "b" });
    await expect(silent.head("x")).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("http://127.0.0.1:1") as unknown });
  });
});

describe("s3 over a bad line", () => {
  test("requests that fail or are not answered are repeated", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    proxy.faults.push("refuse", "drop", "refuse");
    expect(await store.put("a", Buffer.from("x"))).toMatchObject({ sizeBytes: 1 });
    proxy.faults.push("drop", "refuse");
    expect(await bytesOf(store.get("a"))).toEqual(Buffer.from("x"));
    proxy.faults.push("refuse", "refuse", "refuse", "refuse", "refuse");
    await expect(store.head("a")).rejects.toMatchObject({ code: "unavailable" });
    expect(proxy.faults).toEqual([]);
  });

  test("a put whose answer was lost is known as one's own, so the winner of a race is never unknown", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    proxy.faults.push("lose answer");
    expect(await store.put("once", Buffer.from("mine"), { ifAbsent: true })).toMatchObject({ sizeBytes: 4 });
    proxy.faults.push("refuse");
    expect(await store.put("once", Buffer.from("other"), { ifAbsent: true })).toBeUndefined();
    expect(await bytesOf(store.get("once"))).toEqual(Buffer.from("mine"));
  });

  test("a large blob in parts gets through, also when the answer to its completion is lost", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    const data = randomBytes(20_000_000);
    // head, begin, three parts, complete
    proxy.faults.push("none", "refuse", "none", "drop", "none", "none", "none", "lose answer");
    expect(await store.put("large", data, { ifAbsent: true })).toMatchObject({ sizeBytes: data.length });
    proxy.faults.length = 0;
    expect(digest(await bytesOf(store.get("large")))).toBe(digest(data));
  });

  test("a download that breaks off goes on where it broke", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    const data = randomBytes(3_000_000);
    await store.put("long", data);
    proxy.faults.push("cut answer", "cut answer", "none");
    expect(digest(await bytesOf(store.get("long")))).toBe(digest(data));
    proxy.faults.push("none", "cut answer"); // head, then the download
    expect(digest(await readFile(await store.localPath("long")))).toBe(digest(data));
    expect(proxy.faults).toEqual([]);
  });

  test("a blob written over in the middle of a download is a conflict, not a mixture", async () => {
    const store = await open({ endpoint: proxy.endpoint });
    await store.put("mixed", randomBytes(3_000_000));
    proxy.faults.push("cut answer");
    const stream = (await store.get("mixed"))[Symbol.asyncIterator]();
    await stream.next();
    await store.put("mixed", randomBytes(3_000_000));
    await expect(
      (async () => {
        while ((await stream.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("the lake on s3", () => {
  test("tables are written, raced for, read at every version and vacuumed", async () => {
    const warehouse = await openDuckdb({ threads: 2, memoryLimitMb: 200, temporaryFolder: join(folder, "spill") });
    const blobs = await open({ endpoint: proxy.endpoint, prefix: "lake" });
    const openIt = () => openLake({ blobs, warehouse, clock: systemClock, log: silentLog, scratchFolder: join(folder, "scratch") });
    try {
      const write = (k: number) => openIt().append("raw.t", { sql: `select ${k} as k` }, { transaction: { appId: `writer ${k}`, version: 0 } });
      await Promise.all(Array.from({ length: 12 }, (_, k) => write(k)));
      proxy.faults.push("lose answer", "refuse", "drop", "lose answer", "none", "lose answer", "lose answer");
      await write(12);
      proxy.faults.length = 0;
      const lake = openIt();
      await lake.merge("raw.t", { sql: "select 3 as k union all select 99", key: ["k"] });
      await lake.replace("raw.t", { sql: "select 7 as k" });
      expect(await lake.snapshot("raw.t")).toMatchObject({ version: 14, rows: 1 });
      for (let version = 0; version < 13; version++) expect((await openIt().snapshot("raw.t", { version })).rows).toBe(version + 1);
      const keys = await lake.columns("raw.t", { at: { version: 13 }, orderBy: "k" });
      expect([...(keys.columns[0] as { values: Float64Array }).values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99]);
      expect(await lake.tables()).toEqual(["raw.t"]);
      const later = openLake({ blobs, warehouse, clock: { now: () => Date.now() + 1e10 }, log: silentLog, scratchFolder: join(folder, "scratch") });
      expect((await later.vacuum("raw.t", { olderThanMs: 3_600_000 })).paths.length).toBeGreaterThan(12);
      expect((await openIt().columns("raw.t")).rows).toBe(1);
    } finally {
      await warehouse.close();
    }
  }, 60_000);
});

type Fault = "none" | "refuse" | "drop" | "lose answer" | "cut answer";

interface FaultyProxy {
  endpoint: string;
  /** What happens to the next requests, one each; afterwards all goes well. */
  faults: Fault[];
  stop(): Promise<void>;
}

/** A line to the store that fails as told: answers 503, closes before asking, asks and loses the answer, or cuts the answer short. */
async function startProxy(target: string): Promise<FaultyProxy> {
  const faults: Fault[] = [];
  const proxyServer: Server = createServer((incoming, answer) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => forward(target, incoming, Buffer.concat(parts), answer, faults.shift() ?? "none"));
  });
  proxyServer.listen(0, "127.0.0.1");
  await once(proxyServer, "listening");
  const address = proxyServer.address() as { port: number }; // a TCP server's address is an object
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    faults,
    async stop() {
      proxyServer.closeAllConnections();
      proxyServer.close();
      await once(proxyServer, "close");
    },
  };
}

function forward(target: string, incoming: IncomingMessage, body: Buffer, answer: ServerResponse, fault: Fault): void {
  if (fault === "refuse") return void answer.writeHead(503).end();
  if (fault === "drop") return void answer.destroy();
  const onward = httpRequest(`${target}${incoming.url}`, { method: incoming.method ?? "GET", headers: incoming.headers }, (response) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("end", () => {
      if (fault === "lose answer") return void answer.destroy();
      answer.writeHead(response.statusCode ?? 500, response.headers);
      const whole = Buffer.concat(parts);
      if (fault !== "cut answer") return void answer.end(whole);
      answer.write(whole.subarray(0, whole.length / 2), () => answer.destroy());
    });
  });
  onward.end(body);
}

async function bytesOf(data: Promise<AsyncIterable<Uint8Array>>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await data) parts.push(part);
  return Buffer.concat(parts);
}

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys;
}

function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
