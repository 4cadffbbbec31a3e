import { openMachineSampler } from "#kit/machine-sampler";
import { openConsoleLog, type ConsoleLog } from "./console-log.ts";

/** Where a watched run's facts go: this process's stores, or a server's. */
export interface RunPlace {
  metrics(points: { key: string; value: number; step: number; timeMs: number }[]): Promise<void>;
  artifact(path: string, bytes: Uint8Array): Promise<void>;
}

export interface WatchOptions {
  place: RunPlace;
  /** The process that does the work; its children count as well. */
  pid: number;
  /** Where the work is done: its disk is watched. */
  folder: string;
  /** Told once of each kind of trouble; the run goes on without what could not be kept. */
  onTrouble: (what: string, error: unknown) => void;
  /** Default 10 s, as MLflow's clients do. */
  everyMs?: number;
}

export interface RunWatch {
  console: ConsoleLog["write"];
  /** Takes a last look and keeps the rest of the log. */
  stop(): Promise<void>;
}

/** Name of the artifact with what a run printed. */
export const consoleLogPath = "console.log";
/** Name of the artifact with the changes that were not committed. */
export const diffPath = "source/uncommitted.diff";

/** Keeps what a run prints (`console.log`) and what its machine does meanwhile (metrics under `system/`). */
export function watchRun({ place, pid, folder, onTrouble, everyMs = 10_000 }: WatchOptions): RunWatch {
  const sampler = openMachineSampler({ pid, folder });
  const troubles = new Set<string>();
  const tried = (what: string, work: Promise<void>) =>
    work.catch((error: unknown) => {
      if (!troubles.has(what)) onTrouble(what, error);
      troubles.add(what);
    });
  const log = openConsoleLog({ store: (bytes) => place.artifact(consoleLogPath, bytes) });
  let step = 0;
  const look = async () => {
    const timeMs = Date.now();
    const sample = Object.entries(await sampler.sample());
    await place.metrics(sample.map(([name, value]) => ({ key: `system/${name}`, value, step, timeMs })));
    step += 1;
  };
  let under: Promise<unknown> = Promise.resolve(); // one look after the other
  const timer = setInterval(() => {
    under = under.then(() => Promise.all([tried("what the machine does", look()), tried("what it prints", log.save())]));
  }, everyMs);
  timer.unref();
  return {
    console: (bytes) => log.write(bytes),
    async stop() {
      clearInterval(timer);
      await under;
      if (step > 0) await tried("what the machine does", look()); // shorter runs are not measured
      await tried("what it prints", log.close());
    },
  };
}
