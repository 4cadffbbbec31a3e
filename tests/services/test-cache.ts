import { once } from "node:events";
import { access, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder that keeps what tests build or download between runs: `$MILLRACE_TEST_CACHE`, or `~/.cache/millrace-tests`. */
export async function testCache(name: string): Promise<string> {
  const folder = join(process.env["MILLRACE_TEST_CACHE"] || join(homedir(), ".cache", "millrace-tests"), name);
  await mkdir(folder, { recursive: true });
  return folder;
}

export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
