import { join } from "node:path";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import { toStorageError, type LogFile, type LogFiles } from "./embedded-files.ts";
import { encodeFrame, type JournalRecord } from "./embedded-journal.ts";
import type { StreamLimits } from "./embedded-limits.ts";
import { segmentPath } from "./embedded-paths.ts";
import { draftRecord, newDraft, type Draft } from "./embedded-plan.ts";
import { prepareJournal, publishJournal, type JournalPlace } from "./embedded-recovery.ts";
import { retentionFirsts } from "./embedded-retention.ts";
import { encodeSegments, openSegments, type SegmentWrite } from "./embedded-segments.ts";
import { applyRecord, type LogState } from "./embedded-state.ts";

/*
 * Group commit. Hot path: every write of every stream waits here.
 * Budget: one round of parallel fdatasync a group, whatever the number of callers, topics and offsets in it; 300,000 records/s of
 * 200 bytes in appends of 256 to 4,096. Benchmark: bench/log.
 *
 * All requests that wait when a group begins become one group: their records are written to the segments, then one record to the
 * journal, then all touched files are made durable together. Only then do the callers and readers learn of it. The next group
 * begins afterwards, so that after a crash at most the last journal record can lack its data (see `loadLog`).
 */

export interface Writer {
  /** Runs `plan` as part of the next group and resolves to its result once that is durable. An error of `plan` rejects only this request. */
  submit<T>(bytes: number, plan: (draft: Draft) => T): Promise<T>;
  /** Finishes what was submitted, leaves a journal that is one snapshot, and closes the files. */
  close(): Promise<void>;
}

export interface WriterOptions {
  folder: string;
  files: LogFiles;
  state: LogState;
  journal: JournalPlace;
  limits: StreamLimits;
  clock: Clock;
  log: Log;
  /** Called after each group, when its records can be read. */
  onCommit: () => void;
}

