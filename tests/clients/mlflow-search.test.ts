import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Place, realGeneration, startPlaces } from "./places.ts";
import { type Kind, type Search, searchCorpus } from "./search-corpus.ts";
import { type Caller, loadSearchData, type SearchData } from "./search-data.ts";
import { at, isObject, type Json } from "./wire.ts";

const kinds: Kind[] = ["runs", "experiments", "models", "versions", "logged models"];

let places: (Place & { caller: Caller; data: SearchData })[];
beforeAll(async () => {
  const started = await startPlaces();
  places = await Promise.all(
    started.map(async (place) => {
      const caller = callerOf(place.address);
      return { ...place, caller, data: await loadSearchData(caller) };
    }),
  );
});
afterAll(() => Promise.all((places ?? []).map((place) => place.close())));

/**
 * What is found stands in the files that mlflow server 3.17.2 wrote: `MLFLOW_CHECKS_REAL=3.17.2 npm run test:clients -- -t searches`
 * asks it again, and with `-u` writes anew what it finds.
 */
describe.skipIf(realGeneration() === "2.22.5")("searches find what mlflow server 3.17.2 finds, in its order:", () => {
  it.each(kinds)("%s", { timeout: 600_000 }, async (kind) => {
    for (const { name, caller, data } of places) {
      const lines: string[] = [];
      for (const search of searchCorpus(data)) {
        if (search.kind !== kind) continue;
        const { experiment_ids: _ownOfThePlace, ...asked } = search.asked;
        lines.push(`${JSON.stringify(asked)}\n  ${(await allPages(caller, search)).join(", ")}`);
      }
      await expect(lines.join("\n"), name).toMatchFileSnapshot(join(import.meta.dirname, "search-results", `${kind.replace(" ", "-")}.txt`));
    }
  });

  it("of more than a thousand", () => {
    expect(searchCorpus(places[0]!.data).length).toBeGreaterThan(1_000);
  });
});

const calls: Record<Kind, { path: string; method: "get" | "post"; list: string; name: (item: Json) => string }> = {
  runs: { path: "runs/search", method: "post", list: "runs", name: (run) => at(run, "info.run_name") },
  experiments: { path: "experiments/search", method: "post", list: "experiments", name: (experiment) => at(experiment, "name") },
  models: { path: "registered-models/search", method: "get", list: "registered_models", name: (model) => at(model, "name") },
  versions: {
    path: "model-versions/search",
    method: "get",
    list: "model_versions",
    name: (version) => `${at(version, "name")} ${at(version, "version")}`,
  },
  "logged models": { path: "logged-models/search", method: "post", list: "models", name: (model) => at(model, "info.name") },
};

/** Names of what a search finds, in order; a refusal as its code. Pages end with a bar. */
async function allPages(caller: Caller, { kind, asked }: Search): Promise<string[]> {
  const { path, method, list, name } = calls[kind];
  const names: string[] = [];
  for (let page_token = ""; ;) {
    const given = { ...asked, ...(page_token !== "" && { page_token }) };
    const answer = await (method === "post" ? caller.post(path, given) : caller.get(path, asQuery(given)));
    if (at(answer, "error_code") !== "") return [at(answer, "error_code")];
    const items = isObject(answer) ? answer[list] : undefined;
    names.push(...(Array.isArray(items) ? items.map(name) : []));
    page_token = at(answer, "next_page_token");
    if (page_token === "") return names;
    names.push("|");
  }
}

function asQuery(fields: { [key: string]: Json }): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, Array.isArray(value) ? value.map(String) : String(value)]));
}

function callerOf(address: string): Caller {
  const base = `${address}/api/2.0/mlflow/`;
  return {
    post: async (path, body) => {
      const response = await fetch(base + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      return (await response.json()) as Json;
    },
    get: async (path, query) => {
      const pairs = Object.entries(query).flatMap(([key, value]) => [value].flat().map((each): [string, string] => [key, each]));
      return (await (await fetch(`${base}${path}?${new URLSearchParams(pairs).toString()}`)).json()) as Json;
    },
  };
}
