import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExperiment } from "#domains/tracking";
import { assessTrace, tellTrace } from "#domains/traces";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { forgetExperiments } from "./forget.ts";

let place: MlflowPlace;
let experiment: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await createExperiment(place.tracking, { name: "with issues" })).id;
});
afterAll(() => place.close());

type Answer = { status: number; body: any }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${place.address}/api/3.0/mlflow/issues${path}`, { method, ...init });
  return { status: response.status, body: await response.json() };
}
const create = (given: object) => call("POST", "", { experiment_id: experiment, description: "what happens", ...given });
const search = async (given: object) => (await call("POST", "/search", { experiment_id: experiment, ...given })).body;
const names = async (given: object) => ((await search(given)).issues ?? []).map(({ name }: { name: string }) => name);

describe("an issue", () => {
  it("is told with every field it was sent with, and changes", async () => {
    const sent = { severity: "high", root_causes: ["a", "b"], categories: ["speed"], created_by: "ann", status: "resolved" };
    const { issue } = (await create({ name: "slow", ...sent })).body;
    const whole = { ...sent, name: "slow", description: "what happens", experiment_id: experiment };
    expect(issue).toEqual({
      ...whole,
      ...{ issue_id: expect.stringMatching(/^iss-[0-9a-f]{32}$/), created_timestamp: expect.any(Number), last_updated_timestamp: expect.any(Number) },
    });
    const changed = await call("PATCH", `/${issue.issue_id}`, { issue_id: issue.issue_id, status: "rejected", name: "", severity: "low" });
    expect(changed.body.issue).toMatchObject({ ...whole, status: "rejected", severity: "low" });
    expect((await call("GET", `/${issue.issue_id}`)).body).toEqual(changed.body);
  });

  it.each([
    [{ name: "" }, 400, "Missing value for required parameter 'name'"],
    [{ name: "x", status: "asleep" }, 400, "one of pending, rejected, resolved"],
    [{ name: "x".repeat(251) }, 400, "exceeds the maximum length of 250"],
    [{ name: "x", experiment_id: "987654" }, 404, "No Experiment with id=987654 exists"],
    [{ name: "x", source_run_id: "0".repeat(32) }, 404, "not found"],
  ])("is refused as %j", async (given, status, message) => {
    const answer = await create(given);
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it("that is not there is not found", async () => {
    for (const [method, body] of [["GET"], ["PATCH", {}]] as const) {
      const answer = await call(method, "/iss-none", body);
      expect([answer.status, answer.body.error_code, answer.body.message]).toEqual([
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Issue with ID 'iss-none' not found",
      ]);
    }
  });
});

it("issues are found by status and run, the gravest first, page by page, with the number of their traces", async () => {
  experiment = (await createExperiment(place.tracking, { name: "searched" })).id;
  const ids: string[] = [];
  for (const [name, severity] of [["a", "low"], ["b"], ["c", "high"], ["d", "low"]] as const)
    ids.push((await create({ name, ...(severity && { severity }), ...(name === "b" && { status: "resolved" }) })).body.issue.issue_id);
  expect((await names({})).toSorted()).toEqual(["a", "b", "c", "d"]);
  expect((await names({}))[0]).toBe("c");
  expect((await names({})).at(-1)).toBe("b");
  expect(await names({ filter_string: "status = 'resolved'" })).toEqual(["b"]);
  expect(await names({ filter_string: "status != 'resolved' AND source_run_id = 'r'" })).toEqual([]);
  expect((await search({ filter_string: "name = 'a'" })).message).toMatch(/Invalid filter field 'name'/);
  const first = await search({ max_results: 3 });
  expect(first.issues).toHaveLength(3);
  const last = await search({ max_results: 3, page_token: first.next_page_token });
  expect([last.issues.map(({ name }: { name: string }) => name), last.next_page_token]).toEqual([["b"], ""]);
  for (const trace of ["t1", "t2"]) {
    await tellTrace(place.tracking, { id: trace, experiment, startedMs: 1 });
    const assessment = { id: `a-${trace}`, name: ids[0]!, kind: "issue" as const, value: "a", createdMs: 1, updatedMs: 1, metadata: {}, valid: true };
    await assessTrace(place.tracking, { trace, assessment });
  }
  const counted = (await search({ include_trace_count: true })).issues;
  expect(counted.map((issue: { name: string; trace_count: number }) => [issue.name, issue.trace_count])).toEqual([["c", 0], ["a", 2], ["d", 0], ["b", 0]]); // prettier-ignore
  await place.tracking.state.write((transaction) => forgetExperiments(transaction, [experiment]));
  expect(await names({})).toEqual([]);
});
