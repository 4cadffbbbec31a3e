/** What MLflow's REST API does with traces, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { issueScenarios } from "./wire-issues.ts";
import { because, newExperiment, newRun } from "./wire-setup.ts";
import { begin, otlp, sendSpans } from "./wire-spans.ts";
import { measureScenarios } from "./wire-trace-measures.ts";
import { absentTrace, idOf, type Info, search, some, start, traces } from "./wire-trace-setup.ts";

const validFilters = [
  "name = 'job 1'",
  "trace.name LIKE 'job%'",
  "attributes.name != 'job 1'",
  "attribute.status = 'OK'",
  "status IN ('ERROR')",
  "status NOT IN ('ERROR', 'IN_PROGRESS')",
  "timestamp_ms > 1795168801000",
  "timestamp <= 1795168801000",
  "trace.timestamp_ms = 1795168802000",
  "execution_time_ms >= 200",
  "execution_time < 200.5",
  "end_time_ms > 1795168803000",
  "client_request_id = 'r3'",
  "client_request_id IN ('r3', 'r1')",
  "client_request_id LIKE 'R%'",
  "client_request_id ILIKE 'R%'",
  "tags.number = '2'",
  "tag.number != '2'",
  "tags.`number` = '2'",
  'tags."number" = "2"',
  "tags.rare IS NULL",
  "tags.rare IS NOT NULL",
  'tags.rare = "It\'s"',
  "tags.number RLIKE '^[13]$'",
  "tags.mlflow.traceName = 'job 0'",
  "metadata.own = 'x'",
  "request_metadata.own IS NULL",
  "metadata.mlflow.trace.session = 's1'",
  "metadata.`mlflow.trace.user` = 'ann'",
  "span.name = 'root 3'",
  "span.name LIKE 'root%' AND span.type = 'LLM'",
  "span.name = 'tool' AND span.type = 'LLM'",
  "span.type IN ('LLM', 'AGENT')",
  "span.status = 'OK'",
  "span.attributes.model LIKE '%m3%'",
  "trace.text LIKE '%Needle%'",
  "attribute.text ILIKE '%needle%'",
  "name = 'job 1' AND status = 'OK' AND tags.number = '3'",
  "feedback.good IS NULL",
  "run_id = 'none'",
];

const invalidFilters = [
  "name",
  "name =",
  "name = job",
  "name IN ('job 0')",
  "name > 'a'",
  "status > 'OK'",
  "timestamp_ms LIKE '1%'",
  "timestamp_ms IN ('1')",
  "unknown = 'x'",
  "unknown.key = 'x'",
  "tags.a > 'x'",
  "tags.a IN ('x')",
  "metadata.a > 'x'",
  "name = 'a' OR name = 'b'",
  "(name = 'a')",
  "NOT name = 'a'",
  "status IS NULL",
  "span.unknown = 'x'",
  "span.name > 'x'",
  "span.attributes. = 'x'",
  "text = 'x'",
  "text RLIKE 'x'",
  "feedback.good > 'x'",
  "feedback.good = 5",
  "feedback.good IN ('x')",
  "prompt = 'x'",
  "prompt LIKE 'x/1'",
  "metrics.a > 1",
  "name = 'a' name = 'b'",
  "   ",
];

export const traceScenarios: Record<string, Scenario> = {
  "traces are told, then their spans come": async (wire) => {
    const experiment = await newExperiment(wire, "traces are told, then their spans come");
    const trace = idOf("traces are told, then their spans come");
    await start(wire, experiment, trace, {
      client_request_id: "r",
      tags: { a: "b", "mlflow.traceName": "job" },
      trace_metadata: { c: "d", "mlflow.trace.session": "s", "mlflow.sourceRun": "r1" },
      request_preview: "in",
      response_preview: "out",
    });
    await wire.get(`${traces}/${trace}`);
    await sendSpans(wire, experiment, trace, [
      { attributes: { n: 5, yes: true, text: "ü", "mlflow.spanInputs": "other" } },
      { id: 2, parent: 1, name: "child", start: begin + 1n, status: 2 },
    ]);
    await wire.get(`${traces}/${trace}`);
    await wire.get(`${traces}/get`, { trace_id: trace });
    await wire.get(`${traces}/get`, { trace_id: trace, allow_partial: "true" });
    await wire.get(`${traces}/batchGet`, { trace_ids: [trace, absentTrace, trace] });
    await wire.get(`${traces}/batchGet`, { trace_ids: trace, experiment_ids: experiment });
    await wire.get(`${traces}/batchGet`, { trace_ids: trace, experiment_ids: "987654" });
    await wire.post(`${traces}/batchGetInfos`, { trace_ids: [absentTrace, trace] });
    await wire.post(`${traces}/batchGetInfos`, { trace_ids: [absentTrace] });
    await wire.get(`/api/2.0/mlflow/traces/${trace}/info`);
  },
  "spans come before their trace is told": async (wire) => {
    const experiment = await newExperiment(wire, "spans come before their trace is told");
    const trace = idOf("spans come before their trace is told");
    await sendSpans(wire, experiment, trace, [{ id: 2, parent: 1, name: "child", start: begin + 5_000_000n, end: begin + 9_000_000n }]);
    await wire.get(`${traces}/${trace}`);
    await sendSpans(wire, experiment, trace, [{ status: 2, attributes: { "session.id": "s", "user.id": "u" } }]);
    const asNamed = wire.unlike("a trace is called as its root is, when nobody named it");
    await asNamed.get(`${traces}/${trace}`);
    await start(wire, experiment, trace, { tags: { "mlflow.traceName": "told" } });
    await wire.get(`${traces}/get`, { trace_id: trace });
  },
  "traces have states and times of many kinds": async (wire) => {
    const experiment = await newExperiment(wire, "traces have states and times of many kinds");
    const states = ["OK", "ERROR", "IN_PROGRESS", "STATE_UNSPECIFIED"];
    for (const [i, state] of states.entries()) await start(wire, experiment, idOf(`state ${i}`), { state });
    const times = ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:00+01:00", "1970-01-01T00:00:00Z"];
    for (const [i, request_time] of times.entries()) await start(wire, experiment, idOf(`time ${i}`), { request_time });
    for (const [i, execution_duration] of ["0s", "3s", "0.001s", "61.250s", "1.0005s"].entries())
      await start(wire, experiment, idOf(`lasting ${i}`), { execution_duration });
    await wire.post(traces, {});
    await start(wire, "987654", idOf("nowhere"));
  },
  "traces are tagged": async (wire) => {
    const experiment = await newExperiment(wire, "traces are tagged");
    const trace = idOf("traces are tagged");
    await start(wire, experiment, trace, { tags: { a: "1" } });
    for (const version of ["2.0", "3.0"]) {
      const tags = `/api/${version}/mlflow/traces/${trace}/tags`;
      await wire.patch(tags, { key: `v${version}`, value: "x" });
      await wire.patch(tags, { key: "a", value: "y".repeat(9_000) });
      await wire.patch(tags, { key: "empty" });
      await wire.patch(tags, { key: "mlflow.traceName", value: "named" });
      await wire.patch(tags, { value: "x" });
      await wire.patch(tags, { key: "../x", value: "x" });
      await wire.patch(tags, { key: "k".repeat(251), value: "x" });
      await wire.unlike("where a trace's files are is not for its tags to say").patch(tags, { key: "mlflow.artifactLocation", value: "x" });
      await wire.patch(tags, { key: "mlflow.trace.spansLocation", value: "x" });
      await wire.unlike("as above").get(`${traces}/${trace}`);
      await wire.delete(tags, { key: "empty" });
      await wire.delete(tags, { key: "mlflow.traceName" });
      await wire.delete(tags, { key: "mlflow.traceName" });
      await wire.delete(tags, { key: "none" });
      await wire.delete(tags, {});
    }
    await wire.unlike(because.sqlText).patch(`${traces}/${absentTrace}/tags`, { key: "a", value: "b" });
    await wire.delete(`${traces}/${absentTrace}/tags`, { key: "a" });
  },
  "traces are found": async (wire) => {
    const experiment = await some(wire, "traces are found");
    await search(wire, experiment);
    for (const filter of validFilters) await search(wire, experiment, { filter });
    await search(wire.unlike("MLflow's reader of SQL takes the word for a type"), experiment, { filter: "text ILIKE '%needle%'" });
    const orders = [
      "timestamp ASC",
      "timestamp_ms DESC",
      "execution_time DESC",
      "status",
      "name DESC",
      "tags.rare",
      "metadata.own DESC",
      "request_id",
    ];
    for (const order of orders) await search(wire, experiment, { order_by: [order] });
    await search(wire, experiment, { order_by: ["status", "timestamp ASC"] });
    const first = await search(wire, experiment, { max_results: 2 });
    const second = await search(wire, experiment, { max_results: 2, page_token: at(first, "next_page_token") });
    await search(wire, experiment, { max_results: 2, page_token: at(second, "next_page_token") });
    await search(wire, "987654");
    await wire.get("/api/2.0/mlflow/traces", { experiment_ids: experiment, max_results: "2", filter: "tags.number != '3'" });
  },
  "searches for traces are refused": async (wire) => {
    const experiment = await some(wire, "searches for traces are refused");
    for (const filter of invalidFilters) await search(wire, experiment, { filter });
    await search(wire.unlike("a time is a number"), experiment, { filter: "timestamp_ms = 'x'" });
    await search(wire.unlike("MLflow takes it for the trace's name"), experiment, { filter: "issue.name = 'x'" });
    for (const order of ["unknown", "timestamp SIDEWAYS", "a b c", "feedback.a", "span.name", ""])
      await search(wire, experiment, { order_by: [order] });
    await search(wire, experiment, { max_results: 501 });
    await search(wire, experiment, { page_token: "nonsense" });
    await wire.post(`${traces}/search`, {});
    await wire.post(`${traces}/search`, { locations: [] });
  },
  "traces are assessed": async (wire) => {
    const experiment = await newExperiment(wire, "traces are assessed");
    const trace = idOf("traces are assessed");
    await start(wire, experiment, trace);
    const times = { create_time: "2026-11-20T10:00:00.500Z", last_update_time: "2026-11-20T10:00:01Z" };
    const source = { source_type: "HUMAN", source_id: "ann" };
    const assess = (given: Info) => wire.post(`${traces}/${trace}/assessments`, { assessment: { trace_id: trace, source, ...times, ...given } });
    for (const [i, value] of ([true, 0.5, "text", null, [1, "a"], { a: { b: 1.5 } }] as Json[]).entries())
      await assess({ assessment_name: `f${i}`, feedback: { value }, valid: true });
    await assess({ assessment_name: "failed", feedback: { error: { error_code: "E", error_message: "m" } }, valid: true, rationale: "why" });
    const told = await assess({ assessment_name: "e", expectation: { value: "x" }, metadata: { k: "v" }, span_id: "0000000000000001" });
    await assess({ assessment_name: "s", expectation: { serialized_value: { serialization_format: "JSON_FORMAT", value: '{"a": [1, 2]}' } } });
    const id = at(told, "assessment.assessment_id");
    await wire.get(`${traces}/${trace}/assessments/${id}`);
    const update = (mask: string, given: Info) =>
      wire.patch(`${traces}/${trace}/assessments/${id}`, { assessment: { assessment_id: id, trace_id: trace, ...given }, update_mask: mask });
    await update("assessmentName,metadata", { assessment_name: "renamed", metadata: { l: "w" } });
    await update("expectation", { expectation: { value: 5 } });
    await update("feedback", { feedback: { value: 5 } });
    await wire.get(`${traces}/${trace}`);
    await wire.delete(`${traces}/${trace}/assessments/${id}`);
    await wire.delete(`${traces}/${trace}/assessments/${id}`);
    await wire.get(`${traces}/${trace}/assessments/${id}`);
    await wire.get(`${traces}/${absentTrace}/assessments/${id}`);
    await assess({ assessment_name: "none" });
    await wire.post(`${traces}/${trace}/assessments`, {});
  },
  "traces are linked to runs": async (wire) => {
    const run_id = await newRun(wire, "traces are linked to runs: run");
    const experiment = await some(wire, "traces are linked to runs");
    const [first, second] = [idOf("traces are linked to runs 0"), idOf("traces are linked to runs 3")];
    await wire.post("traces/link-to-run", { run_id, trace_ids: [first, second] });
    await wire.post("traces/link-to-run", { run_id, trace_ids: [first] });
    await search(wire, experiment, { filter: `run_id = '${run_id}'` });
    await search(wire, experiment, { filter: `attribute.run_id = '${run_id}' AND name = 'job 1'` });
    await wire.post("traces/link-to-run", { run_id });
    await wire.post("traces/link-to-run", { trace_ids: [first] });
    await wire.post("traces/link-to-run", { run_id, trace_ids: Array.from({ length: 101 }, (_, i) => idOf(`${i}`)) });
    await wire.post("traces/link-prompts", { trace_id: first, prompt_versions: [{ name: "p", version: "1" }] });
    await search(wire, experiment, { filter: "prompt = 'p/1'" });
    await wire.post("traces/link-prompts", { trace_id: absentTrace, prompt_versions: [{ name: "p", version: "1" }] });
  },
  "traces are deleted": async (wire) => {
    const experiment = await some(wire, "traces are deleted");
    const remove = (given: { [key: string]: Json }, version = "3.0") =>
      wire.post(`/api/${version}/mlflow/traces/delete-traces`, { experiment_id: experiment, ...given });
    await remove({});
    await remove({ request_ids: [idOf("traces are deleted 0"), absentTrace] });
    await remove({ request_ids: [idOf("traces are deleted 0")] }, "2.0");
    await remove({ max_timestamp_millis: 1795168802000, max_traces: 1 });
    await remove({ max_timestamp_millis: 5, request_ids: ["x"] });
    await remove({ max_traces: 1, request_ids: ["x"] });
    await remove({ max_timestamp_millis: 5, max_traces: 0 });
    await search(wire, experiment, { order_by: ["timestamp"] });
    await wire.get(`${traces}/${idOf("traces are deleted 0")}`);
    await remove({ max_timestamp_millis: 1795168900000 });
    await search(wire, experiment);
    await wire.post(`${traces}/delete-traces`, { request_ids: ["x"] });
  },
  "old clients tell that a trace begins and ends": async (wire) => {
    const experiment = await newExperiment(wire, "old clients tell that a trace begins and ends");
    const begun = await wire.unlike("a trace's id has OpenTelemetry's form here, whoever began it").post("traces", {
      experiment_id: experiment,
      timestamp_ms: 1000,
      request_metadata: [{ key: "mlflow.trace_schema.version", value: "2" }],
      tags: [{ key: "mlflow.traceName", value: "old" }],
    });
    const id = at(begun, "trace_info.request_id");
    const otherId = wire.unlike("as above");
    await otherId.patch(`traces/${id}`, {
      timestamp_ms: 1250,
      status: "OK",
      request_metadata: [{ key: "mlflow.traceInputs", value: "{}" }],
      tags: [{ key: "a", value: "b" }],
    });
    await otherId.get(`traces/${id}/info`);
    await otherId.get("traces", { experiment_ids: experiment, max_results: "100" });
    await wire.get(`traces/${absentTrace}/info`);
    await wire.patch(`traces/${absentTrace}`, { timestamp_ms: 5, status: "OK" });
    await wire.get("traces");
  },
  "spans follow conventions of others": async (wire) => {
    const experiment = await newExperiment(wire, "spans follow conventions of others");
    const kinds: Record<string, string | number>[] = [
      {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": '[{"role": "user"}]',
        "gen_ai.output.messages": "[]",
        "gen_ai.request.model": "m1",
      },
      {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.call.arguments": '{"a": 1}',
        "gen_ai.tool.call.result": "done",
        "gen_ai.provider.name": "p",
      },
      { "gen_ai.operation.name": "other", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 7, "gen_ai.response.model": "m2" },
      { "openinference.span.kind": "RETRIEVER", "input.value": "2 + 2", "output.value": '{"sum": 4}', "llm.model_name": "m3", "llm.provider": "q" },
      { "openinference.span.kind": "LLM", "llm.token_count.prompt": 3, "llm.token_count.total": 9, "gen_ai.input.messages": "later" },
      { "mlflow.spanType": "AGENT", "gen_ai.operation.name": "chat", "mlflow.spanInputs": "own", "input.value": "other" },
      { "mlflow.spanType": "UNKNOWN", "gen_ai.operation.name": "embeddings" },
    ];
    for (const [i, attributes] of kinds.entries()) {
      const trace = idOf(`convention ${i}`);
      const counts = Object.keys(attributes).some((key) => key.includes("token"));
      const by = counts ? wire.unlike("tokens are counted by span; MLflow's clients add them up for the trace themselves") : wire;
      await sendSpans(wire, experiment, trace, [{ attributes }]);
      await start(by, experiment, trace, { tags: { "mlflow.traceName": "named" }, request_preview: "in", response_preview: "out" });
      await by.get(`${traces}/get`, { trace_id: trace });
    }
    const found = wire.unlike("a span's type is found as it is told");
    for (const type of ["CHAT_MODEL", "TOOL", "RETRIEVER", "EMBEDDING", "UNKNOWN"])
      await search(found, experiment, { filter: `span.type = '${type}'` });
  },
  "spans are refused": async (wire) => {
    const experiment = await newExperiment(wire, "spans are refused");
    const good = { "content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment };
    const form = wire.unlike("errors have OTLP's form: a Status in the encoding of the request");
    const trace = idOf("refused");
    const send = (body: string | Uint8Array, headers: Record<string, string> = good) => form.send("POST", "/v1/traces", { body, headers });
    await send(otlp(trace, [{}]), { ...good, "content-type": "text/plain" });
    await send("not protobuf at all");
    await send("{", { ...good, "content-type": "application/json" });
    await send(otlp("", [{}]));
    await send(otlp(trace, [{}]), { "content-type": "application/x-protobuf" });
    await send(otlp(trace, [{}]), { ...good, "content-encoding": "gzip" });
    await send(otlp(trace, [{}]), { ...good, "content-encoding": "br" });
    await send(otlp(trace, [{}]), { ...good, "x-mlflow-experiment-id": "987654" });
  },
  ...measureScenarios,
  ...issueScenarios,
};
