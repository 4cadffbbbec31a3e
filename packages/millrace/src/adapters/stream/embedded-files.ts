import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { AppError, toAppError } from "#kit/app-error";
import { syncFolder } from "#kit/files";

/** An open file. Reads and writes name their position; `read` and `write` go on until all is done or the file ends. */
export interface LogFile {
  /** Bytes read, fewer than asked for only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  write(buffer: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** All that the log asks of a file system; tests pass one that fails. */
export interface LogFiles {
  /** `create` makes the file or empties it; `write` and `read` need it to be there (`ENOENT` otherwise). */
  open(path: string, mode: "read" | "write" | "create"): Promise<LogFile>;
  readAll(path: string): Promise<Buffer>;
  /** Size of a file, undefined where there is none. */
  size(path: string): Promise<number | undefined>;
  /** Names in a folder, sorted; empty where there is no folder. */
  list(path: string): Promise<string[]>;
  makeFolder(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const systemFiles: LogFiles = {
  open: openSystemFile,
  readAll: (path) => readFile(path),
  size: (path) => stat(path).then((found) => found.size, missingAs(undefined)),
  list: (path) => readdir(path).then((names) => names.sort(), missingAs([])),
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  syncFolder,
  rename,
  remove: (path) => rm(path, { force: true }),
};

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** As `toAppError`, with the ways in which a write can run out of room: also a limit on the size of files. */
export function toStorageError(error: unknown): AppError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (code === "EFBIG") {
    return new AppError("storage_full", `A file of the stream reached the largest size that is allowed: ${message}.`, {
      cause: error,
      hint: "Raise the limit (`ulimit -f`) and try again.",
    });
  }
  // Not a full disk: after a failed sync nobody knows what it holds, so the writer must not go on.
  if (code === "EIO")
    return new AppError("unavailable", `The disk of the stream failed: ${message}.`, {
      cause: error,
      hint: "Look after the disk, then start again.",
    });
  return toAppError(error);
}

/** Damage in a stored file, named by file and position. */
export function corrupt(path: string, position: number, reason: string): AppError {
  return new AppError("corrupt_data", `${path} is damaged at byte ${position}: ${reason}.`, {
    details: { path, position },
    hint: "Restore the file from a backup. To go on without the stream's history, move its folder away; a new one is made.",
  });
}

async function openSystemFile(path: string, mode: "read" | "write" | "create"): Promise<LogFile> {
  const handle = await open(path, { read: "r", write: "r+", create: "w+" }[mode]);
  return {
    async read(buffer, position) {
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(buffer, position) {
      for (let done = 0; done < buffer.length;) done += (await handle.write(buffer, done, buffer.length - done, position + done)).bytesWritten;
    },
    sync: () => handle.datasync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  };
}

function missingAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return value;
    throw error;
  };
}
