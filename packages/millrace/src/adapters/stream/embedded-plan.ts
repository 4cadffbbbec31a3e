import { AppError } from "#kit/app-error";
import type { Appended, AppendOptions, StreamInput, StreamTransaction, TopicOptions, TopicPosition } from "#ports/stream";
import type { JournalRecord, ProducerRow, SequenceRow, TopicRow } from "./embedded-journal.ts";
import { partitionOf } from "./embedded-partitioner.ts";
import { endOf, getOrAdd, partitionAt, topicNamed, type LogState, type PartitionState, type TopicState } from "./embedded-state.ts";

/**
 * What one group of writes will change. Each `plan…` function checks one request against the state and the requests before it in
 * the group, and either throws, leaving the draft as it was, or adds the whole request to it.
 */
export interface Draft {
  readonly state: LogState;
  readonly nowMs: number;
  appends: Map<PartitionState, { count: number; lists: StreamInput[][] }>;
  topics: Map<string, TopicRow>;
  firsts: [number, number, number][];
  offsets: [string, number, number, number][];
  producers: Map<string, ProducerRow>;
  sequences: Map<string, SequenceRow>;
}

/** How many of a producer's newest appends are remembered with their offsets. */
const rememberedAppends = 5;

export function newDraft(state: LogState, nowMs: number): Draft {
  return { state, nowMs, appends: new Map(), topics: new Map(), firsts: [], offsets: [], producers: new Map(), sequences: new Map() };
}

/** The draft as a journal record, without its segments; undefined where there is nothing to write. */
export function draftRecord(draft: Draft): JournalRecord | undefined {
  const { topics, firsts, offsets, producers, sequences } = draft;
  if (draft.appends.size + topics.size + firsts.length + offsets.length + producers.size + sequences.size === 0) return undefined;
  return {
    seq: draft.state.seq + 1,
    ...(topics.size > 0 && { topics: [...topics.values()] }),
    ...(firsts.length > 0 && { firsts }),
    ...(offsets.length > 0 && { offsets }),
    ...(producers.size > 0 && { producers: [...producers.values()] }),
    ...(sequences.size > 0 && { sequences: [...sequences.values()] }),
  };
}

export function planTopic(draft: Draft, name: string, options: TopicOptions): void {
  const { retentionMs, retentionBytes } = options;
  const known = draft.topics.get(name) ?? existingTopic(draft.state, name);
  if (
    known &&
    known.retentionMs === retentionMs &&
    known.retentionBytes === retentionBytes &&
    (options.partitions ?? known.partitions) === known.partitions
  )
    return;
  if (known && options.partitions !== undefined && options.partitions !== known.partitions) {
    throw new AppError("conflict", `Topic "${name}" has ${known.partitions} partitions, not ${options.partitions}.`, {
      hint: "The number is fixed once the topic exists: keys would move to other partitions. Use another name.",
    });
  }
  draft.topics.set(name, {
    id: known?.id ?? Math.max(0, ...draft.state.byId.keys(), ...[...draft.topics.values()].map((topic) => topic.id)) + 1,
    name,
    partitions: known?.partitions ?? options.partitions ?? 1,
    ...(retentionMs !== undefined && { retentionMs }),
    ...(retentionBytes !== undefined && { retentionBytes }),
  });
}

export function planAppend(draft: Draft, topic: string, records: StreamInput[], sequence: AppendOptions["sequence"]): Appended[] {
  const target = topicNamed(draft.state, topic);
  if (!sequence) return take(draft, route(draft, target, records));
  const { producer, number } = sequence;
  const { next, recent } = draft.sequences.get(producer) ?? draft.state.sequences.get(producer) ?? { next: 0, recent: [] };
  if (number < next) return recent[recent.length - (next - number)] ?? [];
  if (number > next) {
    throw new AppError("conflict", `Producer "${producer}" appends number ${number}, but number ${next} is the next one.`, {
      details: { producer, expected: next, got: number },
      hint: "An append before this one failed or was left out. Append it first; repeating an append is harmless.",
    });
  }
  const appended = take(draft, route(draft, target, records));
  draft.sequences.set(producer, { producer, next: number + 1, recent: [...recent.slice(1 - rememberedAppends), appended] });
  return appended;
}

/** Raises the producer's epoch, which fences whoever opened it before. */
export function planProducer(draft: Draft, id: string): ProducerRow {
  const known = currentProducer(draft, id);
  const row: ProducerRow = { id, epoch: (known?.epoch ?? 0) + 1, ...(known?.state !== undefined && { state: known.state }) };
  draft.producers.set(id, row);
  return row;
}

