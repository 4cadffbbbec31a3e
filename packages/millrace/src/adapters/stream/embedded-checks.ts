import { AppError } from "#kit/app-error";
import type { StreamInput, TopicOptions } from "#ports/stream";
import { byteLength } from "./embedded-batch.ts";
import type { StreamLimits } from "./embedded-limits.ts";

/** As Kafka's rule for names of topics, shorter because the name is part of a folder's. */
export function checkTopicName(name: string): void {
  if (/^[A-Za-z0-9._-]{1,200}$/.test(name)) return;
  throw new AppError("invalid_argument", `"${name}" cannot be the name of a topic.`, {
    hint: "Use 1 to 200 letters, digits, dots, underscores and hyphens.",
  });
}

export function checkName(what: "group" | "producer", name: string): void {
  if (name.length >= 1 && name.length <= 200) return;
  throw new AppError("invalid_argument", `The name of a ${what} must have 1 to 200 characters, not ${name.length}.`);
}

export function checkPartitionCount(partitions: number | undefined): void {
  if (partitions === undefined || (Number.isSafeInteger(partitions) && partitions >= 1 && partitions <= 1024)) return;
  throw new AppError("invalid_argument", `A topic can have 1 to 1024 partitions, not ${partitions}.`);
}

export function checkRetention(options: TopicOptions): void {
  for (const name of ["retentionMs", "retentionBytes"] as const) {
    const value = options[name];
    if (value === undefined || (Number.isFinite(value) && value >= 0)) continue;
    throw new AppError("invalid_argument", `\`${name}\` of a topic cannot be ${value}.`);
  }
}

/** Bytes of all records. Throws `invalid_argument` for a record that cannot be stored, naming its position in the list. */
export function sizeOfRecords(records: StreamInput[], limits: StreamLimits): number {
  let total = 0;
  let lastHeaders: StreamInput["headers"];
  let headersBytes = 0;
  for (const [i, { value, key, timeMs, headers }] of records.entries()) {
    if (headers !== lastHeaders) {
      lastHeaders = headers;
      headersBytes = headers === undefined ? 0 : Buffer.byteLength(JSON.stringify(headers));
    }
    const bytes = byteLength(value) + (key === undefined ? 0 : byteLength(key)) + headersBytes;
    if (bytes > limits.maxRecordBytes) throw invalidRecord(i, `has ${bytes} bytes; a record can have ${limits.maxRecordBytes}`);
    if (timeMs !== undefined && !Number.isFinite(timeMs)) throw invalidRecord(i, `has the time ${timeMs}; it must be epoch milliseconds`);
    total += bytes;
  }
  if (total > limits.maxAppendBytes) {
    throw new AppError("invalid_argument", `An append of ${total} bytes is too large; ${limits.maxAppendBytes} can be written in one step.`, {
      hint: "Append in smaller parts.",
    });
  }
  return total;
}

function invalidRecord(index: number, reason: string): AppError {
  return new AppError("invalid_argument", `Record ${index} of the append ${reason}.`);
}
