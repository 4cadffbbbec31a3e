import { AppError } from "#kit/app-error";
import type { Appended } from "#ports/stream";
import { journalFormat, type JournalRecord, type SegmentRow } from "./embedded-journal.ts";

/** What the log holds, as the journal tells it. Changed only by `applyRecord`. */
export interface LogState {
  seq: number;
  topics: Map<string, TopicState>;
  byId: Map<number, TopicState>;
  /** group → topic id → offset of each partition, undefined where none was committed */
  groups: Map<string, Map<number, (number | undefined)[]>>;
  producers: Map<string, { epoch: number; state: string | undefined }>;
  sequences: Map<string, { next: number; recent: Appended[][] }>;
}

export interface TopicState {
  id: number;
  name: string;
  retentionMs: number | undefined;
  retentionBytes: number | undefined;
  partitions: PartitionState[];
}

export interface PartitionState {
  topicId: number;
  topic: string;
  index: number;
  /** The oldest offset that can be read. */
  first: number;
  /** By base offset; the last one is written to. Empty before the first record. */
  segments: SegmentState[];
}

export type SegmentState = Readonly<Omit<SegmentRow, "addedCrc">>;

export function emptyState(): LogState {
  return { seq: 0, topics: new Map(), byId: new Map(), groups: new Map(), producers: new Map(), sequences: new Map() };
}

export function endOf(partition: PartitionState): number {
  return partition.segments.at(-1)?.end ?? partition.first;
}

/** Throws `not_found`, naming the topics or partitions that there are. */
export function partitionAt(state: LogState, topic: string, index: number): PartitionState {
  const found = topicNamed(state, topic).partitions[index];
  if (found) return found;
  throw new AppError(
    "not_found",
    `Topic "${topic}" has no partition ${index}; it has ${state.topics.get(topic)!.partitions.length}, counted from 0.`,
  );
}

export function topicNamed(state: LogState, name: string): TopicState {
  const found = state.topics.get(name);
  if (found) return found;
  const names = [...state.topics.keys()].sort().slice(0, 20).join(", ");
  throw new AppError("not_found", `There is no topic "${name}" (there ${names ? `is: ${names}` : "are none yet"}).`, { hint: "Create it first." });
}

export function applyRecord(state: LogState, record: JournalRecord): void {
  state.seq = record.seq;
  for (const row of record.topics ?? []) {
    const partitions =
      state.byId.get(row.id)?.partitions ??
      Array.from({ length: row.partitions }, (_, index) => ({ topicId: row.id, topic: row.name, index, first: 0, segments: [] }));
    const topic = { id: row.id, name: row.name, retentionMs: row.retentionMs, retentionBytes: row.retentionBytes, partitions };
    state.topics.set(row.name, topic);
    state.byId.set(row.id, topic);
  }
  for (const { addedCrc: _, ...segment } of record.segments ?? []) {
    const partition = state.byId.get(segment.topicId)!.partitions[segment.partition]!;
    const { segments } = partition;
    if (segments.at(-1)?.base === segment.base) segments[segments.length - 1] = segment;
    else partition.segments = withoutDropped([...segments, segment], partition.first);
  }
  for (const [topicId, index, first] of record.firsts ?? []) {
    const partition = state.byId.get(topicId)!.partitions[index]!;
    partition.first = first;
    partition.segments = withoutDropped(partition.segments, first);
  }
  for (const [group, topicId, index, offset] of record.offsets ?? []) {
    const topics = getOrAdd(state.groups, group, () => new Map<number, (number | undefined)[]>());
    getOrAdd(topics, topicId, () => [])[index] = offset;
  }
  for (const { id, epoch, state: kept } of record.producers ?? []) state.producers.set(id, { epoch, state: kept });
  for (const { producer, next, recent } of record.sequences ?? []) state.sequences.set(producer, { next, recent });
}

/** The last segment stays, also when nothing in it can be read any more: it holds the partition's end. */
function withoutDropped(segments: SegmentState[], first: number): SegmentState[] {
  return segments.filter((segment, i) => segment.end > first || i === segments.length - 1);
}

/** A record that makes an empty state equal to this one. */
export function snapshotOf(state: LogState, seq: number): JournalRecord {
  const partitions = [...state.byId.values()].flatMap((topic) => topic.partitions);
  return {
    seq,
    format: journalFormat,
    topics: [...state.byId.values()].map(({ id, name, retentionMs, retentionBytes, partitions: all }) => ({
      id,
      name,
      partitions: all.length,
      ...(retentionMs !== undefined && { retentionMs }),
      ...(retentionBytes !== undefined && { retentionBytes }),
    })),
    segments: partitions.flatMap((partition) => partition.segments),
    firsts: partitions.map((partition) => [partition.topicId, partition.index, partition.first]),
    offsets: [...state.groups].flatMap(([group, topics]) =>
      [...topics].flatMap(([topicId, offsets]) =>
        offsets.flatMap((offset, index): [string, number, number, number][] => (offset === undefined ? [] : [[group, topicId, index, offset]])),
      ),
    ),
    producers: [...state.producers].map(([id, { epoch, state: kept }]) => ({ id, epoch, ...(kept !== undefined && { state: kept }) })),
    sequences: [...state.sequences].map(([producer, { next, recent }]) => ({ producer, next, recent })),
  };
}

export function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
