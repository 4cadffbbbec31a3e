/** What MLflow's GraphQL answers, as scenarios whose answers are compared. */
import { at, type Json, type Scenario, type Wire } from "./wire.ts";
import { absentRun, because, newExperiment, newRun } from "./wire-setup.ts";

const askedWith = (wire: Wire, query: string, variables?: Json) => wire.post("/graphql", { query, ...(variables !== undefined && { variables }) });

const metric = "key value timestamp step datasetName datasetDigest modelId runId";
const experiment =
  "experimentId name artifactLocation lifecycleStage lastUpdateTime creationTime tags { key value } effectiveTraceArchivalRetention workspace";
const version = `name version creationTimestamp lastUpdatedTimestamp userId currentStage description source runId status statusMessage
  tags { key value } runLink aliases modelId modelParams { name value } modelMetrics { ${metric} }
  deploymentJobState { jobId runId currentTaskName }`;
const run = `__typename info { runId runUuid runName experimentId userId status startTime endTime artifactUri lifecycleStage }
  data { metrics { ${metric} } params { key value } tags { key value } }
  inputs { datasetInputs { tags { key value } dataset { name digest sourceType source schema profile } } modelInputs { modelId } }
  outputs { modelOutputs { modelId step } }
  experiment { ${experiment} } modelVersions { ${version} }`;
const apiError = "apiError { code message helpUrl traceId errorDetails { field message } }";

const getRun = `query GetRun($data: MlflowGetRunInput!) @component(name: "page") { mlflowGetRun(input: $data) { ${apiError} run { ${run} } } }`;
const getExperiment = `query ($input: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $input) { ${apiError} experiment { ${experiment} } } }`;
const searchRuns = (kind: string) =>
  `${kind} ($data: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $data) { ${apiError} runs { ${run} } nextPageToken } }`;
const interval = `query ($data: MlflowGetMetricHistoryBulkIntervalInput!) {
  mlflowGetMetricHistoryBulkInterval(input: $data) { __typename ${apiError} metrics { key value timestamp step runId } } }`;
const listArtifacts = `query ($data: MlflowListArtifactsInput!) {
  mlflowListArtifacts(input: $data) { ${apiError} rootUri files { path isDir fileSize } nextPageToken } }`;
const searchVersions = `query ($data: MlflowSearchModelVersionsInput!) {
  mlflowSearchModelVersions(input: $data) { ${apiError} modelVersions { ${version} } nextPageToken } }`;
const searchDatasets = `mutation ($data: MlflowSearchDatasetsInput!) {
  mlflowSearchDatasets(input: $data) { ${apiError} datasetSummaries { experimentId name digest context } } }`;

const view = "MLflow cannot read which runs by their life are meant";
const range = "MLflow passes over a chart's range and number of points";
const nothingAsked = "MLflow passes over what is missing";

