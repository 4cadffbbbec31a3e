/** What MLflow's REST API does with issues, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { because, newExperiment, newRun } from "./wire-setup.ts";

const issues = "/api/3.0/mlflow/issues";

export const issueScenarios: Record<string, Scenario> = {
  "issues are made, changed and found": async (wire) => {
    const experiment = await newExperiment(wire, "issues");
    const run = await newRun(wire, "issues of runs");
    const create = (given: { [key: string]: Json }, by = wire) =>
      by.post(issues, { experiment_id: experiment, name: "slow", description: "it takes long", ...given });
    const id = at(await create({ severity: "low", source_run_id: run, root_causes: ["a", "b"], created_by: "ann" }), "issue.issue_id");
    await create({ status: "resolved", categories: ["c"], name: "other" });
    await create({ severity: "high", name: "grave" });
    for (const missing of ["name", "description", "experiment_id"]) await create({ [missing]: null });
    await create({ name: 3 });
    await create({ experiment_id: "987654" });
    await create({ status: "asleep" }, wire.unlike(because.page));
    await wire.get(`${issues}/${id}`);
    await wire.get(`${issues}/iss-none`);
    await wire.patch(`${issues}/${id}`, { issue_id: id, name: "renamed", description: "", status: "rejected", severity: "medium" });
    await wire.patch(`${issues}/iss-none`, { issue_id: "iss-none", name: "x" });
    await wire.unlike("the id in the path is enough").patch(`${issues}/${id}`, {});
    const search = (given: { [key: string]: Json }) => wire.post(`${issues}/search`, { experiment_id: experiment, ...given });
    await search({});
    await search({ max_results: 1 });
    for (const max_results of [0, 50_001]) await search({ max_results });
    await search({ page_token: "x" });
    for (const filter of ["status = 'rejected'", "status != 'rejected'", `source_run_id = '${run}'`, "status LIKE 'p%'", "name = 'x'", "status"])
      await search({ filter_string: filter });
    await search({ include_trace_count: true });
    await search({ experiment_id: "987654" });
    await create({ name: "x".repeat(251) }, wire.unlike("names have at most 250 characters"));
  },
};