export function planTransaction(draft: Draft, producer: { id: string; epoch: number }, transaction: StreamTransaction): Appended[][] {
  const epoch = currentProducer(draft, producer.id)?.epoch;
  if (epoch !== producer.epoch) {
    throw new AppError(
      "conflict",
      `Producer "${producer.id}" was opened again: epoch ${producer.epoch} may not write any more, epoch ${epoch} does.`,
      {
        details: { producer: producer.id, epoch: producer.epoch, current: epoch },
        hint: "Another worker has taken over. Stop this one, or open the producer again to take over from it.",
      },
    );
  }
  const { append = [], offsets, state } = transaction;
  const targets = append.map(({ topic }) => topicNamed(draft.state, topic));
  for (const [i, { records }] of append.entries()) checkPartitions(targets[i]!, records);
  if (offsets) planOffsets(draft, offsets.group, offsets.positions);
  if (state) draft.producers.set(producer.id, { ...producer, state: Buffer.from(state.buffer, state.byteOffset, state.length).toString("base64") });
  return append.map(({ records }, i) => take(draft, route(draft, targets[i]!, records)));
}

export function planOffsets(draft: Draft, group: string, positions: TopicPosition[]): void {
  const rows = positions.map(({ topic, partition, offset }): [string, number, number, number] => {
    const target = partitionAt(draft.state, topic, partition);
    checkOffset(target, offset);
    return [group, target.topicId, partition, offset];
  });
  draft.offsets.push(...rows);
}

export function planTruncation(draft: Draft, topic: string, partition: number, offset: number): void {
  const target = partitionAt(draft.state, topic, partition);
  checkOffset(target, offset);
  if (offset > target.first) draft.firsts.push([target.topicId, partition, offset]);
}

function checkOffset(partition: PartitionState, offset: number): void {
  const end = endOf(partition);
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= end) return;
  throw new AppError(
    "invalid_argument",
    `Offset ${offset} is not in partition ${partition.index} of topic "${partition.topic}", which ends at ${end}.`,
  );
}

function existingTopic(
  state: LogState,
  name: string,
): ({ [K in keyof TopicRow]: TopicRow[K] | undefined } & { id: number; partitions: number }) | undefined {
  const topic = state.topics.get(name);
  return topic && { ...topic, partitions: topic.partitions.length };
}

function currentProducer(draft: Draft, id: string): { epoch: number; state?: string | undefined } | undefined {
  return draft.producers.get(id) ?? draft.state.producers.get(id);
}

function checkPartitions(topic: TopicState, records: StreamInput[]): void {
  for (const { partition } of records) if (partition !== undefined && !topic.partitions[partition]) partitionMissing(topic, partition);
}

function partitionMissing(topic: TopicState, partition: number): never {
  throw new AppError("invalid_argument", `Topic "${topic.name}" has ${topic.partitions.length} partitions; there is no partition ${partition}.`);
}

/** Which records go to which partition: by number, else by key, else all to the partition that has had the fewest records. */
function route(draft: Draft, topic: TopicState, records: StreamInput[]): Map<PartitionState, StreamInput[]> {
  const { partitions } = topic;
  checkPartitions(topic, records);
  if (partitions.length === 1) return new Map(records.length > 0 ? [[partitions[0]!, records]] : []);
  const lengthOf = (partition: PartitionState) => endOf(partition) + (draft.appends.get(partition)?.count ?? 0);
  const shortest = partitions.reduce((best, partition) => (lengthOf(partition) < lengthOf(best) ? partition : best));
  const routed = new Map<PartitionState, StreamInput[]>();
  for (const record of records) {
    const { key } = record;
    const index =
      record.partition ?? (key === undefined ? shortest.index : partitionOf(typeof key === "string" ? Buffer.from(key) : key, partitions.length));
    const list = routed.get(partitions[index]!);
    if (list) list.push(record);
    else routed.set(partitions[index]!, [record]);
  }
  return routed;
}

function take(draft: Draft, routed: Map<PartitionState, StreamInput[]>): Appended[] {
  return [...routed].map(([partition, records]) => {
    const waiting = getOrAdd(draft.appends, partition, () => ({ count: 0, lists: [] }));
    const firstOffset = endOf(partition) + waiting.count;
    waiting.lists.push(records);
    waiting.count += records.length;
    return { partition: partition.index, firstOffset, count: records.length };
  });
}
