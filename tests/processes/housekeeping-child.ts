/**
 * The process that the housekeeping's crash test kills: purges everything archived, then removes what nothing refers to, and says each
 * batch. Everything stored is two days old to it. Argument: the folder of the stores.
 */
import { join } from "node:path";
import { openLocalBlobs } from "../../packages/millrace/src/adapters/blob-store/local.ts";
import { openSqlite } from "../../packages/millrace/src/adapters/database/sqlite.ts";
import { collectBlobs, guardedBlobs } from "../../packages/millrace/src/domains/project/index.ts";
import { purge } from "../../packages/millrace/src/domains/tracking/index.ts";
import { blobPlaces, blobReferences, isSharedBlob } from "../../packages/millrace/src/entry/blob-references.ts";
import { runKeepers } from "../../packages/millrace/src/entry/run-keepers.ts";
import type { BlobStore } from "../../packages/millrace/src/ports/blob-store.ts";

const [folder = ""] = process.argv.slice(2);
const say = () => process.stdout.write("x\n");
const state = openSqlite({ path: join(folder, "state.db") });
const inner = await openLocalBlobs({ folder: join(folder, "blobs") });
const telling: BlobStore = { ...inner, delete: (key) => inner.delete(key).then(() => void say()) };
const clock = { now: () => Date.now() + 2 * 86_400_000 };
const blobs = guardedBlobs({ state, blobs: telling, clock }, isSharedBlob);
const tracking = { state, blobs, clock };
await purge(tracking, runKeepers(tracking), { archivedForMs: 0 }, { registered: "leave", onProgress: say });
await collectBlobs(tracking, { places: blobPlaces, references: blobReferences, olderThanMs: 3_600_000, dryRun: false });
await state.close();
