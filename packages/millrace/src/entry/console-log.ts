/** What a run printed, kept while it goes on: bounded, and saved more seldom the longer it gets. */

export interface ConsoleLog {
  write(bytes: Uint8Array): void;
  /** Saves what is new, if enough is. */
  save(): Promise<void>;
  /** Saves all that came. */
  close(): Promise<void>;
}

export interface ConsoleLogOptions {
  /** Stores the whole log as it stands, in the place of the last one. */
  store: (log: Uint8Array) => Promise<void>;
  /** Of a longer log the first tenth and the end are kept. Default 10 MB. */
  limitBytes?: number;
}

export function openConsoleLog({ store, limitBytes = 10_000_000 }: ConsoleLogOptions): ConsoleLog {
  const headBytes = Math.floor(limitBytes / 10);
  const tailBytes = limitBytes - headBytes;
  let head: Uint8Array[] = [];
  let tail: Uint8Array[] = [];
  let [inHead, inTail, leftOut, written, stored] = [0, 0, 0, 0, 0];
  let storing: Promise<void> = Promise.resolve();

  const text = (): Uint8Array => {
    const gap = leftOut > 0 ? [Buffer.from(`\n… ${leftOut.toLocaleString("en-US")} bytes are left out here …\n`)] : [];
    return Buffer.concat([...head, ...gap, ...tail]);
  };
  const storeNow = (): Promise<void> => {
    stored = written;
    storing = storing.then(() => store(text()));
    return storing;
  };
  return {
    write(bytes) {
      written += bytes.length;
      const first = bytes.subarray(0, Math.max(0, headBytes - inHead));
      if (first.length > 0) head.push(Buffer.from(first)); // copied: the caller may use its buffer again
      inHead += first.length;
      const rest = bytes.subarray(first.length);
      if (rest.length === 0) return;
      tail.push(Buffer.from(rest));
      inTail += rest.length;
      if (inTail <= tailBytes) return;
      while (inTail - tail[0]!.length >= tailBytes) {
        leftOut += tail[0]!.length;
        inTail -= tail.shift()!.length;
      }
    },
    async save() {
      if (written > stored * 1.25) await storeNow(); // all saves together are a few times the log
    },
    async close() {
      if (written > stored) await storeNow();
      await storing;
      [head, tail] = [[], []];
    },
  };
}
