import { expect, test } from "vitest";
import { inconsistencies, killAndFinish, outcomeOf } from "./kill-and-finish.ts";
import { millrace } from "./millrace-process.ts";
import { readFacts } from "./project-facts.ts";
import { makeSmallProject } from "./small-project.ts";

/** The short form of `npm run test:crash`. */
const names = { model: "late-delivery", endpoint: "late-delivery" };

test("a project that is killed three times and finished is the project that nobody disturbed", { timeout: 300_000 }, async () => {
  const undisturbed = await makeSmallProject();
  const begun = performance.now();
  expect(await millrace(undisturbed.folder, ["demo", "--quiet"])).toMatchObject({ exit: 0 });
  const lifeMs = performance.now() - begun; // so that kills come at every stage, on a slow machine too
  const expected = await readFacts(undisturbed.folder, names);

  const seed = Date.now() % 1_000_000;
  console.log(`moments of the kills: seed ${seed}`);
  const killed = await makeSmallProject();
  const { exit, stderr } = await killAndFinish(killed.folder, { kills: 3, seed, lifeMs: { from: lifeMs * 0.1, to: lifeMs } });
  expect({ exit, stderr }).toMatchObject({ exit: 0 });
  const facts = await readFacts(killed.folder, names);
  expect(inconsistencies(facts, "departures")).toEqual([]);
  expect(outcomeOf(facts)).toEqual(outcomeOf(expected));
  await undisturbed.remove();
  await killed.remove();
});
