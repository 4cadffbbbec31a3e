import { afterAll, beforeAll, expect, test } from "vitest";
import { killWhileTraining } from "../crash/kill-while-training.ts";
import { startTrackingServer, type TrackingServer } from "../crash/tracking-server.ts";
import { startPostgres, type PostgresServer } from "./postgres.ts";

let postgres: PostgresServer;
let server: TrackingServer;
beforeAll(async () => {
  postgres = await startPostgres();
  const url = await postgres.database("trainers");
  server = await startTrackingServer({ state: `postgres(${JSON.stringify(url)})` });
});
afterAll(async () => {
  await server?.remove();
  await postgres?.stop();
});

test("8 trainers lose nothing when their server is killed twice, and PostgreSQL in between", { timeout: 600_000 }, async () => {
  const crashDatabase = async () => {
    await postgres.crash();
    await postgres.start();
  };
  const kills = [() => server.killAndRestart(), crashDatabase, () => server.killAndRestart()];
  const { losses, summary } = await killWhileTraining({ address: server.address, trainers: 8, seconds: 40, kills });
  console.log(`  ${summary}`);
  expect(losses).toEqual([]);
});
