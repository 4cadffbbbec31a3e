import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openS3Blobs } from "#adapters/blob-store/s3";
import { openSqlite } from "#adapters/database/sqlite";
import { mlflowMigrations, mlflowProbeRoutes, mlflowRoutes } from "#compat/mlflow";
import { listVersions, registryMigrations } from "#domains/registry";
import { artifactKey, cleanUploads, trackingMigrations } from "#domains/tracking";
import { systemClock } from "#kit/clock";
import { sql } from "#kit/sql";
import type { BlobStore } from "#ports/blob-store";
import { type Generation, generations, mlflowPython } from "./mlflow-client.ts";
import { serveRoutes } from "../processes/serve-routes.ts";
import { type S3Server, startVersitygw } from "../services/versitygw.ts";

let s3: S3Server;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-large-files-"));
  s3 = await startVersitygw();
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true });
});

/** A server over these blobs, with the names of the artifact routes that were asked. */
async function openPlace(blobs: BlobStore) {
  const state = openSqlite({ path: join(await mkdtemp(join(folder, "state-")), "state.db") });
  await state.migrate([...trackingMigrations, ...registryMigrations, ...mlflowMigrations]);
  const asked: string[] = [];
  const routes = [...mlflowRoutes, ...mlflowProbeRoutes].map((route): typeof route => ({
    ...route,
    handle(services: never, input: never, context: never) {
      if (route.path.includes("mlflow-artifacts")) asked.push(`${route.method} ${route.path.replace("/api/2.0/mlflow-artifacts/", "")}`);
      return route.handle(services, input, context);
    },
  }));
  const tracking = { state, blobs, clock: systemClock };
  const registry = { state, clock: systemClock };
  const server = await serveRoutes(routes, { tracking, registry, scratchFolder: join(folder, "scratch") });
  return {
    ...{ tracking, registry, asked, address: server.address },
    async close() {
      await server.close();
      await state.close();
      await blobs.close();
    },
  };
}
type Place = Awaited<ReturnType<typeof openPlace>>;

const onS3 = async () => openPlace(openS3Blobs({ ...s3, bucket: await s3.bucket(), prefix: "below", cacheFolder: join(folder, "cache") }));
const onDisk = async () => openPlace(await openLocalBlobs({ folder: await mkdtemp(join(folder, "blobs-")) }));

/** Large is what has more than six million bytes, sent in parts of five megabytes. */
const largeFrom = { MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE: "6000000", MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE: String(5 << 20) };

async function run(generation: Generation, place: Place, steps: string[], environment: Record<string, string> = {}) {
  const script = join(import.meta.dirname, "mlflow-artifacts.py");
  const env = { ...process.env, ...largeFrom, MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE: String(5 << 20), ...environment };
  const { stdout } = await promisify(execFile)(await mlflowPython(generation), [script, place.address, folder, ...steps], { env });
  const line = stdout.split("\n").find((each) => each.startsWith("FOUND "));
  return JSON.parse(line!.slice("FOUND ".length)) as Record<string, Record<string, unknown>>; // the script's own line
}

const uploads = (place: Place) =>
  place.tracking.state.all<{ finished_ms: number | null }>(sql`select finished_ms from tracking_upload order by begun_ms`);

describe.each(Object.keys(generations) as Generation[])("the MLflow client %s and files in a bucket", (generation) => {
  // From 3.x on the client asks the server what it can do; before, it must be told.
  const told: Record<string, string> = generation.startsWith("2.") ? { MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: "true" } : {};
  let place: Place;
  beforeAll(async () => {
    place = await onS3();
  });
  afterAll(() => place.close());

  it("sends a large file to the bucket in parts, a small one through the server, and gets both back", async () => {
    const { round_trip: found } = await run(generation, place, ["round_trip"], told);
    expect(found).toMatchObject({ listed: [["deep/er/large.bin", 12_000_000]], same: true });
    expect(await uploads(place)).toHaveLength(1);
    expect(place.asked.filter((each) => each.startsWith("PUT"))).toHaveLength(1);
    expect(place.asked.filter((each) => each === "POST mpu/create/{folder*}")).toHaveLength(1);
    const direct = place.asked.filter((each) => each === "GET presigned/{path*}");
    expect(direct).toHaveLength(generation.startsWith("2.") ? 0 : 2);
  });

  it("registers a model whose weights went to the bucket directly: the version's files have their digests", async () => {
    const { model: found } = await run(generation, place, ["model"], told);
    expect(found).toMatchObject({ same: true });
    const [version] = await listVersions(place.registry, { model: String(found!["name"]) });
    expect(version!.files.map(({ sizeBytes }) => sizeBytes).some((size) => size > 12_000_000)).toBe(true);
    for (const { digest, sizeBytes } of version!.files) {
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      expect((await place.tracking.blobs.head(artifactKey(digest)))!.sizeBytes).toBe(sizeBytes);
    }
  });

  it("whose line is cut leaves nothing, neither in the run nor in the bucket", async () => {
    const before = (await uploads(place)).length;
    const { broken: found } = await run(generation, place, ["broken"], told);
    expect(found).toEqual({ failed: true, parts: 3, listed: [] });
    expect(await uploads(place)).toHaveLength(before);
    expect(await cleanUploads(place.tracking, { olderThanMs: -60_000, dryRun: true })).toEqual([]);
  });
});

describe.each(Object.keys(generations) as Generation[])("the MLflow client %s and files on a disk", (generation) => {
  it.each([{}, { MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: "true", MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: "true" }])(
    "sends and fetches all through the server, also when told to try otherwise: %o",
    async (environment) => {
      const place = await onDisk();
      try {
        const { round_trip: found } = await run(generation, place, ["round_trip"], environment as Record<string, string>);
        expect(found).toMatchObject({ listed: [["deep/er/large.bin", 12_000_000]], same: true });
        expect(place.asked.filter((each) => each.startsWith("PUT"))).toHaveLength(2);
      } finally {
        await place.close();
      }
    },
  );
});
