import { endianness } from "node:os";
import { dirname, join } from "node:path";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { GroupPosition, ReadOptions, Stream, StreamProducer, TopicInfo } from "#ports/stream";
import { checkName, checkPartitionCount, checkRetention, checkTopicName, sizeOfRecords } from "./embedded-checks.ts";
import { systemFiles, toStorageError, type LogFiles } from "./embedded-files.ts";
import { defaultLimits, type StreamLimits } from "./embedded-limits.ts";
import { dataFolder } from "./embedded-paths.ts";
import { planAppend, planOffsets, planProducer, planTopic, planTransaction, planTruncation } from "./embedded-plan.ts";
import { readPartition } from "./embedded-reader.ts";
import { loadLog, prepareJournal, publishJournal, repairLog, type LoadedLog } from "./embedded-recovery.ts";
import { emptyState, endOf, topicNamed, type LogState, type TopicState } from "./embedded-state.ts";
import { journalView, writerView, type ClosableView } from "./embedded-view.ts";
import { startWriter, type Writer } from "./embedded-writer.ts";

export interface EmbeddedStreamOptions {
  /** Made where it does not exist. At most one process may have it open for writing; see to that with the project's lock. */
  folder: string;
  clock: Clock;
  log: Log;
  limits?: Partial<StreamLimits>;
  /** Opens a log that another process may be writing to; never changes a byte of it. A folder without a log is an empty one. */
  readOnly?: boolean;
  files?: LogFiles;
}

/**
 * Opens the embedded log: topics in segment files under `folder`, made durable in groups (see embedded-writer.ts for how, and
 * embedded-recovery.ts for what a crash can leave behind). Throws `corrupt_data` naming file and position.
 */
export async function openEmbeddedStream(options: EmbeddedStreamOptions): Promise<Stream> {
  const { folder, files = systemFiles } = options;
  if (endianness() !== "LE") throw new AppError("unsupported", "The embedded stream needs a little-endian processor. Use Kafka.");
  const limits = { ...defaultLimits, ...options.limits };
  if (options.readOnly) return streamOf(await journalView(files, folder, limits.pollMs), undefined, limits);
  try {
    const loaded = await loadForWriting(files, folder, options.log);
    const view = writerView(files, folder, loaded.state);
    const writer = await startWriter({ ...options, files, state: loaded.state, journal: loaded.journal, limits, onCommit: view.wake });
    return streamOf(view, writer, limits);
  } catch (error) {
    throw toStorageError(error);
  }
}

async function loadForWriting(files: LogFiles, folder: string, log: Log): Promise<LoadedLog> {
  await files.makeFolder(dataFolder(folder));
  const loaded = await loadLog(files, folder);
  if (loaded) {
    await repairLog(files, folder, loaded, log);
    return loaded;
  }
  await files.syncFolder(dirname(folder));
  const state = emptyState();
  const prepared = await prepareJournal(files, folder, state);
  await publishJournal(files, folder, prepared);
  state.seq = prepared.seq;
  return { state, journal: { ...prepared, snapshotBytes: prepared.bytes }, lastSegments: [] };
}

function streamOf(view: ClosableView, maybeWriter: Writer | undefined, limits: StreamLimits): Stream {
  const writer = maybeWriter ?? refusingWriter(view.folder);

  async function topics(names?: string[]): Promise<TopicInfo[]> {
    await view.refresh();
    const state = view.state();
    return (names ?? [...state.topics.keys()].sort()).map((name) => topicInfo(topicNamed(state, name)));
  }

  return {
    capabilities: { sequencedAppends: true, maxStateBytes: limits.maxStateBytes, sizes: true, writable: maybeWriter !== undefined },
    async createTopic(name, topic = {}) {
      checkTopicName(name);
      checkPartitionCount(topic.partitions);
      checkRetention(topic);
      await writer.submit(0, (draft) => planTopic(draft, name, topic));
      return (await topics([name]))[0]!;
    },
    topics,
    async append(topic, records, { sequence } = {}) {
      if (sequence) checkName("producer", sequence.producer);
      return writer.submit(sizeOfRecords(records, limits), (draft) => planAppend(draft, topic, records, sequence));
    },
    read: (topic, read) => readPartition(view, topic, checkedRead(read)),
    async openProducer(id) {
      checkName("producer", id);
      const { epoch, state } = await writer.submit(0, (draft) => planProducer(draft, id));
      return producerOf(writer, limits, id, epoch, state === undefined ? undefined : Buffer.from(state, "base64"));
    },
    async commitOffsets(group, positions) {
      checkName("group", group);
      await writer.submit(0, (draft) => planOffsets(draft, group, positions));
    },
    async groups(group) {
      await view.refresh();
      return groupPositions(view.state(), group);
    },
    truncateBefore: (topic, partition, offset) => writer.submit(0, (draft) => planTruncation(draft, topic, partition, offset)),
    async close() {
      await writer.close();
      view.close();
    },
  };
}

function producerOf(writer: Writer, limits: StreamLimits, id: string, epoch: number, state: Buffer | undefined): StreamProducer {
  return {
    id,
    epoch,
    state,
    async commit(transaction) {
      if (transaction.offsets) checkName("group", transaction.offsets.group);
      const stateBytes = transaction.state?.length ?? 0;
      if (stateBytes > limits.maxStateBytes) {
        throw new AppError(
          "invalid_argument",
          `The state of producer "${id}" has ${stateBytes} bytes; at most ${limits.maxStateBytes} can be kept.`,
          {
            hint: "Keep large states in the blob store and only their key here.",
          },
        );
      }
      const records = (transaction.append ?? []).flatMap((part) => part.records);
      return writer.submit(stateBytes + sizeOfRecords(records, limits), (draft) => planTransaction(draft, { id, epoch }, transaction));
    },
  };
}

function checkedRead(options: ReadOptions): ReadOptions {
  for (const name of ["maxRecords", "maxBytes"] as const) {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new AppError("invalid_argument", `\`${name}\` of a read must be a whole number from 1 on, not ${value}.`);
  }
  return options;
}

function topicInfo(topic: TopicState): TopicInfo {
  return {
    name: topic.name,
    partitions: topic.partitions.map((partition) => ({
      partition: partition.index,
      firstOffset: partition.first,
      endOffset: endOf(partition),
      sizeBytes: partition.segments.reduce((sum, segment) => sum + segment.bytes, 0),
    })),
    ...(topic.retentionMs !== undefined && { retentionMs: topic.retentionMs }),
    ...(topic.retentionBytes !== undefined && { retentionBytes: topic.retentionBytes }),
  };
}

function groupPositions(state: LogState, only: string | undefined): GroupPosition[] {
  return [...state.groups]
    .filter(([group]) => only === undefined || group === only)
    .flatMap(([group, topics]) =>
      [...topics].flatMap(([topicId, offsets]) => {
        const topic = state.byId.get(topicId)!;
        return offsets.flatMap((offset, partition): GroupPosition[] => {
          if (offset === undefined) return [];
          const { first, ...rest } = topic.partitions[partition]!;
          return [{ group, topic: topic.name, partition, offset, lag: endOf({ first, ...rest }) - Math.max(offset, first) }];
        });
      }),
    );
}

function refusingWriter(folder: string): Writer {
  return {
    submit: () =>
      Promise.reject(
        new AppError("unsupported", `The stream in ${join(folder)} was opened for reading only.`, {
          hint: "Write to it from the process that owns the project.",
        }),
      ),
    close: () => Promise.resolve(),
  };
}
