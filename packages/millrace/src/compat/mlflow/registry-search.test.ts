import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel, registerVersion, setAlias } from "#domains/registry";
import { createExperiment, logModel, startRun } from "#domains/tracking";
import type { Database } from "#ports/database";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { parseFilter, parseOrder } from "./filter.ts";
import { modelGrammar, modelOrderGrammar, versionGrammar, versionOrderGrammar } from "./grammars.ts";
import { inOrder, type Searchable } from "./match.ts";
import { matchesModel } from "./registry-search.ts";

let place: MlflowPlace;
let statements = 0;
beforeAll(async () => {
  place = await openMlflowPlace({ watched: counted });
  for (const name of names) await makeModel(name);
});
afterAll(() => place.close());

/** Letters that alphabets order otherwise than their numbers. */
const names = ["beta", "Alpha", "älter", "alpha", "_x", "Zeta", "b-2", "b_1", "zeta", "forest"];
let made = 0;

/** Versions with times, tags, runs and sources of their own. */
async function makeModel(name: string): Promise<void> {
  made++;
  const tags = [{ key: "team", value: ["a", "B", "b"][made % 3]! }, ...(made % 4 === 0 ? [{ key: "mlflow.prompt.is_prompt", value: "true" }] : [])];
  await send("POST", "registered-models/create", { name, tags });
  for (let version = 1; version <= 3; version++) {
    const source = made % 4 === 0 ? "prompt-template" : `s3://bucket/${name}/${version}`;
    const versionTags = [
      ...(made % 4 === 0 ? tags : []),
      { key: "week", value: String(version) },
      ...(version === 2 ? [{ key: "long", value: "l".repeat(300) }] : []),
    ];
    await send("POST", "model-versions/create", { name, source, tags: versionTags, ...(version === 3 && { run_id: `run-${made % 5}` }) });
  }
  if (made % 3 === 0) await send("PATCH", "model-versions/update", { name, version: "1", description: "looked at" });
}

describe("searches for versions", () => {
  const filters = [
    "",
    "name = 'alpha'",
    "name IN ('alpha', 'Zeta', 'none')",
    "name != 'alpha'",
    "name LIKE 'b%'",
    "name ILIKE 'Z%'",
    "name LIKE 'none%'",
    "run_id = 'run-1'",
    "run_id = ''",
    "run_id IN ('run-1', 'run-2')",
    "run_id != 'run-1'",
    "version_number >= 2",
    "version_number < 1.5",
    "tags.week = '2'",
    "tags.week != '2'",
    "tags.week LIKE '_'",
    "tags.none != 'x'",
    `tags.long = '${"l".repeat(300)}'`,
    `tags.long = '${"l".repeat(301)}'`,
    "tags.week = '2' and tags.long LIKE 'l%'",
    "source_path LIKE '%/2'",
    "source_path LIKE 's3://bucket/ALPHA/%'",
    "source_path ILIKE 's3://bucket/ALPHA/%'",
    "source_path ILIKE '%ÄLTER_2'",
    "source_path LIKE '%\\%'",
    "source_path = 's3://bucket/alpha/1'",
    "source_path = 's3://bucket/Alpha'",
    "source_path != 's3://bucket/alpha/1'",
    "source_path LIKE '%a/%' and name != 'beta' and source_path != 's3://bucket/Zeta/1'",
    "name IN ('alpha', 'Zeta') and source_path LIKE '%/3'",
    `source_path LIKE '%${"_".repeat(11_000)}'`,
    "name LIKE '%eta' and version_number != 2 and tags.week != '9'",
    "tags.`mlflow.prompt.is_prompt` = 'true'",
    "tags.`mlflow.prompt.is_prompt` != 'true'",
    "tags.`mlflow.prompt.is_prompt` = 'false' and name != 'x'",
  ];
  const orders = [
    [],
    ["name"],
    ["version_number DESC"],
    ["creation_timestamp"],
    ["last_updated_timestamp ASC", "name DESC"],
    ["name DESC", "version_number ASC"],
  ];

  it.each(filters)("find, page by page and in every order, what the filter says: %s", async (filter) => {
    const all = await everyVersion();
    for (const order of orders) {
      const terms = (order.length > 0 ? order : ["last_updated_timestamp DESC"]).map((term) => parseOrder(term, versionOrderGrammar));
      const last = ["name ASC", "version_number DESC"].map((term) => parseOrder(term, versionOrderGrammar));
      const clauses = parseFilter(filter, versionGrammar);
      const expected = inOrder(
        all.filter((version) => matchesModel(version, clauses)),
        [...terms, ...last],
      );
      expect(await pages("model-versions", "model_versions", { filter, order_by: order, max_results: "4" }), String(order)).toEqual(
        expected.map(({ title }) => title),
      );
    }
  });

  it("refuse tags to order by, and tokens of other lists", async () => {
    expect((await send("GET", `model-versions/search?order_by=${encodeURIComponent("tags.week")}`))["message"]).toContain(
      "Invalid order by key 'week'",
    );
    const { next_page_token: token } = await send("GET", "model-versions/search?max_results=1&order_by=name");
    for (const other of [token, Buffer.from("[1e400,2]").toString("base64url"), "nonsense"])
      expect((await send("GET", `model-versions/search?max_results=1&page_token=${String(other)}`))["error_code"]).toBe("INVALID_PARAMETER_VALUE");
  });
});

