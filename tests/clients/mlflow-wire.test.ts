import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type MlflowPlace, openMlflowPlace } from "../contracts/mlflow.ts";
import { type RealServer, startRealServer } from "./real-server.ts";
import { canonical, type Exchange, play, type Scenario } from "./wire.ts";
import { artifactScenarios } from "./wire-artifacts.ts";
import { experimentScenarios } from "./wire-experiments.ts";
import { graphqlScenarios } from "./wire-graphql.ts";
import { loggedModelScenarios } from "./wire-logged-models.ts";
import { metricScenarios } from "./wire-metrics.ts";
import { registryScenarios } from "./wire-registry.ts";
import { runScenarios } from "./wire-runs.ts";
import { traceScenarios } from "./wire-traces.ts";

const scenarios: [string, Scenario][] = Object.entries({
  ...experimentScenarios,
  ...runScenarios,
  ...metricScenarios,
  ...registryScenarios,
  ...loggedModelScenarios,
  ...artifactScenarios,
  ...traceScenarios,
  ...graphqlScenarios,
});

const played = new Map<string, Exchange[]>();
let real: RealServer;
let sqlite: MlflowPlace;
let postgres: MlflowPlace;
beforeAll(async () => {
  [real, sqlite, postgres] = await Promise.all([startRealServer("3.17.2"), openMlflowPlace(), openMlflowPlace({ postgres: inject("postgres") })]);
});
afterAll(() => Promise.all([real, sqlite, postgres].map((place) => place?.close())));

describe("answers are those of mlflow server 3.17.2, field by field, but where a difference is meant:", () => {
  it.each(scenarios)("%s", async (name, scenario) => {
    const theirs = await play(real.address, scenario);
    expect(theirs.length).toBeGreaterThan(0);
    played.set(name, theirs);
    for (const place of [sqlite, postgres]) {
      const ours = await play(place.address, scenario);
      expect(differences(theirs, ours)).toEqual([]);
    }
  });
});

it("every difference that is meant, but for those of traces, stands in a table with its reason", async ({ skip }) => {
  if (played.size < scenarios.length) skip("some scenarios were not played");
  const calls = new Map<string, Set<string>>();
  for (const { unlike, asked, status } of [...played].flatMap(([name, exchanges]) => (name in traceScenarios ? [] : exchanges))) {
    if (unlike === undefined) continue;
    const [, method = "", path = ""] = /^\d+: (\w+) ((?:<[^>]+>|[^ ?{])+)/.exec(asked) ?? [];
    const same = calls.get(unlike) ?? new Set();
    calls.set(unlike, same.add(`${method} ${path} (MLflow: ${status})`));
  }
  const table = [...calls]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([why, where]) =>
        `${why}\n${[...where]
          .toSorted()
          .map((each) => `  ${each}`)
          .join("\n")}\n`,
    );
  await expect(table.join("\n")).toMatchFileSnapshot(join(import.meta.dirname, "wire-differences.txt"));
});

/** Exchanges that differ and should not, or should and do not. */
function differences(theirs: Exchange[], ours: Exchange[]): object[] {
  const found: object[] = ours.length === theirs.length ? [] : [{ calls: [theirs.length, ours.length] }];
  for (const [i, their] of theirs.entries()) {
    const our = ours[i];
    const same = our !== undefined && textOf(our) === textOf(their);
    if (same !== (their.unlike === undefined)) found.push({ asked: their.asked, meantToDiffer: their.unlike, theirs: their, ours: our });
  }
  return found;
}

function textOf({ status, answer }: Exchange): string {
  return JSON.stringify([status, canonical(answer)]);
}
