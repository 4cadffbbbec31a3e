import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkNames, type Generation, type Group, groups, runChecks } from "./mlflow-client.ts";
import { type Place, realGeneration, startPlaces } from "./places.ts";

/** What MLflow's own servers do not meet, and Millrace does: their faults, which are not copied. */
const faults: Record<Generation, Record<string, string>> = {
  "3.17.2": {},
  "2.22.5": {
    words_of_all_languages: "breaks off the download of a file whose name is not in Latin letters",
    sources_that_are_refused: "makes a version of a path that leads out of its bucket",
  },
};

/** Checks of one place, one client after the other: what one generation leaves there, the next one finds. */
interface Chain {
  place: string;
  links: { generation: Generation; only: readonly Group[] | ["found_of_the_other"] }[];
}

const stored: Group[] = ["tracking", "registry"];
const real = realGeneration();
const elsewhere = process.env["MLFLOW_CHECKS_URI"];
const both = [{ generation: "3.17.2", only: groups } as const, { generation: "2.22.5", only: groups } as const];
const chains: Chain[] =
  real !== undefined
    ? [{ place: `mlflow server ${real}`, links: both.filter(({ generation }) => generation === real) }]
    : elsewhere !== undefined
      ? [{ place: elsewhere, links: both }]
      : [
          { place: "Millrace on SQLite", links: [...both, { generation: "3.17.2", only: ["found_of_the_other"] }] },
          {
            place: "Millrace on PostgreSQL",
            links: [
              { generation: "2.22.5", only: stored },
              { generation: "3.17.2", only: [...stored, "methods"] },
              { generation: "2.22.5", only: ["found_of_the_other"] },
            ],
          },
        ];

let places: Place[] = [];
let folder: string;
const outcomes = new Map<string, Map<string, string | undefined>>();
const keyOf = (place: string, link: number) => `${place} ${link}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-clients-"));
  places = elsewhere === undefined ? await startPlaces() : [{ name: elsewhere, address: elsewhere, close: async () => {} }];
  await Promise.all(chains.map((chain, i) => play(chain, places[i]!.address))); // a chain for each place
});
afterAll(async () => {
  await Promise.all(places.map((place) => place.close()));
  await rm(folder, { recursive: true });
});

async function play({ place, links }: Chain, uri: string): Promise<void> {
  // Only a server of both generations has what the other left.
  const shared = real === undefined && elsewhere === undefined ? join(folder, place.replaceAll(" ", "-")) : undefined;
  for (const [i, { generation, only }] of links.entries())
    outcomes.set(keyOf(place, i), await runChecks(generation, uri, { names: only, ...(shared !== undefined && { shared }) }));
}

describe.each(chains)("at $place,", ({ place, links }) => {
  describe.each(links.map((link, i) => ({ ...link, i })))("the MLflow client $generation ($only):", ({ generation, only, i }) => {
    const names = only.flatMap((each) => (each === "found_of_the_other" ? [each] : checkNames(each, generation)));
    it.each(names)("%s", (name) => {
      const outcome = outcomes.get(keyOf(place, i))!;
      expect(outcome.has(name), `${name} did not run`).toBe(true);
      const fault = real === undefined ? undefined : faults[generation][name];
      if (fault === undefined) expect(outcome.get(name)).toBeUndefined();
      else expect(outcome.get(name), `${generation} ${fault}: no longer`).toBeDefined();
    });
  });
});
