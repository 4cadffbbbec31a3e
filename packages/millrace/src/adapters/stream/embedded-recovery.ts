import { join } from "node:path";
import { crc32 } from "node:zlib";
import { AppError } from "#kit/app-error";
import type { Log } from "#kit/log";
import { headerBytes, segmentHeaderDamage } from "./embedded-batch.ts";
import { corrupt, isMissing, type LogFiles } from "./embedded-files.ts";
import { encodeFrame, journalFormat, scanFrames, type JournalRecord, type SegmentRow } from "./embedded-journal.ts";
import { dataFolder, journalName, partitionFolder, segmentName, segmentPath } from "./embedded-paths.ts";
import { applyRecord, emptyState, snapshotOf, type LogState } from "./embedded-state.ts";

/** The journal file in use: the next record goes to `bytes`; its snapshot ends at `snapshotBytes`. */
export interface JournalPlace {
  name: string;
  bytes: number;
  snapshotBytes: number;
}

/** A log as found on disk: what is committed, and how far the journal vouches for it. */
export interface LoadedLog {
  state: LogState;
  journal: JournalPlace;
  /** Segments that the last group wrote to; the process that wrote them may have ended before they were durable. */
  lastSegments: SegmentRow[];
}

/**
 * Reads what is committed, changing nothing. A group's data and its journal record are written and then made durable together,
 * and the next group begins after that; so only the last record can stand without its data, and then it is not taken.
 * Resolves to undefined where there is no log. Throws `corrupt_data`.
 */
export async function loadLog(files: LogFiles, folder: string): Promise<LoadedLog | undefined> {
  const found = await readNewestJournal(files, folder);
  if (!found) {
    if ((await files.list(dataFolder(folder))).length === 0) return undefined;
    throw corrupt(join(folder, journalName(0)), 0, "there are segments, but no journal that says what is in them");
  }
  const { name, content } = found;
  const path = join(folder, name);
  const frames = scanFrames(content, 0, -1, path);
  const [snapshot] = frames;
  if (!snapshot || snapshot.at !== 0) throw corrupt(path, 0, "the snapshot at its beginning is unreadable");
  if (snapshot.record.format !== journalFormat) {
    throw new AppError("unsupported", `${path} has format ${snapshot.record.format}; this Millrace reads format ${journalFormat}.`, {
      hint: "Open it with the version of Millrace that wrote it.",
    });
  }
  const state = emptyState();
  for (const frame of frames.slice(0, -1)) applyRecord(state, frame.record);
  const last = frames.at(-1)!;
  const kept = last === snapshot || (await hasItsData(files, folder, state, last.record));
  if (kept) applyRecord(state, last.record);
  return {
    state,
    journal: { name, bytes: kept ? last.at + last.bytes : last.at, snapshotBytes: snapshot.bytes },
    lastSegments: kept && last !== snapshot ? (last.record.segments ?? []) : [],
  };
}

/**
 * Brings the files in line with what is committed: cuts off what unfinished groups left, makes the last group durable, removes
 * files that belong to nothing. Throws `corrupt_data` where committed data is missing from a segment that is written to.
 */
export async function repairLog(files: LogFiles, folder: string, loaded: LoadedLog, log: Log): Promise<void> {
  const { state, journal } = loaded;
  await cutFile(files, join(folder, journal.name), journal.bytes, true, log);
  for (const topic of state.byId.values()) {
    for (const partition of topic.partitions) {
      const inUse = new Set(partition.segments.map((segment) => segmentName(segment.base)));
      const place = partitionFolder(folder, topic, partition.index);
      for (const name of await files.list(place)) {
        if (/^\d{20}\.seg$/.test(name) && !inUse.has(name)) await files.remove(join(place, name));
      }
      const active = partition.segments.at(-1);
      if (active) await cutFile(files, join(place, segmentName(active.base)), active.bytes, false, log);
    }
  }
  for (const row of loaded.lastSegments) await syncFile(files, segmentPath(folder, state.byId.get(row.topicId)!, row));
  for (const name of await files.list(folder))
    if (/^journal-.*(log|tmp)$/.test(name) && name !== journal.name) await files.remove(join(folder, name));
  await files.syncFolder(folder);
}

export interface PreparedJournal {
  name: string;
  seq: number;
  bytes: number;
}

/** Writes a journal that holds only a snapshot, under a temporary name. When it fails, nothing has changed. */
export async function prepareJournal(files: LogFiles, folder: string, state: LogState): Promise<PreparedJournal> {
  const seq = state.seq + 1;
  const frame = encodeFrame(snapshotOf(state, seq));
  const name = journalName(seq);
  const temporary = join(folder, `${name}.tmp`);
  try {
    const file = await files.open(temporary, "create");
    try {
      await file.write(frame, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await files.remove(temporary).catch(() => undefined); // the first error is the one to tell; opening removes leftovers
    throw error;
  }
  return { name, seq, bytes: frame.length };
}

/** Makes a prepared journal the one that counts. When it fails, it is unknown which one counts: nothing more may be written. */
export async function publishJournal(files: LogFiles, folder: string, prepared: PreparedJournal): Promise<void> {
  await files.rename(join(folder, `${prepared.name}.tmp`), join(folder, prepared.name));
  await files.syncFolder(folder);
}

async function readNewestJournal(files: LogFiles, folder: string): Promise<{ name: string; content: Buffer } | undefined> {
  for (;;) {
    const name = (await files.list(folder)).filter((entry) => /^journal-\d{20}\.log$/.test(entry)).at(-1);
    if (name === undefined) return undefined;
    try {
      return { name, content: await files.readAll(join(folder, name)) };
    } catch (error) {
      if (!isMissing(error)) throw error; // its owner has just replaced it: look again
    }
  }
}

/** Whether all that a record says was added to segments is there, byte for byte. */
export async function hasItsData(files: LogFiles, folder: string, before: LogState, record: JournalRecord): Promise<boolean> {
  for (const row of record.segments ?? []) {
    const topic = before.byId.get(row.topicId)!; // topics are made in groups of their own, before anything is appended to them
    const known = topic.partitions[row.partition]!.segments.at(-1);
    const from = known?.base === row.base ? known.bytes : 0;
    const added = await readRange(files, segmentPath(folder, topic, row), from, row.bytes);
    if (!added) return false;
    if (from === 0 && segmentHeaderDamage(added, row.topicId, row.partition, row.base)) return false;
    if (crc32(from === 0 ? added.subarray(headerBytes) : added) !== row.addedCrc) return false;
  }
  return true;
}

async function readRange(files: LogFiles, path: string, from: number, to: number): Promise<Buffer | undefined> {
  try {
    const file = await files.open(path, "read");
    try {
      const buffer = Buffer.allocUnsafe(to - from);
      return (await file.read(buffer, from)) === buffer.length ? buffer : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function cutFile(files: LogFiles, path: string, bytes: number, sync: boolean, log: Log): Promise<void> {
  const size = await files.size(path);
  if (size === undefined) throw corrupt(path, 0, `the file is missing, it should have ${bytes} bytes`);
  if (size < bytes) throw corrupt(path, size, `the file ends here, it should have ${bytes} bytes`);
  if (size === bytes && !sync) return;
  const file = await files.open(path, "write");
  try {
    if (size > bytes) {
      log.info("cut an unfinished write off the stream", { path, bytes, cutBytes: size - bytes });
      await file.truncate(bytes);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFile(files: LogFiles, path: string): Promise<void> {
  const file = await files.open(path, "write");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