interface Request {
  bytes: number;
  plan: (draft: Draft) => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

export async function startWriter(options: WriterOptions): Promise<Writer> {
  const { folder, files, state, limits, clock, log, onCommit } = options;
  const segments = openSegments(files, folder, state);
  let journal = { ...options.journal, file: await files.open(join(folder, options.journal.name), "write") };
  let renewAfterBytes = 0;
  let queue: Request[] = [];
  let running: Promise<void> | undefined;
  let closed = false;
  let broken: AppError | undefined;
  let retentionCheckedMs = -Infinity;

  function submit<T>(bytes: number, plan: (draft: Draft) => T): Promise<T> {
    if (closed) return Promise.reject(new AppError("unavailable", "The stream is closed.", { hint: "Open it again." }));
    if (broken) return Promise.reject(broken);
    return new Promise<T>((resolve, reject) => {
      queue.push({ bytes, plan, resolve, reject }); // `resolve` gets what `plan` of the same request returned
      running ??= run();
    });
  }

  async function run(): Promise<void> {
    await new Promise(setImmediate); // requests of this turn of the event loop share a group
    while (queue.length > 0 && !broken) {
      await commit(nextGroup());
      if (!broken) await keepHouse();
    }
    running = undefined;
    if (broken) for (const request of queue.splice(0)) request.reject(broken);
  }

  function nextGroup(): Request[] {
    let bytes = 0;
    let count = 0;
    while (count < queue.length && (count === 0 || bytes + queue[count]!.bytes <= limits.groupBytes)) bytes += queue[count++]!.bytes;
    return queue.splice(0, count);
  }

  async function commit(group: Request[]): Promise<void> {
    const draft = newDraft(state, clock.now());
    const planned = group.flatMap((request) => {
      try {
        return [{ request, result: request.plan(draft) as never }]; // see `submit`
      } catch (error) {
        request.reject(error);
        return [];
      }
    });
    try {
      const record = draftRecord(draft);
      if (record) await store(draft, record);
    } catch (error) {
      for (const { request } of planned) request.reject(error);
      return;
    }
    for (const { request, result } of planned) request.resolve(result);
  }

  async function store(draft: Draft, record: JournalRecord): Promise<void> {
    const writes = encodeSegments(draft, limits.segmentBytes);
    if (writes.length > 0) record.segments = writes.map((write) => write.row);
    const frame = encodeFrame(record);
    let written: { write: SegmentWrite; file: LogFile }[] = [];
    let syncing = false;
    try {
      written = await segments.write(writes);
      await journal.file.write(frame, journal.bytes);
      syncing = true;
      await Promise.all([journal.file.sync(), ...written.map(({ file }) => file.sync())]);
    } catch (error) {
      const reason = toStorageError(error);
      await undo(writes, syncing, reason);
      throw reason;
    }
    journal.bytes += frame.length;
    const before = segmentPaths(record);
    applyRecord(state, record);
    const after = new Set(segmentPaths(record));
    await segments.drop(before.filter((path) => !after.has(path))).catch((error: unknown) => {
      log.warn("could not remove segments that are no longer needed; opening the stream again will", { error: String(error) });
    });
    onCommit();
  }

  /** Takes an unfinished group back: durably in the journal first, since a record there could count after a crash. */
  async function undo(writes: SegmentWrite[], wasSyncing: boolean, reason: AppError): Promise<void> {
    try {
      await journal.file.truncate(journal.bytes);
      await journal.file.sync();
      await segments.undo(writes);
      if (wasSyncing && reason.code !== "storage_full") throw reason; // after a failed sync nobody knows what the disk holds
    } catch (error) {
      broken = new AppError("unavailable", `The stream cannot be written any more: ${reason.message}`, {
        cause: error,
        hint: "Check the disk, then start again; opening the stream keeps everything that was acknowledged.",
      });
    }
  }

  async function keepHouse(): Promise<void> {
    const nowMs = clock.now();
    if (nowMs - retentionCheckedMs >= limits.retentionCheckMs) {
      retentionCheckedMs = nowMs;
      const draft = newDraft(state, nowMs);
      draft.firsts = retentionFirsts(state, nowMs);
      const record = draftRecord(draft);
      if (record) await store(draft, record).catch(warnOf("apply the retention"));
    }
    if (broken || journal.bytes <= Math.max(limits.journalBytes, 4 * journal.snapshotBytes, renewAfterBytes)) return;
    renewAfterBytes = journal.bytes + limits.journalBytes; // where there is no room for a new one, it is not tried after each group
    await renewJournal().catch(warnOf("shorten the journal"));
  }

  async function renewJournal(): Promise<void> {
    const prepared = await prepareJournal(files, folder, state);
    try {
      await publishJournal(files, folder, prepared);
      const old = journal;
      state.seq = prepared.seq;
      renewAfterBytes = 0;
      journal = { ...prepared, snapshotBytes: prepared.bytes, file: await files.open(join(folder, prepared.name), "write") };
      await old.file.close();
      await files.remove(join(folder, old.name));
    } catch (error) {
      broken = new AppError("unavailable", "The stream cannot be written any more: its journal could not be replaced.", {
        cause: error,
        hint: "Check the disk, then start again; opening the stream keeps everything that was acknowledged.",
      });
      throw error;
    }
  }

  function segmentPaths({ segments: rows = [], firsts = [] }: JournalRecord): string[] {
    const touched = new Set([...rows.map((row) => `${row.topicId}/${row.partition}`), ...firsts.map(([id, index]) => `${id}/${index}`)]);
    return [...touched].flatMap((name) => {
      const [id, index] = name.split("/").map(Number);
      const topic = state.byId.get(id!)!;
      return topic.partitions[index!]!.segments.map((segment) => segmentPath(folder, topic, segment));
    });
  }

  function warnOf(what: string): (error: unknown) => void {
    return (error) => log.warn(`could not ${what} of the stream`, { error: String(error) });
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await running;
    if (!broken && journal.bytes !== journal.snapshotBytes) await renewJournal().catch(warnOf("shorten the journal"));
    await journal.file.close();
    await segments.close();
  }

  await submit(0, (draft) => void draft.firsts.push(...retentionFirsts(state, draft.nowMs)));
  return { submit, close };
}
