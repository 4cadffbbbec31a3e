import { setTimeout as pause } from "node:timers/promises";
import { findLosses, type Training, train } from "./trainers.ts";

export interface Killing {
  address: string;
  trainers: number;
  /** How long the trainers train, in all. */
  seconds: number;
  /** What is done to them, at moments spread over that time. */
  kills: (() => Promise<void>)[];
}

/** Trains through the kills and gives what was lost or doubled: nothing, when all is well. */
export async function killWhileTraining({
  address,
  trainers,
  seconds,
  kills,
}: Killing): Promise<{ losses: string[]; summary: string; training: Training }> {
  const stop = new AbortController();
  const { training, ended } = await train({ address, trainers, signal: stop.signal });
  const failed = ended.then(
    () => undefined,
    (error: unknown) => error,
  );
  const notes: string[] = [];
  try {
    for (const kill of kills) {
      const before = training.acknowledged;
      await pause((seconds / (kills.length + 1)) * 1_000 * (0.5 + Math.random()));
      while (training.acknowledged < before + 100 && !(await Promise.race([failed, pause(20, undefined)]))); // a life with work in it
      notes.push(`after ${training.acknowledged} acknowledged requests`);
      await kill();
    }
    await pause((seconds / (kills.length + 1)) * 1_000);
  } finally {
    stop.abort();
  }
  const error = await failed;
  if (error !== undefined) throw error;
  const unanswered = [...training.unanswered.values()].reduce((sum, count) => sum + count, 0);
  const summary = `${training.runs.length} runs, ${training.acknowledged} acknowledged requests, ${training.repeated} said again, ${unanswered} runs asked for without an answer; kills ${notes.join(", ")}`;
  return { losses: await findLosses(address, training), summary, training };
}
