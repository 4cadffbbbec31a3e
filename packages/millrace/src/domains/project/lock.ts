import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AppError, toAppError } from "#kit/app-error";

/** Who holds a project: enough to find it and to talk to it. */
export interface Holder {
  pid: number;
  command: string;
  sinceMs: number;
  /** Address of its server, once it listens. */
  address?: string;
}

export interface ProjectLock {
  /** Tells others where this process listens. */
  announce(address: string): void;
  release(): void;
}

/**
 * Takes the project for this process. The lock is SQLite's own exclusive file lock, which the operating system drops when
 * its holder ends, however it ends: a killed process never leaves a project locked. Throws `project_in_use`.
 */
export function lockProject(home: string, command: string): ProjectLock {
  makeHome(home);
  const handle = new DatabaseSync(join(home, "lock.db"), { timeout: 0 });
  try {
    handle.exec("pragma locking_mode = exclusive; begin exclusive; commit"); // in this mode the lock is kept after the commit
    handle.exec("create table if not exists held (x); begin exclusive; insert into held values (1); delete from held; commit");
  } catch (error) {
    handle.close();
    if (!/database is locked/.test(String(error))) throw toAppError(error);
    const holder = holderOf(home);
    throw new AppError("project_in_use", `Another process holds this project${holder ? `: ${holder.command} (process ${holder.pid})` : ""}.`, {
      cause: error,
      hint: holder?.address ? `Use it over its server at ${holder.address}, or stop it first.` : "Wait until it has ended, or stop it.",
    });
  }
  const file = join(home, "holder.json");
  const holder: Holder = { pid: process.pid, command, sinceMs: Date.now() };
  writeFileSync(file, JSON.stringify(holder));
  return {
    announce: (address) => writeFileSync(file, JSON.stringify({ ...holder, address })),
    release() {
      rmSync(file, { force: true });
      handle.close();
    },
  };
}

/**
 * Makes the folder, for its owner alone, and those above it, one by one: Node's own recursive way never ends where a file system refuses
 * new names (`/proc`).
 */
function makeHome(home: string, mode = 0o700): void {
  if (existsSync(home)) return;
  try {
    if (!existsSync(dirname(home))) makeHome(dirname(home), 0o777);
    mkdirSync(home, { mode });
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      "invalid_config",
      `The project's state cannot be kept in ${home}: ${error instanceof Error ? error.message : String(error)}.`,
      {
        cause: error,
        hint: "Set `home` in millrace.config.ts, or MILLRACE_HOME, to a folder that can be written.",
      },
    );
  }
}

/** The process that said it holds the project, if any; it may have died since. */
export function holderOf(home: string): Holder | undefined {
  const file = join(home, "holder.json");
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder; // written by `lockProject`
  } catch {
    return undefined; // being written this moment
  }
}
