/** Kills a demonstration with SIGKILL at random moments, starts it again each time, and at last lets it finish. */
import { setTimeout as wait } from "node:timers/promises";
import { startMillrace, type Ended } from "./millrace-process.ts";
import type { ProjectFacts } from "./project-facts.ts";

export interface KillOptions {
  kills: number;
  /** Each life lasts between these, evenly drawn. */
  lifeMs: { from: number; to: number };
  /** Of the random moments. */
  seed: number;
  /** Called when a demonstration came to its end between two kills; gives the folder to go on in. */
  onFinished?: (folder: string) => Promise<string>;
  onKill?: (kill: { number: number; afterMs: number; at: string }) => void;
}

/** Resolves to how the last life ended, which nobody disturbed, and in which folder. */
export async function killAndFinish(
  folder: string,
  { kills, lifeMs, seed, onFinished = async (same) => same, onKill }: KillOptions,
): Promise<Ended & { folder: string }> {
  const random = mulberry32(seed);
  let at = folder;
  for (let number = 1; number <= kills;) {
    const afterMs = Math.round(lifeMs.from + random() * (lifeMs.to - lifeMs.from));
    const running = startMillrace(at, ["demo"]);
    const timer = new AbortController();
    const killed = await Promise.race([running.ended.then(() => false), wait(afterMs, true, { signal: timer.signal }).catch(() => false)]);
    timer.abort();
    if (killed) running.child.kill("SIGKILL");
    const ended = await running.ended;
    if (ended.signal === "SIGKILL") {
      onKill?.({ number, afterMs, at: lastLine(ended.stderr) });
      number++;
      continue;
    }
    if (ended.exit !== 0)
      throw new Error(`A demonstration that had been killed ${number - 1} times (seed ${seed}) ended with ${ended.exit}:\n${ended.stderr}`);
    at = await onFinished(at);
  }
  return { ...(await startMillrace(at, ["demo", "--json"]).ended), folder: at };
}

/** What must be the same whether a project was killed or not: everything but ids, times of the clock, and questions over HTTP. */
export function outcomeOf({ tables, topics, answers, versions, champions, decisions, days }: ProjectFacts) {
  const { asked: _, ...stream } = answers;
  return {
    // What came on kept topics is copied into tables whenever a demonstration begins: a killed one has more versions of the same rows.
    tables: Object.fromEntries(
      Object.entries(tables).map(([table, { version, rows, content }]) => [table, { rows, content, ...(!isKept(table) && { version }) }]),
    ),
    topics: Object.fromEntries(
      Object.entries(topics).map(([topic, { records, keys }]) => [topic, topic.endsWith("-predictions") ? null : { records, keys }]),
    ),
    stream,
    versions: versions.map(({ version, digest, gate }) => ({ version, digest, verdict: gate?.["verdict"] })),
    champions: champions.map(({ version, previous }) => ({ version, previous })),
    decisions: decisions.map(({ atMs, version, state, outcome }) => ({ atMs, version, state, promoted: outcome?.promoted, to: outcome?.version })),
    days,
  };
}

function isKept(table: string): boolean {
  return table === "raw.arrivals" || table.startsWith("models.");
}

/** Table versions are gapless, every event stands once in its topic, every question of the stream is answered once, and no run is left open. */
export function inconsistencies({ tables, topics, answers, runs }: ProjectFacts, asked: string): string[] {
  const found: string[] = [];
  for (const [table, { history }] of Object.entries(tables))
    if (history.some((version, i) => version !== i)) found.push(`${table} has the versions ${history.join(", ")}`);
  for (const [topic, { records, keys }] of Object.entries(topics))
    if (!topic.includes("-predictions") && records !== keys) found.push(`${topic} has ${records} events of ${keys} keys`);
  if (answers.answers !== topics[asked]?.records || answers.keys !== answers.answers)
    found.push(`${topics[asked]?.records} events were answered ${answers.answers} times, of ${answers.keys} keys`);
  for (const { id, status } of runs) if (status === "running") found.push(`run ${id} is still under way`);
  return found;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)!.trim();
}

/** A small random generator with a seed (Tommy Ettinger's mulberry32): the same moments each time. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
