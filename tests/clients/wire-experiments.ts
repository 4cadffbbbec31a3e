/** What MLflow's REST API does with experiments, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { because, newExperiment } from "./wire-setup.ts";

export const experimentScenarios: Record<string, Scenario> = {
  "experiments are made, read, changed, deleted and restored": async (wire) => {
    const experiment_id = await newExperiment(wire, "life");
    await wire.get("experiments/get", { experiment_id });
    await wire.get("experiments/get-by-name", { experiment_name: "life" });
    await wire.get("experiments/get-by-name", { experiment_name: "no life" });
    await wire.get("experiments/get", { experiment_id: "123456" });
    for (const none of ["none", "12abc", "-1"]) await wire.get("experiments/get", { experiment_id: none });
    await wire.get("experiments/get", { experiment_id: "0" });
    await wire.get("experiments/get");
    await wire.post("experiments/create", { name: "life" });
    await wire.post("experiments/update", { experiment_id, new_name: "second life" });
    await wire.get("experiments/get", { experiment_id });
    await wire.post("experiments/update", { experiment_id, new_name: "second life" });
    await wire.post("experiments/create", { name: "first life" });
    await wire.unlike(because.sqlText).post("experiments/update", { experiment_id, new_name: "first life" });
    await wire.post("experiments/update", { experiment_id: "123456", new_name: "other" });
    await wire.post("experiments/update", { experiment_id });
    const run_id = at(await wire.post("runs/create", { experiment_id, run_name: "run", start_time: 1 }), "run.info.run_id");
    await wire.post("experiments/delete", { experiment_id });
    await wire.post("experiments/delete", { experiment_id });
    await wire.get("experiments/get", { experiment_id });
    await wire.get("experiments/get-by-name", { experiment_name: "second life" });
    await wire.get("runs/get", { run_id });
    await wire.post("experiments/create", { name: "second life" });
    await wire.post("runs/create", { experiment_id, start_time: 1 });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "b" });
    await wire.post("experiments/restore", { experiment_id });
    await wire.post("experiments/restore", { experiment_id });
    await wire.get("experiments/get", { experiment_id });
    await wire.get("runs/get", { run_id });
    await wire.post("experiments/restore", { experiment_id: "123456" });
    await wire.post("experiments/delete", { experiment_id: "123456" });
    await wire.post("experiments/delete");
    await wire.post("experiments/restore");
  },
  "experiments take names, tags and locations": async (wire) => {
    for (const name of ["", " ", "a/b", "ü ✈ 机场", "x".repeat(500), "x".repeat(501), "quo'te\"d", 5, true, ["a"], { a: 1 }, null] as Json[])
      await wire.post("experiments/create", { name });
    await wire.unlike("names hold no control characters").post("experiments/create", { name: "tab\tin" });
    await wire.post("experiments/create");
    await wire.post("experiments/create", { name: "tagged", tags: [{ key: "a", value: "1" }, { key: "b", value: "" }, { key: "c" }] });
    await wire.get("experiments/get-by-name", { experiment_name: "tagged" });
    await wire.unlike("MLflow says that the experiment exists already: here the later tag wins").post("experiments/create", {
      name: "twice tagged",
      tags: [
        { key: "a", value: "1" },
        { key: "a", value: "2" },
      ],
    });
    await wire.post("experiments/create", { name: "no key", tags: [{ value: "1" }] });
    await wire.post("experiments/create", { name: "bad key", tags: [{ key: "a!b", value: "1" }] });
    await wire.post("experiments/create", { name: "text tags", tags: "a" });
    await wire.unlike(because.wrongType).post("experiments/create", { name: "number tag", tags: [{ key: "a", value: 1 }] });
    await wire.post("experiments/create", { name: "on s3", artifact_location: "s3://bucket/folder" });
    const found = await wire.get("experiments/get-by-name", { experiment_name: "on s3" });
    await wire.post("runs/create", { experiment_id: at(found, "experiment.experiment_id"), run_name: "r", start_time: 1 });
    for (const [i, artifact_location] of ["s3://b/a#c", "", "http://host/x"].entries())
      await wire.post("experiments/create", { name: `location ${i}`, artifact_location });
    for (const [i, artifact_location] of ["/a/place", "/a/place/", "file:///a/place", "file://localhost/a/place", "/a#b", "/a;b"].entries()) {
      const name = `place on a disk ${i}`;
      await wire.post("experiments/create", { name, artifact_location });
      await wire.get("experiments/get-by-name", { experiment_name: name });
    }
    await wire.post("experiments/create", { name: "a number for a place", artifact_location: 9.5 });
    await wire.unlike(because.crash).post("experiments/create", { name: "place on another's disk", artifact_location: "file://host/a" });
    for (const [i, artifact_location] of ["s3://b/a?c=d", "s3://b/../c", "s3://b/%2e%2e/c", "/a/../b", "file:///a/%2e%2e/b"].entries())
      await wire.unlike(because.location).post("experiments/create", { name: `bad location ${i}`, artifact_location });
    await wire.post("experiments/create", { name: "unknown field", other: { deep: [1] } });
  },
  "experiments have tags": async (wire) => {
    const experiment_id = await newExperiment(wire, "tags of an experiment");
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: "2" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "b", value: "" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "c" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "multi\nline", value: "x" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "d", value: "line\nline ü" });
    await wire.get("experiments/get", { experiment_id });
    await wire.post("experiments/set-experiment-tag", { experiment_id, value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "", value: "1" });
    await wire.post("experiments/set-experiment-tag", { key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id: "123456", key: "a", value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: 5, value: "1" });
    await wire.post("experiments/set-experiment-tag", { experiment_id, key: "a", value: 5 });
    await wire.post("experiments/delete-experiment-tag", { experiment_id, key: "a" });
    await wire.post("experiments/delete-experiment-tag", { experiment_id, key: "a" });
    await wire.post("experiments/delete-experiment-tag", { experiment_id });
    await wire.post("experiments/delete-experiment-tag", { experiment_id: "123456", key: "a" });
    await wire.get("experiments/get", { experiment_id });
  },
  "experiments' tags have limits": async (wire) => {
    const experiment_id = await newExperiment(wire, "limits of tags");
    const set = (key: string, value: string) => wire.post("experiments/set-experiment-tag", { experiment_id, key, value });
    await set("k".repeat(250), "v");
    await set("k".repeat(251), "v");
    for (const length of [5_000, 5_001, 20_000, 20_001]) await set(`t${length}`, "v".repeat(length));
    await wire.get("experiments/get", { experiment_id });
    await wire.post("experiments/create", { name: "a long tag", tags: [{ key: "t", value: "v".repeat(5_001) }] });
    await wire.post("experiments/create", { name: "a too long tag", tags: [{ key: "t", value: "v".repeat(20_001) }] });
    await wire.post("experiments/create", { name: "a too long key", tags: [{ key: "k".repeat(251), value: "v" }] });
  },
  "experiments are searched in pages": async (wire) => {
    for (let i = 0; i < 5; i++) await newExperiment(wire, `paged ${i}`);
    const asked = { filter: "name LIKE 'paged%'", order_by: ["name ASC"], max_results: 2 };
    const first = await wire.post("experiments/search", asked);
    const second = await wire.post("experiments/search", { ...asked, page_token: at(first, "next_page_token") });
    await wire.post("experiments/search", { ...asked, page_token: at(second, "next_page_token") });
    await wire.get("experiments/search", { filter: "name = 'paged 3'", max_results: "5", view_type: "ALL" });
    await wire.get("experiments/search", { filter: "name LIKE 'paged%'", max_results: "5", order_by: ["name DESC"] });
    await wire.post("experiments/search", { ...asked, max_results: 0 });
    await wire.post("experiments/search", { ...asked, max_results: -1 });
    await wire.post("experiments/search", { ...asked, max_results: 50_000, view_type: "DELETED_ONLY" });
    await wire.post("experiments/search", { ...asked, max_results: 50_001 });
    await wire.post("experiments/search", { ...asked, max_results: "two" });
    await wire.post("experiments/search", {});
    await wire.post("experiments/search", { ...asked, page_token: "nonsense" });
    await wire.post("experiments/search", { ...asked, filter: "size = 3" });
    await wire.post("experiments/search", { ...asked, order_by: ["size"] });
    await wire.post("experiments/search", { ...asked, order_by: "name" });
    await wire.post("experiments/search", { ...asked, filter: 5 });
  },
};
