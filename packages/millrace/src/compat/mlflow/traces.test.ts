import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExperiment } from "#domains/tracking";
import { recordSpans, type Span } from "#domains/traces";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
let experiment: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await createExperiment(place.tracking, { name: "traced" })).id;
});
afterAll(() => place.close());

type Answer = { status: number; body: any; text: string }; // oxlint-disable-line typescript/no-explicit-any -- what a server says

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${place.address}${path}`, { method, ...init });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text), text };
}

const traces = "/api/3.0/mlflow/traces";
const idOf = (name: string) => createHash("sha256").update(name).digest("hex").slice(0, 32);

async function start(name: string, more: object = {}): Promise<string> {
  const id = `tr-${idOf(name)}`;
  const trace_location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } };
  const trace_info = { trace_id: id, trace_location, request_time: "2026-01-02T03:04:05.600Z", execution_duration: "0.070s", state: "OK", ...more };
  expect((await call("POST", traces, { trace: { trace_info } })).status).toBe(200);
  return id;
}

async function send(name: string, fields: Partial<Span> = {}): Promise<void> {
  const span: Span = {
    ...{ trace: idOf(name), id: "00000000000000a1", parent: undefined, name, kind: "server", status: "ok", message: "" },
    ...{
      startNs: 1_795_194_692_184_400_858n,
      endNs: 1_795_194_692_206_926_588n,
      attributes: {},
      events: [],
      links: [],
      resource: {},
      scope: { name: "", version: "" },
    },
    ...fields,
  };
  await recordSpans(place.tracking, { experiment, spans: [{ span }] });
}

describe("a trace", () => {
  it("is told with every field it was sent with", async () => {
    const tags = { team: "air", "mlflow.traceName": "answer" };
    const trace_metadata = { own: "x", "mlflow.trace.session": "s1", "mlflow.trace.user": "ann", "mlflow.sourceRun": "r1" };
    const sent = { tags, trace_metadata, client_request_id: "c1", request_preview: "in", response_preview: "out" };
    const id = await start("whole", sent);
    expect((await call("GET", `${traces}/${id}`)).body.trace.trace_info).toEqual({
      ...sent,
      trace_id: id,
      trace_location: { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } },
      request_time: "2026-01-02T03:04:05.600Z",
      execution_duration: "0.070s",
      state: "OK",
      trace_metadata: { ...trace_metadata, "mlflow.trace.infoFinalized": "true" },
      tags: { ...tags, "mlflow.artifactLocation": `mlflow-artifacts:/${experiment}/traces/${id}/artifacts` },
    });
  });

  it("has its spans with exact nanoseconds and integers", async () => {
    await send("exact", { attributes: { big: 2n ** 62n, half: 0.5, list: [1n, "a"], none: null } });
    const { text, body } = await call("GET", `${traces}/get?trace_id=tr-${idOf("exact")}`);
    expect(text).toContain('"start_time_unix_nano":1795194692184400858,"end_time_unix_nano":1795194692206926588');
    expect(text).toContain('"int_value":4611686018427387904');
    expect(body.trace.spans[0]).toMatchObject({
      ...{ trace_id: Buffer.from(idOf("exact"), "hex").toString("base64"), kind: "SPAN_KIND_SERVER", status: { code: "STATUS_CODE_OK" } },
      attributes: expect.arrayContaining([
        { key: "half", value: { double_value: 0.5 } },
        { key: "list", value: { array_value: { values: [{ int_value: 1 }, { string_value: "a" }] } } },
        { key: "none" },
        { key: "mlflow.traceRequestId", value: { string_value: `tr-${idOf("exact")}` } },
      ]),
    });
  });

  it("of another program's conventions has MLflow's names beside them, and its JSON taken apart", async () => {
    const messages = '[{"role": "user", "tokens": 1.5, "id": 12345678901234567890}]';
    const counts = { "gen_ai.usage.input_tokens": 5n, "gen_ai.usage.output_tokens": "7" };
    await send("convention", {
      attributes: { "gen_ai.input.messages": messages, "output.value": "done", "llm.model_name": "m", code: "1", ...counts },
    });
    const { text, body } = await call("GET", `${traces}/get?trace_id=tr-${idOf("convention")}`);
    const valueOf = (key: string) => body.trace.spans[0].attributes.find((each: { key: string }) => each.key === key)?.value;
    expect(valueOf("mlflow.spanInputs")).toEqual(valueOf("gen_ai.input.messages"));
    expect(text).toContain('{"key":"id","value":{"int_value":12345678901234567890}}');
    expect([valueOf("mlflow.spanOutputs"), valueOf("mlflow.llm.model"), valueOf("code")]).toEqual([
      { string_value: "done" },
      { string_value: "m" },
      { string_value: "1" },
    ]);
    const usage = valueOf("mlflow.chat.tokenUsage").kvlist_value.values.map(({ key, value }: { key: string; value: { int_value: number } }) => [
      key,
      value.int_value,
    ]);
    expect(usage).toEqual([
      ["input_tokens", 5],
      ["output_tokens", 7],
      ["total_tokens", 12],
    ]);
  });

  it("whose spans are under way is waited for", async () => {
    const id = await start("slow", { trace_metadata: { "mlflow.trace.sizeStats": JSON.stringify({ num_spans: 1 }) } });
    const asked = call("GET", `${traces}/get?trace_id=${id}&allow_partial=False`);
    const partial = await call("GET", `${traces}/get?trace_id=${id}&allow_partial=True`);
    expect(partial.body.trace.spans).toEqual([]);
    await send("slow");
    expect((await asked).body.trace.spans).toHaveLength(1);
  });

  it("is given to pages as the file that old clients keep", async () => {
    await send("filed", { attributes: { text: "ü", n: 3n } });
    const { body, text } = await call("GET", `/ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-${idOf("filed")}`);
    expect(body.spans[0]).toMatchObject({ name: "filed", parent_span_id: null, attributes: { text: '"ü"', n: "3" } });
    expect(text).toContain('"start_time_unix_nano":1795194692184400858');
  });

  it("is given to pages with what programs keep beside it, by a name that is a UUID", async () => {
    const pages = "/ajax-api/3.0/mlflow/get-trace-artifact";
    const id = await start("with attachments");
    const name = "a1b2c3d4-e5f6-4890-abcd-ef1234567890";
    const file = `/api/2.0/mlflow-artifacts/artifacts/${experiment}/traces/${id}/artifacts/attachments/${name}`;
    await fetch(`${place.address}${file}`, { method: "PUT", body: "\u0089PNG" });
    const answer = await fetch(`${place.address}${pages}?request_id=${id}&path=${name}`);
    expect([answer.status, await answer.text()]).toEqual([200, "\u0089PNG"]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...{ "content-type": "application/octet-stream", "content-disposition": `attachment; filename=${name}`, "x-content-type-options": "nosniff" },
    });
    for (const odd of ["traces.json", name.toUpperCase(), `../${name}`]) {
      expect((await call("GET", `${pages}?request_id=${id}&path=${encodeURIComponent(odd)}`)).status, odd).toBe(400);
    }
    expect(await call("GET", `${pages}?path=${name}`)).toMatchObject({
      ...{ status: 400, body: { error_code: "BAD_REQUEST", message: 'Request must include the "request_id" query parameter.' } },
    });
    expect((await call("GET", `${pages}?request_id=tr-none&path=${name}`)).body.message).toBe("Trace with ID 'tr-none' not found.");
    expect(await call("GET", `${pages}?request_id=tr-none`)).toMatchObject({
      ...{ status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST", message: "Trace with ID tr-none is not found." } },
    });
  });

  it("takes the files beside it along when it is deleted", async () => {
    const id = await start("with files");
    const file = `/api/2.0/mlflow-artifacts/artifacts/${experiment}/traces/${id}/artifacts/traces.json`;
    await fetch(`${place.address}${file}`, { method: "PUT", body: '{"spans": []}' });
    expect((await call("GET", `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${id}`)).body).toEqual({ spans: [] });
    expect((await call("POST", `${traces}/delete-traces`, { experiment_id: experiment, request_ids: [id] })).body).toEqual({ traces_deleted: 1 });
    expect((await call("GET", file)).status).toBe(404);
    expect((await call("GET", `${traces}/${id}`)).body.error_code).toBe("RESOURCE_DOES_NOT_EXIST");
  });

  it.each(["tr-..%2f..", "%00", "a b", "x".repeat(300)])("is not found by the id %s", async (id) => {
    expect((await call("GET", `${traces}/${id}`)).status).toBe(404);
    expect((await call("GET", `${traces}/get?trace_id=${id}&allow_partial=true`)).status).toBe(404);
  });

  it.each([
    [{ request_time: "yesterday" }, "request_time"],
    [{ execution_duration: "soon" }, "execution_duration"],
    [{ tags: { ["k".repeat(251)]: "x" } }, "tags"],
    [{ assessments: [{ assessment_name: "a" }] }, "expectation"],
  ])("is refused with %j", async (more, named) => {
    const trace_location = { mlflow_experiment: { experiment_id: experiment } };
    const { status, body } = await call("POST", traces, { trace: { trace_info: { trace_id: "tr-x", trace_location, ...more } } });
    expect([status, body.error_code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    expect(body.message).toContain(named);
  });
});

describe("our own API", () => {
  it("lists, shows and deletes traces, with spans below the one they are a part of", async () => {
    const of = (id: string, parent?: string) => ({
      id: id.padStart(16, "0"),
      parent: parent?.padStart(16, "0"),
      name: `span ${id}`,
      startNs: BigInt(`0x${id}`),
    });
    await send("tree", of("1"));
    for (const [id, parent] of [
      ["3", "2"],
      ["2", "1"],
      ["4", "1"],
      ["5", "99"],
    ] as const)
      await send("tree", of(id, parent));
    const { body: shown } = await call("GET", `/api/traces/${idOf("tree")}`);
    expect(shown.tree.map(({ name, depth }: { name: string; depth: number }) => [name, depth])).toEqual([
      ["span 1", 0],
      ["span 2", 1],
      ["span 3", 2],
      ["span 4", 1],
      ["span 5", 0],
    ]);
    const list = async (query: string) => (await call("GET", `/api/traces?${query}`)).body.traces.map(({ id }: { id: string }) => id);
    expect(await list("name=span%25&limit=5")).toEqual([idOf("tree")]);
    expect(await list("text=SPAN%205")).toEqual([idOf("tree")]);
    expect(await list("tag=team%3Dair")).toEqual([idOf("whole")]);
    expect(await list("session=s1&user=ann&run=r1&status=ok&slower=70&since=2026-01-01&until=2026-01-03&metadata=own")).toEqual([idOf("whole")]);
    expect((await call("GET", "/api/traces?since=never")).status).toBe(400);
    expect((await call("DELETE", "/api/traces")).status).toBe(400);
    expect((await call("DELETE", `/api/traces?id=${idOf("tree")}`)).body).toEqual({ deleted: 1 });
    expect((await call("DELETE", `/api/traces?id=${idOf("tree")}`)).status).toBe(404);
    expect((await call("DELETE", `/api/traces?experiment=${experiment}&before=2026-01-03`)).body.deleted).toBeGreaterThan(1);
    expect(await list(`experiment=${experiment}&until=2026-01-03`)).toEqual([]);
  });
});
