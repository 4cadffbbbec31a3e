/** What MLflow's REST API does with registered models, versions, aliases and stages, as scenarios whose answers are compared. */
import { at, type Json, type Scenario, type Wire } from "./wire.ts";
import { because, newRun } from "./wire-setup.ts";

const models = (what: string) => `registered-models/${what}`;
const versions = (what: string) => `model-versions/${what}`;

async function newModel(wire: Wire, name: string, count = 1): Promise<void> {
  await wire.post(models("create"), { name });
  for (let i = 0; i < count; i++) await wire.post(versions("create"), { name, source: "s3://bucket/model" });
}

export const registryScenarios: Record<string, Scenario> = {
  "registered models are made, read, changed and deleted": async (wire) => {
    await wire.post(models("create"), { name: "m", description: "d", tags: [{ key: "a", value: "1" }, { key: "b", value: "" }, { key: "c" }] });
    await wire.post(models("create"), { name: "m" });
    await wire.get(models("get"), { name: "m" });
    await wire.get(models("get"), { name: "none" });
    await wire.get(models("get"));
    await wire.get(models("get"), { name: "" });
    await wire.patch(models("update"), { name: "m", description: "other" });
    await wire.patch(models("update"), { name: "m" });
    await wire.get(models("get"), { name: "m" });
    await wire.patch(models("update"), { name: "none", description: "x" });
    await wire.patch(models("update"), { description: "x" });
    await wire.patch(models("update"), { name: "m", description: 5 });
    await wire.post(models("rename"), { name: "m", new_name: "n" });
    await wire.get(models("get"), { name: "m" });
    await wire.post(models("rename"), { name: "n", new_name: "n" });
    await wire.post(models("rename"), { name: "n" });
    await wire.post(models("rename"), { name: "n", new_name: "" });
    await wire.post(models("rename"), { name: "none", new_name: "x" });
    await wire.post(models("create"), { name: "taken" });
    await wire.post(models("rename"), { name: "n", new_name: "taken" });
    await wire.delete(models("delete"), { name: "n" });
    await wire.delete(models("delete"), { name: "n" });
    await wire.delete(models("delete"), {});
    await wire.post(models("create"), { name: "n" });
    await wire.get(models("get"), { name: "n" });
  },
  "registered models take names": async (wire) => {
    for (const name of ["a b", "ü 机场", "a.b-c_d", "a/b", "a:b", "..", "x".repeat(250), "", " ", 5, null] as Json[])
      await wire.post(models("create"), { name });
    for (const name of ["a%2Fb", "a@b", "a\\b"]) await wire.unlike(because.names).post(models("create"), { name });
    await wire.unlike("names have at most 250 characters").post(models("create"), { name: "x".repeat(251) });
    await wire.post(models("create"), {});
    await wire.post(models("create"), { name: "nokey", tags: [{ value: "1" }] });
    await wire.post(models("create"), { name: "badkey", tags: [{ key: "a!b", value: "1" }] });
    await wire.post(models("create"), {
      name: "twice",
      tags: [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ],
    });
    await wire.get(models("get"), { name: "twice" });
    await wire.post(models("create"), { name: "texttags", tags: "a" });
    await wire.post(models("create"), { name: "longdescription", description: "d".repeat(5000) });
    await wire.post(models("create"), { name: "numberdescription", description: 5 });
  },
  "registered models have tags": async (wire) => {
    await newModel(wire, "tagged", 0);
    const set = (given: { [key: string]: Json }) => wire.post(models("set-tag"), { name: "tagged", ...given });
    await set({ key: "a", value: "1" });
    await set({ key: "a", value: "2" });
    await set({ key: "b", value: "" });
    await set({ key: "c" });
    for (const key of ["a!b", "../a", "", "x".repeat(250), "x".repeat(251), "a.b/c:d e", 5] as Json[]) await set({ key, value: "v" });
    await set({ key: "n", value: 5 });
    await set({ value: "1" });
    await set({ name: "none", key: "a", value: "1" });
    await wire.post(models("set-tag"), { key: "a", value: "1" });
    await wire.delete(models("delete-tag"), { name: "tagged", key: "a" });
    await wire.delete(models("delete-tag"), { name: "tagged", key: "a" });
    await wire.delete(models("delete-tag"), { name: "none", key: "a" });
    await wire.delete(models("delete-tag"), { name: "tagged" });
    await wire.delete(models("delete-tag"), { key: "a" });
    await wire.get(models("get"), { name: "tagged" });
  },
  "long tags of the registry": async (wire) => {
    await newModel(wire, "long tags", 1);
    await wire.post(models("set-tag"), { name: "long tags", key: "t", value: "v".repeat(100_000) });
    await wire.post(models("set-tag"), { name: "long tags", key: "t", value: "v".repeat(100_001) });
    await wire.post(versions("set-tag"), { name: "long tags", version: "1", key: "t", value: "v".repeat(100_000) });
    await wire.post(versions("set-tag"), { name: "long tags", version: "1", key: "t", value: "v".repeat(100_001) });
  },
  "registered models are searched in pages": async (wire) => {
    for (let i = 0; i < 5; i++) await wire.post(models("create"), { name: `paged ${i}`, tags: [{ key: "odd", value: `${i % 2}` }] });
    const asked = { filter: "name LIKE 'paged%'", order_by: "name ASC", max_results: "2" };
    const first = await wire.get(models("search"), asked);
    const second = await wire.get(models("search"), { ...asked, page_token: at(first, "next_page_token") });
    await wire.get(models("search"), { ...asked, page_token: at(second, "next_page_token") });
    await wire.get(models("search"), { filter: "name ILIKE 'PAGED%' and tags.odd = '1'", order_by: "name DESC" });
    await wire.unlike(because.nothing).get(models("search"), { ...asked, max_results: "0" });
    await wire.unlike(because.nothing).get(models("search"), { ...asked, max_results: "-1" });
    await wire.get(models("search"), { ...asked, max_results: "1000" });
    await wire.get(models("search"), { ...asked, max_results: "1001" });
    await wire.get(models("search"), { ...asked, max_results: "two" });
    await wire.get(models("search"), { ...asked, page_token: "nonsense" });
    await wire.get(models("search"), { ...asked, filter: "description = 'x'" });
    await wire.get(models("search"), { ...asked, filter: "name > 'x'" });
    await wire.get(models("search"), { ...asked, order_by: "description" });
    await wire.get(models("search"), { ...asked, order_by: ["name ASC", "last_updated_timestamp DESC"] });
  },
  "versions are made of sources": async (wire) => {
    const name = "sources";
    const run_id = await newRun(wire, "sources");
    const found = await wire.get("runs/get", { run_id });
    const root = at(found, "run.info.artifact_uri");
    const model_id = at(
      await wire.post("logged-models", { experiment_id: at(found, "run.info.experiment_id"), name: "lm", source_run_id: run_id }),
      "model.info.model_id",
    );
    await newModel(wire, name, 0);
    const make = (given: { [key: string]: Json }) => wire.post(versions("create"), { name, ...given });
    await make({ source: "s3://bucket/model", description: "d", tags: [{ key: "a", value: "1" }], run_link: "http://host/run" });
    await make({ source: "s3://bucket/model", run_id });
    await make({ source: "dbfs:/a/b" });
    await make({ source: "gs://bucket/model" });
    await make({ source: `${root}/model`, run_id });
    await make({ source: `runs:/${run_id}/model`, run_id });
    await make({ source: `models:/${model_id}`, model_id });
    await make({ source: `models:/${model_id}`, model_id, run_id });
    await make({ source: `models:/${name}/1` });
    for (const source of [
      "/etc",
      "file:///etc",
      "./relative",
      "relative",
      "http://host/x",
      "https://host/x",
      "ftp://host/x",
      "s3://bucket/../x",
      "s3://bucket/%2e%2e/x",
      "s3://bucket/%252e%252e/x",
      "dbfs:/a/../b",
      "",
    ])
      await make({ source });
    for (const source of ["/etc", "file:///etc", `${root}/../other`, `${root.replace(/[0-9a-f]{32}/, "0".repeat(32))}/model`])
      await make({ source, run_id });
    await make({ source: `runs:/${"0".repeat(32)}/model`, run_id });
    await make({ source: `runs:/${run_id}/model` });
    await make({ source: `${root}/model` });
    await make({ source: 5 });
    await make({});
    await wire.post(versions("create"), { source: "s3://bucket/model" });
    await wire.post(versions("create"), { name: "none", source: "s3://bucket/model" });
    await make({ source: "s3://bucket/model", tags: [{ key: "a!b", value: "1" }] });
    await make({ source: "s3://bucket/model", tags: [{ value: "1" }] });
    await make({ source: "s3://bucket/model", run_id: "0".repeat(32) });
    await make({ source: "s3://bucket/model", description: 5 });
    await wire.get(models("get"), { name });
    await wire.get(versions("get-download-uri"), { name, version: "1" });
    await wire.get(versions("get-download-uri"), { name, version: "5" });
    await wire.get(versions("get-download-uri"), { name, version: "99" });
    await wire.get("logged-models/" + model_id);
  },
  "versions are read, changed and deleted": async (wire) => {
    const name = "versions";
    await newModel(wire, name, 3);
    await wire.get(versions("get"), { name, version: "1" });
    for (const version of ["99", "0", "-1", "abc", "1.5", ""]) await wire.get(versions("get"), { name, version });
    await wire.get(versions("get"), { name });
    await wire.get(versions("get"), { version: "1" });
    await wire.get(versions("get"), { name: "none", version: "1" });
    await wire.patch(versions("update"), { name, version: "1", description: "described" });
    await wire.unlike("no description is an empty one").patch(versions("update"), { name, version: "1" });
    await wire.patch(versions("update"), { name, version: "1", description: "again" });
    await wire.patch(versions("update"), { name, version: 1, description: "number" });
    await wire.patch(versions("update"), { name, version: "99", description: "x" });
    await wire.patch(versions("update"), { name, description: "x" });
    await wire.get(versions("get"), { name, version: "1" });
    await wire.get(models("get"), { name });
    await wire.delete(versions("delete"), { name, version: "2" });
    await wire.delete(versions("delete"), { name, version: "2" });
    await wire.delete(versions("delete"), { name, version: "abc" });
    await wire.delete(versions("delete"), { name });
    await wire.delete(versions("delete"), { version: "1" });
    await wire.get(versions("get"), { name, version: "2" });
    await wire.get(models("get"), { name });
    await wire.post(versions("create"), { name, source: "s3://bucket/model" });
    await wire.delete(versions("delete"), { name, version: "4" });
    await wire.post(versions("create"), { name, source: "s3://bucket/model" });
    await wire.delete(models("delete"), { name });
    await wire.get(versions("get"), { name, version: "1" });
  },
  "versions have tags": async (wire) => {
    const name = "tagged versions";
    await newModel(wire, name);
    const set = (given: { [key: string]: Json }) => wire.post(versions("set-tag"), { name, version: "1", ...given });
    await set({ key: "a", value: "1" });
    await set({ key: "a", value: "2" });
    await set({ key: "b", value: "" });
    await set({ key: "c" });
    for (const key of ["a!b", "", "x".repeat(250), "x".repeat(251), 5] as Json[]) await set({ key, value: "v" });
    await set({ key: "n", value: 5 });
    await set({ value: "1" });
    await set({ version: "99", key: "a", value: "1" });
    await set({ version: "abc", key: "a", value: "1" });
    await set({ name: "none", key: "a", value: "1" });
    await wire.post(versions("set-tag"), { name, key: "a", value: "1" });
    await wire.delete(versions("delete-tag"), { name, version: "1", key: "a" });
    await wire.delete(versions("delete-tag"), { name, version: "1", key: "a" });
    await wire.delete(versions("delete-tag"), { name, version: "99", key: "a" });
    await wire.delete(versions("delete-tag"), { name, version: "1" });
    await wire.get(versions("get"), { name, version: "1" });
  },
  "versions are searched in pages": async (wire) => {
    await newModel(wire, "sought", 5);
    await newModel(wire, "sought too", 2);
    const asked = { filter: "name = 'sought'", order_by: "version_number ASC", max_results: "2" };
    const first = await wire.get(versions("search"), asked);
    const second = await wire.get(versions("search"), { ...asked, page_token: at(first, "next_page_token") });
    await wire.get(versions("search"), { ...asked, page_token: at(second, "next_page_token") });
    await wire.get(versions("search"), { filter: "name LIKE 'sought%' AND version_number > 1", order_by: ["name DESC", "version_number DESC"] });
    await wire.get(versions("search"), { filter: "name IN ('sought', 'sought too')", order_by: ["version_number DESC", "name ASC"] });
    await wire.get(versions("search"), { filter: "source_path = 's3://bucket/model' and name = 'sought too'", order_by: "version_number ASC" });
    await wire.get(versions("search"), { filter: "run_id = 'x'" });
    await wire.get(versions("search"), { filter: "name = 'nobody'" });
    for (const max_results of ["0", "-1", "200000", "200001"]) await wire.get(versions("search"), { ...asked, max_results });
    await wire.get(versions("search"), { ...asked, page_token: "nonsense" });
    await wire.get(versions("search"), { ...asked, filter: "stage = 'x'" });
    await wire.get(versions("search"), { ...asked, filter: "version_number = 'abc'" });
    await wire.get(versions("search"), { ...asked, order_by: "stage" });
  },
  "versions go through stages": async (wire) => {
    const name = "staged";
    await newModel(wire, name, 4);
    const move = (version: Json, stage: Json, archive?: Json, by = wire) =>
      by.post(versions("transition-stage"), { name, version, stage, ...(archive !== undefined && { archive_existing_versions: archive }) });
    await move("1", "Staging");
    await move("1", "production");
    await move("2", "Production", false);
    await move("3", "Production", true);
    await wire.get(models("get"), { name });
    await wire.post(models("get-latest-versions"), { name });
    await wire.post(models("get-latest-versions"), { name, stages: ["Production", "None"] });
    await wire.post(models("get-latest-versions"), { name, stages: ["production"] });
    await wire.post(models("get-latest-versions"), { name, stages: ["Wrong"] });
    await wire.post(models("get-latest-versions"), { name, stages: [] });
    await wire.post(models("get-latest-versions"), { name: "none" });
    await wire.post(models("get-latest-versions"), {});
    await wire.get(models("get-latest-versions"), { name, stages: ["Production"] });
    await move("4", "Archived", true, wire.unlike(because.crash));
    await move("4", "None", true, wire.unlike(because.crash));
    await move("4", "Wrong");
    await move("4", "");
    await move("99", "Staging");
    await move("abc", "Staging");
    await wire.post(versions("transition-stage"), { name, version: "1" });
    await wire.post(versions("transition-stage"), { name, stage: "Staging" });
    await wire.post(versions("transition-stage"), { version: "1", stage: "Staging" });
    await move("4", "Staging", "yes");
  },
  "versions have aliases": async (wire) => {
    const name = "aliased";
    await newModel(wire, name, 3);
    const set = (given: { [key: string]: Json }) => wire.post(models("alias"), { name, alias: "champion", version: "1", ...given });
    await set({});
    await set({ version: "2" });
    await set({ alias: "challenger", version: "2" });
    await wire.get(models("get"), { name });
    await wire.get(versions("get"), { name, version: "2" });
    await wire.get(models("alias"), { name, alias: "champion" });
    await wire.get(models("alias"), { name, alias: "none" });
    await wire.get(models("alias"), { name: "none", alias: "champion" });
    await wire.get(models("alias"), { name });
    await wire.get(models("alias"), { alias: "champion" });
    for (const alias of ["latest", "LATEST", "v1", "V22", "v", "a b", "a.b", "a!b", "a_b-c", "", "x".repeat(255), "x".repeat(256), 5] as Json[])
      await set({ alias });
    await set({ version: "99" });
    await set({ version: "abc" });
    await set({ name: "none" });
    await wire.post(models("alias"), { name, alias: "champion" });
    await wire.post(models("alias"), { alias: "champion", version: "1" });
    await wire.delete(models("alias"), { name, alias: "challenger" });
    await wire.delete(models("alias"), { name, alias: "challenger" });
    await wire.delete(models("alias"), { name: "none", alias: "champion" });
    await wire.delete(models("alias"), { name });
    await wire.get(models("get"), { name });
    await wire.delete(versions("delete"), { name, version: "2" });
    await wire.get(models("alias"), { name, alias: "champion" });
    await wire.get(models("get"), { name });
    await set({ version: "3" });
    await wire.post(models("rename"), { name, new_name: "aliased anew" });
    await wire.get(models("alias"), { name: "aliased anew", alias: "champion" });
    for (const alias of ["1", "ü"]) await wire.unlike(because.names).post(models("alias"), { name: "aliased anew", alias, version: "1" });
  },
  "prompts are models of their own kind": async (wire) => {
    const isPrompt = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
    await wire.post(models("create"), { name: "prompt", tags: isPrompt });
    await wire.post(versions("create"), {
      name: "prompt",
      source: "prompt-template",
      tags: [...isPrompt, { key: "mlflow.prompt.text", value: "Hi {{who}}" }],
    });
    await wire.get(models("get"), { name: "prompt" });
    await wire.get(versions("get"), { name: "prompt", version: "1" });
    await wire.get(models("search"), { filter: "name = 'prompt'" });
    await wire.get(models("search"), { filter: "name = 'prompt' AND tag.`mlflow.prompt.is_prompt` = 'true'" });
    await wire.get(models("search"), { filter: "name = 'prompt' AND tag.`mlflow.prompt.is_prompt` != 'true'" });
    await wire.get(versions("search"), { filter: "name = 'prompt'" });
    await wire.get(versions("search"), { filter: "name = 'prompt' AND tag.`mlflow.prompt.is_prompt` = 'true'" });
    await wire.post(models("alias"), { name: "prompt", alias: "live", version: "1" });
    await wire.get(models("alias"), { name: "prompt", alias: "live" });
  },
};
