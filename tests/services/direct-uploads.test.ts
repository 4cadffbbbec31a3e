/** Files that go to a bucket without passing through the server: as MLflow's protocol has them, and what becomes of them. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { openS3Blobs } from "#adapters/blob-store/s3";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import { mlflowMigrations, mlflowRoutes } from "#compat/mlflow";
import { registryMigrations } from "#domains/registry";
import {
  artifactKey,
  beginUpload,
  cleanUploads,
  createExperiment,
  deleteRun,
  digestUpload,
  digestUploads,
  finishUpload,
  getArtifact,
  listArtifacts,
  logArtifact,
  readArtifact,
  startRun,
  trackingMigrations,
  type TrackingServices,
} from "#domains/tracking";
import { previewParquet } from "../../packages/millrace/src/domains/tracking/preview-parquet.ts";
import { startServer, type RunningServer } from "#entry/server";
import { collectBytes } from "#kit/collect-bytes";
import { silentLog } from "#kit/log";
import { sql } from "#kit/sql";
import { openTestState } from "../contracts/state.ts";
import { startVersitygw, type S3Server } from "./versitygw.ts";

const hourMs = 3_600_000;
describe.each(["SQLite", "PostgreSQL"])("with state in %s", (engine) => {
  let s3: S3Server;
  let folder: string;
  let server: RunningServer;
  let tracking: TrackingServices;
  let nowMs: number;
  let run: string;
  let root: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-direct-"));
    s3 = await startVersitygw();
    const migrations = [...trackingMigrations, ...registryMigrations, ...mlflowMigrations];
    const state = await openTestState(migrations, engine === "PostgreSQL" ? inject("postgres") : undefined);
    const blobs = openS3Blobs({ ...s3, bucket: await s3.bucket(), prefix: "", cacheFolder: join(folder, "cache") });
    tracking = { state, blobs, clock: { now: () => nowMs } };
    const actors: Record<string, string[]> = { reader: ["project:read"], writer: ["project:read", "project:run"], guest: ["models:write"] };
    server = await startServer({
      ...{ routes: mlflowRoutes, services: { tracking, registry: { state, clock: tracking.clock } }, host: "127.0.0.1", port: 0, version: "0" },
      log: silentLog,
      actorOf: async (secret) => (actors[secret] === undefined ? undefined : { name: secret, permissions: new Set(actors[secret]) }),
      hasTokens: async () => true,
    });
  }, 600_000);

  afterAll(async () => {
    await server.close();
    await tracking.state.close();
    await tracking.blobs.close();
    await s3.stop();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    nowMs = Date.now(); // as the bucket has it
    const { id: experiment } = await createExperiment(tracking, { name: randomBytes(8).toString("hex") });
    run = (await startRun(tracking, { experiment })).id;
    root = `${experiment}/${run}/artifacts`;
  });

  const part = async (url: string, body: Uint8Array<ArrayBuffer>) => (await fetch(url, { method: "PUT", body })).headers.get("etag")!;

  /** An upload of one part, finished but in no place. */
  async function finished(data: Uint8Array<ArrayBuffer>) {
    const { id, urls } = await beginUpload(tracking, { target: "t", parts: 1 });
    return finishUpload(tracking, { id, target: "t", parts: [{ number: 1, etag: await part(urls[0]!, data) }] });
  }

  const digestOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
  const nothingElse = async () => undefined;

  async function ask(path: string, fields: object | undefined, token = "writer"): Promise<{ status: number; body: Record<string, never> }> {
    const answer = await fetch(`${server.address}/api/2.0/mlflow-artifacts/${path}`, {
      method: fields === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(fields !== undefined && { body: JSON.stringify(fields) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  }

  interface Created {
    upload_id: string;
    credentials: { url: string; part_number: number }[];
  }
  const create = async (folderPath: string, name: string, parts = 1) =>
    (await ask(`mpu/create/${folderPath}`, { path: name, num_parts: parts })).body as unknown as Created;

  describe("an upload to the bucket", () => {
    test("is an artifact once it is finished, first without a digest, then with it, and its bytes stand under that", async () => {
      const data = randomBytes(50_000);
      const content = await finished(data);
      expect(await listArtifacts(tracking, { run })).toEqual([]);
      const logged = await logArtifact(tracking, { run, path: "a/b.bin", data: content });
      expect(logged).toMatchObject({ content: content.content, digest: undefined, sizeBytes: 50_000 });
      expect(await collectBytes((await readArtifact(tracking, { run, path: "a/b.bin" })).bytes)).toEqual(data);
      const digests = await Promise.all([1, 2].map(() => digestUpload(tracking, content.content, nothingElse)));
      expect(digests).toEqual([digestOf(data), digestOf(data)]);
      expect(await getArtifact(tracking, { run, path: "a/b.bin" })).toMatchObject({ digest: digestOf(data), content: digestOf(data) });
      expect((await tracking.blobs.head(artifactKey(digestOf(data))))!.sizeBytes).toBe(50_000);
      expect(await collectBytes((await readArtifact(tracking, { run, path: "a/b.bin", range: { first: 7, last: 9 } })).bytes)).toEqual(
        data.subarray(7, 10),
      );
    });

    test("keeps its bytes, also when it is logged at the moment at which its digest is learned", async () => {
      const contents = await Promise.all(Array.from({ length: 8 }, (_, i) => finished(Buffer.from(`racing ${i} ${randomBytes(8).toString("hex")}`))));
      await Promise.all([
        digestUploads(tracking, nothingElse),
        ...contents.map((data, i) => logArtifact(tracking, { run, path: `race/${i}`, data })),
      ]);
      nowMs += 2 * hourMs;
      await cleanUploads(tracking);
      for (let i = 0; i < 8; i++) {
        const { artifact, bytes } = await readArtifact(tracking, { run, path: `race/${i}` });
        expect(artifact.digest).toMatch(/^[0-9a-f]{64}$/);
        expect((await collectBytes(bytes)).toString()).toMatch(`racing ${i} `);
      }
    });

    test("leaves its first place an hour after it has a digest, and what is logged late still finds the bytes", async () => {
      const data = randomBytes(1_000);
      const content = await finished(data);
      await digestUploads(tracking, nothingElse);
      nowMs += hourMs / 2;
      await cleanUploads(tracking);
      expect(await tracking.blobs.head(artifactKey(content.content))).toBeDefined();
      expect(await logArtifact(tracking, { run, path: "late", data: content })).toMatchObject({ digest: digestOf(data) });
      nowMs += hourMs;
      await cleanUploads(tracking);
      expect(await tracking.blobs.head(artifactKey(content.content))).toBeUndefined();
      expect(await collectBytes((await readArtifact(tracking, { run, path: "late" })).bytes)).toEqual(data);
      await expect(logArtifact(tracking, { run, path: "too late", data: content })).rejects.toMatchObject({ code: "not_found" });
    });

    test("that was never finished is aborted when it is a day old, whether it is recorded or only the bucket knows it", async () => {
      const recorded = await beginUpload(tracking, { target: "t", parts: 1 });
      await part(recorded.urls[0]!, randomBytes(10));
      const unrecorded = artifactKey(`upload-${"0".repeat(26)}`);
      await tracking.blobs.direct!.begin(unrecorded);
      const keys = async (options: Parameters<typeof cleanUploads>[1]) => (await cleanUploads(tracking, options)).map(({ key }) => key).sort();
      expect(await keys({ dryRun: true })).toEqual([]);
      nowMs += 25 * hourMs;
      const both = [artifactKey(recorded.id), unrecorded].sort();
      expect(await keys({ dryRun: true })).toEqual(both);
      expect(await keys({})).toEqual(both);
      expect(await keys({})).toEqual([]);
      await expect(finishUpload(tracking, { id: recorded.id, target: "t", parts: [{ number: 1, etag: "x" }] })).rejects.toMatchObject({
        code: "not_found",
      });
    });
  });

  describe("MLflow's protocol over a bucket", () => {
    test("says that it can", async () => {
      const answer = await fetch(`${server.address}/api/3.0/mlflow/server-info`);
      expect(await answer.json()).toMatchObject({ multipart_uploads_enabled: true, multipart_downloads_enabled: true });
    });

    test("an upload is created, sent and completed; completing again is harmless, a new file replaces the old one", async () => {
      for (const data of [randomBytes(3_000), randomBytes(4_000)]) {
        const created = await create(`${root}/deep`, "/srv/somebody/data/model.bin");
        const etag = await part(created.credentials[0]!.url, data);
        expect((await ask(`artifacts?path=${root}`, undefined)).body).not.toMatchObject({ files: [{ path: "model.bin" }] });
        const parts = [{ part_number: 1, etag, url: created.credentials[0]!.url }];
        for (let time = 0; time < 2; time++)
          expect(await ask(`mpu/complete/${root}/deep`, { path: "model.bin", upload_id: created.upload_id, parts })).toEqual({
            status: 200,
            body: {},
          });
        expect((await ask(`artifacts?path=${root}/deep`, undefined)).body).toEqual({
          files: [{ path: "model.bin", is_dir: false, file_size: data.length }],
        });
        const { url, file_size } = (await ask(`presigned/${root}/deep/model.bin`, undefined)).body;
        expect(file_size).toBe(data.length);
        expect(Buffer.from(await (await fetch(url!)).arrayBuffer())).toEqual(data);
      }
    });

    test("gives addresses to none who may not write, or not read", async () => {
      for (const verb of ["create", "complete", "abort"]) {
        const fields = { path: "x", num_parts: 1, upload_id: "x", parts: [{ part_number: 1, etag: "x" }] };
        for (const token of ["reader", "guest", "nobody"]) {
          const { status, body } = await ask(`mpu/${verb}/${root}`, fields, token);
          expect([status === 401 || status === 403, JSON.stringify(body).includes("X-Amz")], `${verb} as ${token}`).toEqual([true, false]);
        }
      }
      await logArtifact(tracking, { run, path: "secret", data: Buffer.from("secret") });
      for (const token of ["guest", "nobody"]) {
        const { status, body } = await ask(`presigned/${root}/secret`, undefined, token);
        expect([status === 401 || status === 403, JSON.stringify(body).includes("X-Amz")], token).toEqual([true, false]);
      }
      const { url } = (await ask(`presigned/${root}/secret`, undefined, "reader")).body;
      expect(new URL(url!).searchParams.get("X-Amz-Expires")).toBe("900");
    });

    test("an upload belongs to the file it was created for, and to no other", async () => {
      const created = await create(root, "mine.bin");
      const etag = await part(created.credentials[0]!.url, randomBytes(10));
      const fields = { upload_id: created.upload_id, parts: [{ part_number: 1, etag }] };
      expect((await ask(`mpu/complete/${root}`, { ...fields, path: "other.bin" })).status).toBe(404);
      expect((await ask(`mpu/complete/${root}/elsewhere`, { ...fields, path: "mine.bin" })).status).toBe(404);
      expect((await ask(`mpu/abort/${root}`, { ...fields, path: "other.bin" })).status).toBe(200);
      expect((await ask(`mpu/complete/${root}`, { ...fields, path: "mine.bin" })).status).toBe(200);
      expect((await ask(`mpu/abort/${root}`, { ...fields, path: "mine.bin" })).status).toBe(200); // too late to take it away
      expect(await listArtifacts(tracking, { run })).toMatchObject([{ path: "mine.bin", sizeBytes: 10 }]);
    });

    test("one that is aborted cannot be completed, nor one with wrong parts", async () => {
      const created = await create(root, "a.bin");
      const etag = await part(created.credentials[0]!.url, randomBytes(10));
      const fields = { path: "a.bin", upload_id: created.upload_id };
      for (const parts of [[], [{ part_number: 1 }], [{ part_number: 2, etag }], [{ part_number: 1, etag: '"00"' }], ["x"]])
        expect((await ask(`mpu/complete/${root}`, { ...fields, parts })).status, JSON.stringify(parts)).toBe(400);
      for (let time = 0; time < 2; time++) expect((await ask(`mpu/abort/${root}`, fields)).status).toBe(200);
      expect((await ask(`mpu/complete/${root}`, { ...fields, parts: [{ part_number: 1, etag }] })).status).toBe(404);
      expect(await listArtifacts(tracking, { run })).toEqual([]);
    });

    test("is refused before anything is sent: too many parts, a folder's place, a deleted run, a path that leads elsewhere", async () => {
      const many = await ask(`mpu/create/${root}`, { path: "x", num_parts: 10_001 });
      expect([many.status, String(many.body["message"])]).toEqual([400, expect.stringContaining("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE")]);
      await logArtifact(tracking, { run, path: "folder/x", data: Buffer.from("x") });
      expect((await ask(`mpu/create/${root}`, { path: "folder", num_parts: 1 })).status).toBe(400);
      expect((await ask(`presigned/${root}/folder`, undefined)).status).toBe(400);
      expect((await ask(`presigned/${root}/none`, undefined)).status).toBe(404);
      for (const path of ["a/..%2f..%2fetc", "a/%252e%252e/x", "a/..%5cx", "C:/x", "~/x", "a%00b", "a//b"]) {
        expect((await ask(`mpu/create/${path}`, { path: "x", num_parts: 1 })).status, path).toBe(400);
        expect((await ask(`presigned/${path}`, undefined)).status, path).toBe(400);
      }
      for (const name of ["..", ".", "", "a/..", "x\\..", "%2e%2e", "a\u0000b"])
        expect((await ask(`mpu/create/${root}`, { path: name, num_parts: 1 })).status, name).toBe(400);
      await deleteRun(tracking, { run });
      expect((await ask(`mpu/create/${root}`, { path: "x", num_parts: 1 })).status).toBe(400);
      expect(await tracking.state.all(sql`select id from tracking_upload where target like ${`%${run}%`}`)).toEqual([]);
    });

    test("a file that no run owns goes the same way, and gets its digest behind the client's back", async () => {
      const data = randomBytes(2_000);
      const created = await create("1/models/m-1/artifacts", "weights.bin");
      const etag = await part(created.credentials[0]!.url, data);
      await ask("mpu/complete/1/models/m-1/artifacts", {
        path: "weights.bin",
        upload_id: created.upload_id,
        parts: [{ part_number: 1, etag }],
      });
      const row = () => tracking.state.get<{ digest: string }>(sql`select digest from mlflow_file where name = 'weights.bin'`);
      await expect.poll(async () => (await row())!.digest).toBe(digestOf(data));
      const { url } = (await ask("presigned/1/models/m-1/artifacts/weights.bin", undefined)).body;
      expect(Buffer.from(await (await fetch(url!)).arrayBuffer())).toEqual(data);
    });

    test("says that it cannot where clients are not to be sent to the bucket", async () => {
      const blobs = openS3Blobs({ ...s3, bucket: "none", prefix: "", cacheFolder: join(folder, "cache"), direct: false });
      expect(blobs.direct).toBeUndefined();
      await blobs.close();
    });
  });

  describe("the preview of a Parquet file in a bucket", () => {
    test("is read from the footer alone where the file is large, and from a copy where it is small", async () => {
      const warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(folder, "spill") });
      try {
        const path = join(folder, "table.parquet");
        await warehouse.writeParquet("select i::bigint as i, random() as x from range(200000) r(i)", path);
        const { size } = await stat(path);
        await tracking.blobs.putFile("table", path);
        const fetched: number[] = [];
        const blobs: typeof tracking.blobs = {
          ...tracking.blobs,
          get(key, range) {
            fetched.push(range === undefined ? size : range.last - range.first + 1);
            return tracking.blobs.get(key, range);
          },
        };
        const place = { blobs, warehouse, scratchFolder: join(folder, "scratch") };
        const columns = [
          { name: "i", type: "BIGINT" },
          { name: "x", type: "DOUBLE" },
        ];
        const far = await previewParquet(place, { key: "table", sizeBytes: size, rows: 2, copiedBytes: 1_000 });
        expect(far).toMatchObject({ columns, rows: [], rowCount: 200_000, truncated: true, note: expect.stringContaining("bucket") as unknown });
        expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(10_000);
        expect(await readdir(join(folder, "scratch"))).toEqual([]);
        expect(await previewParquet(place, { key: "table", sizeBytes: size, rows: 2 })).toMatchObject({
          columns,
          rows: [
            ["0", expect.any(String) as unknown],
            ["1", expect.any(String) as unknown],
          ],
        });
      } finally {
        await warehouse.close();
      }
    });
  });
});
