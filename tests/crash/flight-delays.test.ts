import { expect, test } from "vitest";
import { copyExample, type ExampleCopy } from "../journeys/example-copy.ts";
import { inconsistencies, killAndFinish, outcomeOf } from "../journeys/kill-and-finish.ts";
import { millrace } from "../journeys/millrace-process.ts";
import { readFacts } from "../journeys/project-facts.ts";

const names = { model: "late-arrival", endpoint: "late-arrival" };
/** `MILLRACE_KILLS` and `MILLRACE_SEED` repeat a night of kills. */
const kills = Number(process.env["MILLRACE_KILLS"] ?? 20);
const seed = Number(process.env["MILLRACE_SEED"] ?? Date.now() % 1_000_000);

test(`the flight-delays demonstration, killed ${kills} times, ends as if nobody had disturbed it`, async () => {
  const undisturbed = await copyExample();
  const begun = performance.now();
  expect(await millrace(undisturbed.folder, ["demo", "--quiet"])).toMatchObject({ exit: 0 });
  const seconds = (performance.now() - begun) / 1_000;
  const expected = await readFacts(undisturbed.folder, names);
  expect(inconsistencies(expected, "departures")).toEqual([]);
  await undisturbed.remove();

  const longest = Math.min(25, seconds / 2); // so that kills come at every stage, and some lives bring a stage to its end
  console.log(`${kills} kills, seed ${seed}; undisturbed it takes ${seconds.toFixed(0)} s`);
  let finished = 0;
  const example = new Map<string, ExampleCopy>();
  const begin = async () => {
    const copy = await copyExample();
    example.set(copy.folder, copy);
    return copy.folder;
  };
  const check = async (folder: string) => {
    const facts = await readFacts(folder, names);
    expect(inconsistencies(facts, "departures")).toEqual([]);
    expect(outcomeOf(facts)).toEqual(outcomeOf(expected));
    finished++;
    await example.get(folder)!.remove();
  };
  const last = await killAndFinish(await begin(), {
    ...{ kills, seed },
    lifeMs: { from: 500, to: longest * 1_000 },
    onKill: ({ number, afterMs, at }) => console.log(`  kill ${number} after ${(afterMs / 1_000).toFixed(1)} s, last said: ${at}`),
    onFinished: async (folder) => {
      await check(folder);
      return begin();
    },
  });
  expect({ exit: last.exit, stderr: last.stderr }).toMatchObject({ exit: 0 });
  await check(last.folder);
  console.log(`  ${finished} demonstrations ended, all alike`);
});
