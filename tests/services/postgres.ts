/** A real PostgreSQL for tests: a server of its own in a temporary folder, from Debian's package. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { installPackages, works } from "./debian-packages.ts";
import { freePort, isThere } from "./test-cache.ts";

const run = promisify(execFile);

export interface PostgresServer {
  /** Of its first database; nobody needs a password. */
  url: string;
  /** A new, empty database, by its URL. */
  database(name: string): Promise<string>;
  /** Kills the server and every process of it at once, as a power cut would. */
  crash(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const user = "millrace";
const startMs = 60_000;
const startTries = 3;

/** Starts a server on a free port; installs PostgreSQL first where it is missing. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = await postgresPrograms();
  const account = await serverAccount();
  const folder = await mkdtemp(join(tmpdir(), "millrace-postgres-"));
  if (account) await chown(folder, account.uid, account.gid);
  const data = join(folder, "data");
  const settings = ["-D", data, "-U", user, "--auth=trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"];
  await run(...asServer(account, join(programs, "initdb"), settings), { cwd: folder });

  let port = await freePort();
  let child: ChildProcess | undefined;
  const url = (database: string) => `postgres://${user}@127.0.0.1:${port}/${database}`;
  const start = async () => {
    child = await startServer(account, { program: join(programs, "postgres"), data, port, url: url("postgres") });
  };
  for (let tries = 1; ; tries++) {
    try {
      await start();
      break;
    } catch (error) {
      if (tries < startTries && /Address already in use/.test(String(error))) {
        port = await freePort();
        continue;
      }
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
  return {
    url: url("postgres"),
    async database(name) {
      await query(url("postgres"), `create database "${name}"`);
      return url(name);
    },
    async crash() {
      const pids = [child!.pid!, ...(await childrenOf(child!.pid!))];
      const ended = once(child!, "exit");
      for (const pid of pids) kill(pid);
      await ended;
      for (const pid of pids) while (await isRunning(pid)) await pause(10); // a start while one is left would be refused
    },
    start,
    async stop() {
      if (child!.exitCode === null && child!.signalCode === null) {
        const ended = once(child!, "exit");
        child!.kill("SIGINT"); // ends its sessions, then itself
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs one statement on a connection of its own. */
export async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined); // reported by the statement
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[]; // rows are typed by the statement's author
  } finally {
    await client.end();
  }
}

interface Account {
  uid: number;
  gid: number;
}

/** The server refuses to run as root, and is then started as the account that Debian makes for it. */
async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all(["-u", "-g"].map(async (option) => Number((await run("id", [option, "postgres"])).stdout)));
  return { uid: uid!, gid: gid! };
}

/** `setpriv` also has the system end the server when the test process dies, however it dies. */
function asServer(account: Account | undefined, program: string, args: string[]): [string, string[]] {
  const who = account ? [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"] : [];
  return ["setpriv", [...who, "--pdeathsig", "SIGQUIT", program, ...args]];
}

async function startServer(
  account: Account | undefined,
  { program, data, port, url }: { program: string; data: string; port: number; url: string },
): Promise<ChildProcess> {
  const settings = { listen_addresses: "127.0.0.1", port, unix_socket_directories: "", max_connections: 60, log_min_messages: "fatal" };
  const args = ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const child = spawn(...asServer(account, program, args), { cwd: data, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr!.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-4_000)));
  for (const end = Date.now() + startMs; Date.now() < end && child.exitCode === null;) {
    const answers = await query(url, "select 1").then(
      () => true,
      () => false,
    );
    if (answers && child.exitCode === null) return child;
    await pause(50);
  }
  child.kill("SIGKILL");
  throw new Error(`PostgreSQL did not start: ${said}`);
}

/** The folder of the server's programs, which is not on the path. */
async function postgresPrograms(): Promise<string> {
  const find = async () => {
    const above = "/usr/lib/postgresql";
    const versions = (await isThere(above)) ? await readdir(above) : [];
    const newest = versions
      .map(Number)
      .filter(Number.isInteger)
      .sort((a, b) => b - a);
    const debian = newest.map((version) => join(above, String(version), "bin"));
    const others = await run("pg_config", ["--bindir"]).then(
      ({ stdout }) => [stdout.trim()],
      () => [],
    );
    for (const folder of [...debian, ...others]) if (await isThere(join(folder, "initdb"))) return folder;
    return undefined;
  };
  const found = await find();
  if (found !== undefined && (await works("setpriv"))) return found;
  await installPackages(["postgresql", "util-linux"], "These tests need PostgreSQL.");
  const installed = await find();
  if (installed === undefined) throw new Error("PostgreSQL was installed, but its programs are not to be found.");
  return installed;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => ""); // gone already
  return text.split(" ").filter(Boolean).map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A process that has ended may stand in the table until its parent, or whoever has inherited it, asks for its end. */
async function isRunning(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined); // it is gone
  return text !== undefined && !text.slice(text.lastIndexOf(")") + 2).startsWith("Z");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
