/** A real `millrace server` over an empty project, to be killed and started again on its port. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMillrace, type Running } from "../journeys/millrace-process.ts";
import { freePort } from "../services/test-cache.ts";

export interface TrackingServer {
  address: string;
  /** kill -9, and the same command again: resolves once it says that it serves. */
  killAndRestart(): Promise<void>;
  /** Ends it as a user would, and gives its exit code. */
  stop(): Promise<number | null>;
  remove(): Promise<void>;
}

/** @param state of the configuration, as an expression such as `postgres("…")`; SQLite unless told */
export async function startTrackingServer({ state }: { state?: string } = {}): Promise<TrackingServer> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-trainers-"));
  const config = [
    `import { defineConfig${state === undefined ? "" : ", postgres"} } from "millrace";`,
    `export default defineConfig({ name: "trainers"${state === undefined ? "" : `, state: ${state}`} });`,
  ];
  await writeFile(join(folder, "millrace.config.ts"), `${config.join("\n")}\n`);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "trainers", private: true, type: "module" }));
  const port = await freePort();
  const start = async (): Promise<Running> => {
    const running = startMillrace(folder, ["server", "--port", String(port)]);
    await running.says(/serves trainers at/);
    return running;
  };
  let running = await start();
  return {
    address: `http://127.0.0.1:${port}`,
    async killAndRestart() {
      running.child.kill("SIGKILL");
      await running.ended;
      running = await start();
    },
    async stop() {
      running.child.kill("SIGTERM");
      return (await running.ended).exit;
    },
    async remove() {
      running.child.kill("SIGKILL");
      await running.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
