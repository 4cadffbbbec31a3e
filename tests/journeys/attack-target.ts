/**
 * A real server over a project of its own, with what an attacker would want: files with secrets inside and beside the project, and a
 * listener that nobody has a reason to call.
 */
import { createHash, randomUUID } from "node:crypto";
import { Agent, createServer, request as send, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createToken } from "#domains/access";
import { loginOf, openProject, type OpenedProject } from "#entry/open-project";
import { allRoutes } from "#entry/routes";
import { startServer } from "#entry/server";
import { silentLog } from "#kit/log";

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface Asked {
  method: string;
  /** As it goes over the wire: nothing is normalised or encoded. */
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface AttackTarget {
  folder: string;
  secret: string;
  /** What the listener was asked for: nothing, ever. */
  reached: string[];
  listener: string;
  services: OpenedProject["services"];
  /** To the server on loopback, where no token is needed. */
  ask(asked: Asked): Promise<Answer>;
  /** To the same project served as if not on loopback: nobody without a token. */
  askAsStranger(asked: Asked): Promise<Answer>;
  token(...permissions: string[]): Promise<string>;
  /** SHA-256 over names and contents of all files that no request may touch. */
  outside(): Promise<string>;
  close(): Promise<void>;
}

/** Spelled so that it is loopback to the system and not to the server, which therefore asks for tokens; nothing leaves the machine. */
const strangeLoopback = "127.1";

export async function openAttackTarget(): Promise<AttackTarget> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-attack-"));
  const project = join(folder, "project");
  const secret = `canary-${randomUUID()}`;
  await mkdir(join(project, "private"), { recursive: true });
  for (const file of [join(folder, "secret.txt"), join(project, "secret.txt"), join(project, "private", "MLmodel")]) await writeFile(file, secret);
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(project, "millrace.config.ts"), `export default { kind: "config", name: "attacked", log: "silent" };\n`);
  const opened = await openProject({ folder: project, environment: {}, purpose: "a test of attacks" });
  const reached: string[] = [];
  const trap = await openTrap(reached);
  const serve = (host: string) =>
    startServer({ routes: allRoutes, services: opened.services, host, port: 0, version: "0", log: silentLog, ...loginOf(opened.services) });
  const near = await serve("127.0.0.1");
  await createToken(opened.services.access, "admin", ["access:write"]);
  const far = await serve(strangeLoopback);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const at = (address: string) => (asked: Asked) => ask(agent, Number(new URL(address).port), asked);
  let tokens = 0;
  return {
    ...{ folder, secret, reached, listener: trap.address, services: opened.services, ask: at(near.address), askAsStranger: at(far.address) },
    token: async (...permissions) => (await createToken(opened.services.access, `t${(tokens += 1)}`, permissions)).secret,
    outside: () => digestOf(folder, [".millrace"]),
    async close() {
      agent.destroy();
      await Promise.all([near.close(), far.close()]);
      await opened.close();
      await trap.close();
      await rm(folder, { recursive: true });
    },
  };
}

function ask(agent: Agent, port: number, { method, path, headers, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = send(
      {
        agent,
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(body ?? "")), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString("latin1") }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

async function openTrap(reached: string[]): Promise<{ address: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    reached.push(`${request.method} ${request.url}`);
    response.end("caught");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => void server.close(),
  };
}

async function digestOf(folder: string, without: string[]): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .filter(({ path }) => !without.some((name) => path.includes(`/${name}`)));
  for (const { entry, path } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${path}\0`);
    if (entry.isFile()) hash.update(await readFile(path));
  }
  return hash.digest("hex");
}
