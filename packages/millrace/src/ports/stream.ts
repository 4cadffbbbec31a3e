/**
 * A durable partitioned log of records. Embedded: segment files in the project's folder. Scale-out: Kafka.
 *
 * Words as in Kafka: a topic has partitions, a partition's records have ascending offsets from 0 (Kafka leaves gaps where
 * transactions ended; go on from `nextOffset`), a group is a name under which a consumer keeps how far it has come. Offsets are
 * integers below 2^53. An awaited write is durable.
 */

/** A record to append. Do not change its bytes before the append has resolved. */
export interface StreamInput {
  value: Uint8Array | string;
  /** Records of one key keep their order: they share a partition. */
  key?: Uint8Array | string;
  /** Epoch milliseconds of the event; the time of the append when left out. */
  timeMs?: number;
  headers?: Readonly<Record<string, string>>;
  /** Chooses the partition by number instead of by key. */
  partition?: number;
}

/** A record as read. The buffers are views into the chunk that was read: copy what is kept for long. */
export interface StreamRecord {
  offset: number;
  timeMs: number;
  key: Buffer | undefined;
  value: Buffer;
  headers: Readonly<Record<string, string>> | undefined;
}

/** Records of one partition that follow each other; never empty. */
export interface StreamBatch {
  topic: string;
  partition: number;
  records: StreamRecord[];
  /** Where to go on: the offset after the last record. This is what a group commits. */
  nextOffset: number;
}

/** Where the records of an append went in one partition: `firstOffset` … `firstOffset + count - 1`. */
export interface Appended {
  partition: number;
  firstOffset: number;
  count: number;
}

export interface AppendOptions {
  /**
   * Makes a repeated append harmless: a producer numbers its appends 0, 1, 2, … over all topics, and an append whose number was
   * already stored resolves to where it was stored first (to an empty list when that is no longer remembered), even after a
   * crash. A number that leaves a gap is a `conflict`.
   */
  sequence?: { producer: string; number: number };
}

export interface TopicPosition {
  topic: string;
  partition: number;
  offset: number;
}

export interface TopicOptions {
  /** Default 1. Fixed once the topic exists. */
  partitions?: number;
  /** Whole segments are dropped once all their records were appended longer ago than this. Default: kept for ever. */
  retentionMs?: number;
  /** The oldest segments are dropped while a partition is larger than this. Default: no limit. */
  retentionBytes?: number;
}

export interface PartitionInfo {
  partition: number;
  /** The oldest offset that can be read. */
  firstOffset: number;
  /** The offset that the next record will get. */
  endOffset: number;
  /** 0 where `capabilities.sizes` is false. */
  sizeBytes: number;
}

export interface TopicInfo {
  name: string;
  partitions: PartitionInfo[];
  retentionMs?: number;
  retentionBytes?: number;
}

/** How far a group has come in a partition: `offset` is the next record it wants. */
export interface GroupPosition extends TopicPosition {
  group: string;
  /** Records between `offset` and the end of the partition. */
  lag: number;
}

export interface ReadOptions {
  /** Default 0. */
  partition?: number;
  /**
   * An offset; the oldest or the end; the first record at or after a time; or where a group stands (the oldest record when it
   * has committed nothing).
   */
  from: number | "first" | "end" | { timeMs: number } | { group: string };
  /** Stops before this offset. Without `follow` reading stops at the end as it is when reading begins. */
  until?: number;
  /** Waits for new records instead of stopping at the end. */
  follow?: boolean;
  /** Ends the reading quietly, also while it waits. */
  signal?: AbortSignal;
  /** Most records of one batch; default 4096. */
  maxRecords?: number;
  /** About how many bytes are fetched at a time and thus held in memory; default 1 MB. A batch has at least one record, whatever its size. */
  maxBytes?: number;
}

/** What happens in one step or not at all: records are visible, offsets move and the state is kept together. */
export interface StreamTransaction {
  append?: { topic: string; records: StreamInput[] }[];
  offsets?: { group: string; positions: TopicPosition[] };
  /** A small state of the producer (see `capabilities.maxStateBytes`), given back when it is opened again. */
  state?: Uint8Array;
}

/** The right to write as one producer. Opening the same id again takes the right away from whoever held it. */
export interface StreamProducer {
  readonly id: string;
  readonly epoch: number;
  /** The state of the last committed transaction at the time of opening. */
  readonly state: Buffer | undefined;
  /** Resolves to one list for each entry of `append`. Throws `conflict` when the producer was opened again since. */
  commit(transaction: StreamTransaction): Promise<Appended[][]>;
}

export interface Stream {
  readonly capabilities: {
    /** `AppendOptions.sequence` is honoured across crashes. Where false, `append` with it throws `unsupported`. */
    sequencedAppends: boolean;
    /** Largest `StreamTransaction.state`; 0 where there is none. */
    maxStateBytes: number;
    /** Sizes in `PartitionInfo` are known. */
    sizes: boolean;
    /** The log can be written. */
    writable: boolean;
  };
  /** Makes a topic, or changes the retention of one that has as many partitions. Throws `conflict` where the number differs. */
  createTopic(name: string, options?: TopicOptions): Promise<TopicInfo>;
  /** The named topics, or all in the order of their names. Throws `not_found`. */
  topics(names?: string[]): Promise<TopicInfo[]>;
  /** Appends all records or none; durable when resolved. Throws `not_found`, `storage_full`. */
  append(topic: string, records: StreamInput[], options?: AppendOptions): Promise<Appended[]>;
  /** Reads one partition in order. Throws `not_found` for records that retention has dropped, `corrupt_data` for damaged ones. */
  read(topic: string, options: ReadOptions): AsyncIterable<StreamBatch>;
  openProducer(id: string): Promise<StreamProducer>;
  commitOffsets(group: string, positions: TopicPosition[]): Promise<void>;
  /** Positions of one group, or of all. A group that never committed has none. */
  groups(group?: string): Promise<GroupPosition[]>;
  /** Makes records before an offset unreadable and frees the segments that hold no others. */
  truncateBefore(topic: string, partition: number, offset: number): Promise<void>;
  /** Finishes the writes under way and ends all reading. */
  close(): Promise<void>;
}
