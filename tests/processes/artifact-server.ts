/** A server of its own process with artifacts on a disk: `node artifact-server.ts FOLDER` prints its address; `memory` on stdin prints its memory. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { openSqlite } from "#adapters/database/sqlite";
import { mlflowMigrations, mlflowProbeRoutes, mlflowRoutes } from "#compat/mlflow";
import { registryMigrations } from "#domains/registry";
import { trackingMigrations } from "#domains/tracking";
import { systemClock } from "#kit/clock";
import { serveRoutes } from "./serve-routes.ts";

const folder = process.argv[2]!;
const state = openSqlite({ path: join(folder, "state.db") });
await state.migrate([...trackingMigrations, ...registryMigrations, ...mlflowMigrations]);
const tracking = { state, blobs: await openLocalBlobs({ folder: join(folder, "blobs") }), clock: systemClock };
const services = { tracking, registry: { state, clock: systemClock }, scratchFolder: join(folder, "scratch") };
const server = await serveRoutes([...mlflowRoutes, ...mlflowProbeRoutes], services);
console.log(server.address);

for await (const line of createInterface(process.stdin)) {
  if (line !== "memory") continue;
  const status = readFileSync("/proc/self/status", "utf8");
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024; // a line that Linux always has
  console.log(JSON.stringify({ now: of("VmRSS"), peak: of("VmHWM") }));
}
await server.close();
await state.close();