describe("searches for models", () => {
  const filters = [
    "",
    "name = 'alpha'",
    "name != 'alpha'",
    "name LIKE '%eta'",
    "name ILIKE 'A%'",
    "tags.team = 'b'",
    "tags.team != 'b'",
    "tags.team ILIKE 'b'",
    "tags.week = '2'",
    "tags.`mlflow.prompt.is_prompt` = 'true'",
    "tags.`mlflow.prompt.is_prompt` != 'true'",
  ];
  it.each(filters)("find, page by page and in every order, what the filter says: %s", async (filter) => {
    const all = await everyModel();
    for (const order of [[], ["name DESC"], ["timestamp"], ["last_updated_timestamp DESC"]]) {
      const terms = [...order, "name"].map((term) => parseOrder(term, modelOrderGrammar));
      const expected = inOrder(
        all.filter((model) => matchesModel(model, parseFilter(filter, modelGrammar))),
        terms,
      );
      expect(await pages("registered-models", "registered_models", { filter, order_by: order, max_results: "3" }), String(order)).toEqual(
        expected.map(({ title }) => title),
      );
    }
  });
});

it("a search takes as many statements for many models as for few", async () => {
  const asked = [
    "registered-models/search",
    `registered-models/search?filter=${encodeURIComponent("name ILIKE '%e%'")}`,
    `registered-models/search?filter=${encodeURIComponent("tags.team = 'a'")}&order_by=timestamp`,
    "model-versions/search",
    `model-versions/search?filter=${encodeURIComponent("name = 'alpha'")}`,
    `model-versions/search?filter=${encodeURIComponent("name LIKE '%e%'")}`,
    `model-versions/search?filter=${encodeURIComponent("run_id = 'run-1'")}`,
    `model-versions/search?filter=${encodeURIComponent("tags.week = '2'")}`,
    `model-versions/search?filter=${encodeURIComponent("source_path LIKE '%/1'")}`,
  ];
  const counts = async () => {
    const found: number[] = [];
    for (const path of asked) {
      statements = 0;
      await send("GET", path);
      found.push(statements);
    }
    return found;
  };
  const few = await counts();
  for (let i = 0; i < 40; i++) {
    await makeModel(`more ${i}`);
    await setAlias(place.registry, { model: `more ${i}`, alias: "champion", version: 2, actor: "ana" });
  }
  expect(await counts()).toEqual(few);
  expect(Math.max(...few)).toBeLessThan(12);
});

