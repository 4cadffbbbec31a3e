import { Worker, type Transferable } from "node:worker_threads";
import { AppError } from "#kit/app-error";
import { workerFile } from "#kit/worker-file";
import type { Answer, Request } from "./trees-messages.ts";

/** The training threads, as seen from the caller's thread. */
export interface Crew {
  readonly size: number;
  /** Sends a request to one thread and waits for its answer; a thread works on one request at a time, in order. */
  ask(thread: number, request: Request, transfer?: Transferable[]): Promise<Answer>;
  /** Stops the threads, whatever they are doing. */
  close(): Promise<void>;
}

/** Starts `size` threads. Should one of them break down, every open and later request fails. */
export function startCrew(size: number, onProgress: (iteration: number, loss: number | undefined) => void): Crew {
  interface Waiting {
    resolve(answer: Answer): void;
    reject(reason: unknown): void;
  }
  const waiting: Waiting[][] = [];
  let broken: Error | undefined;
  const breakDown = (reason: Error): void => {
    broken ??= reason;
    for (const queue of waiting) for (const { reject } of queue.splice(0)) reject(broken);
  };
  const workers = Array.from({ length: size }, (_, thread) => {
    const queue: Waiting[] = [];
    waiting.push(queue);
    const worker = new Worker(workerFile(import.meta.url, "trees-worker"), { name: `trees ${thread}` });
    worker.on("message", (answer: Answer) => {
      if (answer.kind === "progress") {
        try {
          onProgress(answer.iteration, answer.loss);
        } catch (thrown) {
          breakDown(thrown instanceof Error ? thrown : new Error(String(thrown))); // the caller's own error ends the training
        }
      } else if (answer.kind === "failed") {
        breakDown(new AppError(answer.code, answer.message, { cause: new Error(answer.stack ?? answer.message) }));
      } else queue.shift()?.resolve(answer);
    });
    worker.on("error", (cause) =>
      breakDown(new AppError("internal", `A training thread failed: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause })),
    );
    worker.on("exit", (code) => breakDown(new AppError("internal", `A training thread ended with code ${code}.`)));
    return worker;
  });
  return {
    size,
    ask(thread, request, transfer = []) {
      if (broken) return Promise.reject(broken);
      return new Promise((resolve, reject) => {
        waiting[thread]?.push({ resolve, reject });
        workers[thread]?.postMessage(request, transfer);
      });
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
