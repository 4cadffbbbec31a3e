import { AsyncLocalStorage } from "node:async_hooks";

/** Takes what was printed, as it is printed. */
export type ConsoleSink = (bytes: Uint8Array) => void;

const current = new AsyncLocalStorage<ConsoleSink>();
let watched = false;

/**
 * Runs work and hands all it prints to `sink`; people see it on stderr, as stdout is for a command's own result. What others print in
 * the meantime is theirs. Work that captures within captured work has its own sink.
 */
export function captureConsole<Result>(sink: ConsoleSink, work: () => Promise<Result>): Promise<Result> {
  watch();
  return current.run(sink, work);
}

/** Runs something within captured work whose printing is not the work's. */
export function uncaptured<Result>(work: () => Result): Result {
  return current.exit(work);
}

/** Who prints is known by the asynchronous context; the streams are watched once, for good. */
function watch(): void {
  if (watched) return;
  watched = true;
  const errors = writerOf(process.stderr);
  for (const stream of [process.stdout, process.stderr]) {
    const write = writerOf(stream);
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      const sink = current.getStore();
      if (!sink) return write(chunk, ...rest);
      sink(typeof chunk === "string" ? Buffer.from(chunk, typeof rest[0] === "string" ? (rest[0] as BufferEncoding) : "utf8") : chunk);
      return errors(chunk, ...rest);
    };
  }
}

/** A stream's own `write`, with its overloads passed on as they come. */
function writerOf(stream: NodeJS.WriteStream): (...given: unknown[]) => boolean {
  return stream.write.bind(stream) as (...given: unknown[]) => boolean;
}