it("versions from elsewhere in Millrace are found by where their files are", async () => {
  const { id: experiment } = await createExperiment(place.tracking, { name: "nightly" });
  const { id: run } = await startRun(place.tracking, { experiment, name: "one" });
  const files = [{ path: "model.onnx", data: new Uint8Array([1]) }];
  const folder = await logModel(place.tracking, { run, path: "forest", format: "onnx", signature: { inputs: [], outputs: [] }, files });
  for (const runId of [run, undefined]) await registerVersion(place.registry, { model: "own", folder, ...(runId !== undefined && { runId }) });
  await send("POST", "model-versions/create", { name: "own", source: "s3://bucket/own" });
  const found = (filter: string) => pages("model-versions", "model_versions", { filter, order_by: ["name", "version_number"], max_results: "4" });
  expect(await found(`source_path LIKE '%${run}/artifacts/forest'`)).toEqual(["own 1"]);
  expect(await found("source_path = ''")).toEqual(["own 2"]);
  expect(await found("name = 'own' and source_path LIKE '%o%'")).toEqual(["own 1", "own 3"]);
  expect(await found("source_path ILIKE 'S3://bucket/OWN'")).toEqual(["own 3"]);
});

it("asking for a model and for a version takes few statements", async () => {
  await createModel(place.registry, { name: "asked for" });
  statements = 0;
  await send("GET", "registered-models/get?name=asked%20for");
  expect(statements).toBeLessThan(6);
  statements = 0;
  await send("GET", "model-versions/get?name=alpha&version=2");
  expect(statements).toBeLessThan(6);
});

type Found = Searchable & { title: string };

async function everyVersion(): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of names)
    for (const version of ["1", "2", "3"]) {
      const { model_version: one } = await send("GET", `model-versions/get?name=${encodeURIComponent(name)}&version=${version}`);
      found.push({
        title: `${name} ${version}`,
        tags: tagsOf(one),
        attributes: {
          ...{ name, version_number: Number(version), run_id: one.run_id, source_path: one.source },
          ...{ creation_timestamp: one.creation_timestamp, last_updated_timestamp: one.last_updated_timestamp },
        },
      });
    }
  return found;
}

async function everyModel(): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of names) {
    const { registered_model: one } = await send("GET", `registered-models/get?name=${encodeURIComponent(name)}`);
    found.push({
      title: name,
      tags: tagsOf(one),
      attributes: { name, timestamp: one.last_updated_timestamp, last_updated_timestamp: one.last_updated_timestamp },
    });
  }
  return found;
}

async function pages(what: string, list: string, asked: { filter: string; order_by: string[]; max_results: string }): Promise<string[]> {
  const found: string[] = [];
  for (let token = ""; ;) {
    const query = new URLSearchParams({ filter: asked.filter, max_results: asked.max_results, ...(token && { page_token: token }) });
    for (const term of asked.order_by) query.append("order_by", term);
    const answer = await send("GET", `${what}/search?${query}`);
    const things: { name: string; version?: string }[] = answer[list] ?? [];
    found.push(...things.map(({ name, version }) => (version === undefined ? name : `${name} ${version}`)));
    token = answer["next_page_token"] ?? "";
    if (token === "") return found;
    expect(things).toHaveLength(Number(asked.max_results));
  }
}

function tagsOf({ tags = [] }: { tags?: { key: string; value: string }[] }): Record<string, string> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

// oxlint-disable-next-line typescript/no-explicit-any -- what a server says
async function send(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${place.address}/api/2.0/mlflow/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return JSON.parse(await response.text());
}

function counted(state: Database): Database {
  const reading =
    <Args extends unknown[], Result>(read: (...args: Args) => Result) =>
    (...given: Args) => {
      statements++;
      return read(...given);
    };
  return { ...state, all: reading(state.all) as Database["all"], get: reading(state.get) as Database["get"] };
}