export const graphqlScenarios: Record<string, Scenario> = {
  "GraphQL: the schema": async (wire) => {
    await askedWith(wire, "{ __schema { queryType { name } mutationType { name } subscriptionType { name } types { name kind description } } }");
    const type = "type { name kind ofType { name kind ofType { name kind } } }";
    const { data } = (await askedWith(wire, "{ __schema { types { name } } }")) as { data: { __schema: { types: { name: string }[] } } }; // just asked for
    for (const { name } of data.__schema.types.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (name.startsWith("__")) continue; // GraphQL's own, as its libraries have it
      await askedWith(
        wire,
        `query ($name: String!) { __type(name: $name) { name kind description specifiedByURL interfaces { name } possibleTypes { name }
          fields { name description isDeprecated args { name description defaultValue ${type} } ${type} }
          inputFields { name description defaultValue ${type} } enumValues { name description isDeprecated } } }`,
        { name },
      );
    }
    const directives = "{ __schema { directives { name locations args { name } } } }";
    const own = wire.unlike("MLflow's schema leaves out GraphQL's own directives");
    await askedWith(own, directives);
    await askedWith(own, '{ test(inputString: "x") { output @skip(if: true) } }');
  },
  "GraphQL: a run and all that belongs to it": async (wire) => {
    const run_id = await newRun(wire, "asked for a run", { tags: [{ key: "t", value: "v" }] });
    await askedWith(wire, getRun, { data: { runId: run_id } });
    await wire.post("runs/log-batch", {
      run_id,
      metrics: [
        { key: "m", value: 1.5, timestamp: 5, step: 0 },
        { key: "m", value: 2, timestamp: 6, step: 3 },
        { key: "nan", value: "NaN", timestamp: 6, step: 3 },
        { key: "huge", value: "Infinity", timestamp: 6, step: -3 },
      ],
      params: [{ key: "p", value: "1" }],
    });
    await wire.post("runs/log-inputs", {
      run_id,
      datasets: [
        { tags: [{ key: "mlflow.data.context", value: "train" }], dataset: { name: "d", digest: "x", source_type: "s", source: "so", schema: "{}" } },
      ],
    });
    const info = await wire.get("runs/get", { run_id });
    const root = at(info, "run.info.artifact_uri");
    await wire.post("registered-models/create", { name: "asked with a run" });
    for (const [i, tags] of [[{ key: "k", value: "v" }], []].entries())
      await wire.post("model-versions/create", {
        name: "asked with a run",
        source: `${root}/m${i}`,
        run_id,
        tags,
        description: i > 0 ? "second" : "",
      });
    const experiment_id = at(info, "run.info.experiment_id");
    const logged = at(await wire.post("logged-models", { experiment_id, name: "m", source_run_id: run_id }), "model.info.model_id");
    await wire.post("runs/outputs", { run_id, models: [{ model_id: logged, step: 7 }] });
    await wire.post("runs/update", { run_id, status: "FINISHED", end_time: 9000 });
    await askedWith(wire, getRun, { data: { runId: run_id } });
    await askedWith(wire, getRun, { data: { runUuid: run_id } });
    await askedWith(wire, getRun, { data: { runId: absentRun } });
    await askedWith(wire, getRun, { data: {} });
    await askedWith(wire, getRun, { data: { runId: null } });
    await askedWith(wire, getRun, { data: null });
    await askedWith(wire, getRun, { data: { runId: 5 } });
    await askedWith(wire, getRun, { data: { run_id } });
    await askedWith(wire, getRun);
    await askedWith(wire, "{ mlflowGetRun { run { info { runId } } } }");
    await askedWith(wire, "{ mlflowGetRun(input: null) { run { info { runId } } } }");
    await wire.post("runs/delete", { run_id });
    await askedWith(wire, getRun, { data: { runId: run_id } });
    await wire.post("registered-models/alias", { name: "asked with a run", alias: "champion", version: "1" });
    await askedWith(wire.unlike("versions that are searched for tell their aliases, too"), getRun, { data: { runId: run_id } });
  },
  "GraphQL: experiments": async (wire) => {
    const experimentId = at(await wire.post("experiments/create", { name: "asked for it", tags: [{ key: "a", value: "b" }] }), "experiment_id");
    await askedWith(wire, getExperiment, { input: { experimentId } });
    await askedWith(wire, getExperiment, { input: { experimentId: "987654321" } });
    await askedWith(wire, getExperiment, { input: { experimentId: 5 } });
    await askedWith(wire, getExperiment, { input: { experimentId: ["0"] } });
    await askedWith(wire, '{ mlflowGetExperiment(input: { experimentId: "0" }) { experiment { name lifecycleStage } } }');
    await wire.post("experiments/delete", { experiment_id: experimentId });
    await askedWith(wire, getExperiment, { input: { experimentId } });
  },
  "GraphQL: searches for runs": async (wire) => {
    const experiment_id = await newExperiment(wire, "asked for runs");
    const ids: string[] = [];
    for (const [i, run_name] of ["a", "b", "c"].entries())
      ids.push(at(await wire.post("runs/create", { experiment_id, run_name, start_time: 1000 + i, user_id: "ann" }), "run.info.run_id"));
    await wire.post("registered-models/create", { name: "asked with runs" });
    for (const run_id of [ids[0]!, ids[2]!, ids[0]!])
      await wire.post("model-versions/create", {
        name: "asked with runs",
        source: `mlflow-artifacts:/${experiment_id}/${run_id}/artifacts/m`,
        run_id,
      });
    for (const kind of ["query", "mutation"]) {
      const ask = (data: { [key: string]: Json }, on = wire) =>
        askedWith(on, searchRuns(kind), { data: { experimentIds: [experiment_id], ...data } });
      await ask({});
      await ask({ filter: "attributes.run_name = 'b'" });
      await ask({ orderBy: ["start_time ASC"], maxResults: 2 });
      await ask({ orderBy: "start_time ASC", filter: null, maxResults: null, runViewType: null, pageToken: "" });
      await ask({ filter: "bad bad" });
      for (const maxResults of [0, -1, 50_001, 3_000_000_000, 1.5, "2"]) await ask({ maxResults });
      await ask({ orderBy: [null] });
      await ask({ orderBy: ["nope"] });
      await ask({ pageToken: "nope" });
      await ask({ experimentIds: [] });
      await ask({ experimentIds: ["987654321"] });
      await ask({ runViewType: "NOPE" });
      for (const runViewType of ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]) await ask({ runViewType }, wire.unlike(view));
      await askedWith(wire, `${kind} { mlflowSearchRuns(input: {}) { runs { info { runId } } nextPageToken } }`);
    }
  },
  "GraphQL: charts": async (wire) => {
    const run_id = await newRun(wire, "asked for a chart");
    await wire.post("runs/log-batch", {
      run_id,
      metrics: Array.from({ length: 30 }, (_, step) => ({ key: "m", value: step / 4, timestamp: step, step })),
    });
    await wire.post("runs/log-metric", { run_id, key: "nan", value: "NaN", timestamp: 1, step: 1 });
    const ask = (data: { [key: string]: Json }, on = wire) => askedWith(on, interval, { data: { runIds: [run_id], metricKey: "m", ...data } });
    await ask({});
    await ask({ runIds: run_id });
    await ask({ runIds: [run_id, absentRun] });
    await ask({ runIds: [] });
    await ask({ runIds: null });
    await ask({ runIds: [null] });
    await ask({ metricKey: "none" });
    await ask({ metricKey: "nan" }, wire.unlike("MLflow adds an error that NaN is no number"));
    await ask({ metricKey: null }, wire.unlike(nothingAsked));
    await ask({ startStep: 3, endStep: 5 }, wire.unlike(range));
    await ask({ startStep: 3 }, wire.unlike(range));
    await ask({ maxResults: 4 }, wire.unlike(range));
    await ask({ maxResults: 1.5 });
    await ask({ runIds: Array.from({ length: 101 }, () => absentRun) }, wire.unlike("a chart has 100 runs at most, as MLflow's REST API says"));
  },
  "GraphQL: files": async (wire) => {
    const run_id = await newRun(wire, "asked for files");
    const root = at(await wire.get("runs/get", { run_id }), "run.info.artifact_uri").replace(
      "mlflow-artifacts:",
      "/api/2.0/mlflow-artifacts/artifacts",
    );
    await wire.send("PUT", `${root}/a.txt`, { body: "hello" });
    await wire.send("PUT", `${root}/sub/b.txt`, { body: "b" });
    const ask = (data: { [key: string]: Json }) => askedWith(wire, listArtifacts, { data: { runId: run_id, ...data } });
    await ask({});
    for (const path of ["sub", "none", "a.txt", "", "../x", "/etc"]) await ask({ path });
    await ask({ runId: absentRun });
    await ask({ runId: null });
    await ask({ runId: null, runUuid: run_id });
  },
  "GraphQL: versions": async (wire) => {
    const run_id = await newRun(wire, "asked for versions");
    await wire.post("registered-models/create", { name: "asked for versions" });
    const source = `${at(await wire.get("runs/get", { run_id }), "run.info.artifact_uri")}/m`;
    for (let i = 0; i < 3; i++) await wire.post("model-versions/create", { name: "asked for versions", source, run_id });
    const mine = "name = 'asked for versions'";
    const ask = (data: { [key: string]: Json }, on = wire) => askedWith(on, searchVersions, { data });
    await ask({ filter: mine });
    await ask({ filter: mine, orderBy: ["version_number ASC"] });
    for (const maxResults of [2, "2"]) await ask({ filter: mine, maxResults });
    await ask({ filter: mine, maxResults: 1.5 }, wire.unlike(because.wrongType));
    for (const maxResults of ["x", 0, -1, 200_001, [1], {}]) await ask({ maxResults });
    await ask({ filter: "nonsense" });
    await ask({ filter: "name = 'none'" });
    await ask({ orderBy: ["nope"] });
    await ask({ pageToken: "nope" });
    const job = `{ mlflowSearchModelVersions(input: { filter: "${mine}" }) { modelVersions { deploymentJobState { jobState runState } } } }`;
    await askedWith(wire.unlike("MLflow adds errors that there is no job"), job);
    const written = (text: string, on = wire) =>
      askedWith(
        on,
        `{ mlflowSearchModelVersions(input: { filter: "${mine}", orderBy: "version_number DESC", maxResults: ${text} }) { modelVersions { version } } }`,
      );
    await written("2");
    await written('"2"', wire.unlike(because.wrongType));
    await written("1.5", wire.unlike(because.wrongType));
  },
  "GraphQL: datasets": async (wire) => {
    const experiment_id = await newExperiment(wire, "asked for datasets");
    const run_id = at(await wire.post("runs/create", { experiment_id, run_name: "r", start_time: 1 }), "run.info.run_id");
    await wire.post("runs/log-inputs", {
      run_id,
      datasets: [
        { tags: [{ key: "mlflow.data.context", value: "train" }], dataset: { name: "d", digest: "x", source_type: "s", source: "so" } },
        { dataset: { name: "e", digest: "y", source_type: "s", source: "so" } },
      ],
    });
    const ask = (experimentIds: Json) => askedWith(wire, searchDatasets, { data: { experimentIds } });
    for (const ids of [[experiment_id], experiment_id, [], null, ["987654321"], [null], Array.from({ length: 21 }, () => "0")]) await ask(ids);
  },
  "GraphQL: documents": async (wire) => {
    const ask = (query: string, more: { [key: string]: Json } = {}, on = wire) => on.post("/graphql", { query, ...more });
    const echo = 'test(inputString: "a") { output }';
    await ask(`{ ${echo} }`);
    await ask("{ test(inputString: null) { output } }");
    await ask("{ test { output } }");
    await ask('mutation { testMutation(inputString: "a") { output } }', {}, wire.unlike("MLflow's mutation that echoes does not"));
    await ask("{ nope }");
    await ask("{ test { output nope } }");
    await ask("{ test(inputString: 5) { output } }");
    await ask('{ test(inputString: "a", other: 1) { output } }');
    await ask("{ test }");
    await ask("{ __typename }");
    await ask("mutation { __typename }");
    await ask("subscription { nope }");
    await ask("fragment F on Test { output }");
    await ask(`{ ...F } fragment F on Query { ${echo} ...F }`);
    await ask(`{ ...F } fragment F on Query { ${echo} }`);
    await ask(`{ a: ${echo} a: test(inputString: "b") { output } }`);
    await ask(`query A { ${echo} } query B { b: ${echo} }`);
    await ask(`query A { ${echo} } query B { b: ${echo} }`, { operationName: "B" });
    await ask(`query A { ${echo} }`, { operationName: "C" });
    await ask(`query A { ${echo} }`, { operationName: null, variables: null });
    await ask(`query A { ${echo} }`, { operationName: 5 }, wire.unlike(because.wrongType));
    const variable = "query ($s: String!) { test(inputString: $s) { output } }";
    await ask(variable);
    await ask(variable, { variables: { s: "b", other: 5 } });
    await ask(variable, { variables: { s: 5 } });
    await ask(variable, { variables: { s: null } });
    await ask("query ($s: Nope) { test(inputString: $s) { output } }");
    await ask(`query @component { ${echo} }`);
    await ask(`query @component(name: "x") { ${echo} }`);
    await ask(`query @nope { ${echo} }`);
    const crash = wire.unlike(because.crash);
    for (const query of ["", "{", "{ test(", "{ test(inputString: “a”) { output } }"]) await ask(query, {}, crash);
    for (const variables of [[1], "x", 5] as Json[]) await ask(variable, { variables }, crash);
    for (const body of [null, [], 5, "x", {}, { query: null }, { query: 5 }] as Json[]) await crash.post("/graphql", body);
    await crash.send("POST", "/graphql", { body: "{", headers: { "content-type": "application/json" } });
    await crash.get("/graphql");
    await crash.get("/graphql", { query: "{ __typename }" });
    await wire.send("POST", "/graphql", { body: '{"query":"{ __typename }"}', headers: { "content-type": "text/plain" } });
    await wire.send("POST", "/graphql", { body: '{"query":"{ __typename }"}', headers: { "content-type": "application/json; charset=utf-8" } });
  },
  "GraphQL: limits": async (wire) => {
    const ask = (query: string, on = wire) => askedWith(on, query);
    const times = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join(" ");
    const echo = 'test(inputString: "x") { output }';
    for (const count of [10, 11]) {
      await ask(`{ ${times(count, () => echo)} }`);
      await ask(`{ ${times(count, (i) => `a${i}: ${echo}`)} }`);
      await ask(`{ test(inputString: "x") { ${times(count, (i) => `a${i}: output`)} } }`);
      await ask(`{ ...F } fragment F on Query { ${times(count, () => echo)} }`);
      await ask(`query A { ${echo} } query B { ${times(count - 1, () => echo)} }`);
      await ask(`{ __schema { ${"types { fields { type { ".repeat(2)} ${"ofType { ".repeat(count - 7)} name ${"} ".repeat(count - 7 + 6)} } }`);
    }
    await ask(`{ ${"a { ".repeat(12)} a ${"} ".repeat(12)} }`);
    await ask("{ ...F } fragment F on Query { a { ...F } }");
    await ask(`{ test(inputString: "x") { ${times(1_001, () => "output")} } }`);
    await ask(`{ test(inputString: "x") { ${times(500, () => "output")} } }`);
    await ask(`{ mlflowGetExperiment(input: { experimentId: "1" }) { experiment { ${times(1_002, (i) => `f${i} { name }`)} } } }`);
    const size = wire.unlike("the size of a document is limited");
    await ask(`{ test(inputString: "${"x".repeat(100_000)}") { output } }`, size);
    await ask(`{ test(inputString: "x") { ${"... { ".repeat(110)} output ${"} ".repeat(110)} } }`, size);
    await ask(`{ test(inputString: "x") { ${times(100, (i) => `...F${i}`)} } } ${times(100, (i) => `fragment F${i} on Test { output }`)}`, size);
  },
};
