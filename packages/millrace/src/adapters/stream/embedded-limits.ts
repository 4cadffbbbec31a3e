/** Sizes and times of the embedded log. */
export interface StreamLimits {
  /** A segment is closed and a new one begun once it is this large; retention drops whole segments. */
  segmentBytes: number;
  /** The journal is rewritten as a snapshot once it is this large. */
  journalBytes: number;
  /** About how much is made durable in one group. Encoding it holds the event loop for about 1 ms a megabyte. */
  groupBytes: number;
  /** Largest record: key, value and headers. */
  maxRecordBytes: number;
  /** Largest append or transaction. */
  maxAppendBytes: number;
  maxStateBytes: number;
  /** How often retention looks for segments to drop; it looks after a write and on opening. */
  retentionCheckMs: number;
  /** How often a reader of another process's log looks for news while it follows. */
  pollMs: number;
}

export const defaultLimits: StreamLimits = {
  segmentBytes: 64 << 20,
  journalBytes: 4 << 20,
  groupBytes: 4 << 20,
  maxRecordBytes: 16 << 20,
  maxAppendBytes: 64 << 20,
  maxStateBytes: 1 << 20,
  retentionCheckMs: 60_000,
  pollMs: 100,
};
