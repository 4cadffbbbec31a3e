// Made from the server's routes by `npm run generate`; do not edit.
import type { Call, CallOptions } from "../call.ts";
import type {
  EndpointsListInput,
  EndpointsListOutput,
  EndpointsShowInput,
  EndpointsShowOutput,
  EventsAppendInput,
  EventsAppendOutput,
  FeaturesListInput,
  FeaturesListOutput,
  FeaturesReadInput,
  FeaturesReadOutput,
  FeaturesShowInput,
  FeaturesShowOutput,
  LineageShowInput,
  LineageShowOutput,
  MetricsShowInput,
  ModelsHistoryInput,
  ModelsHistoryOutput,
  ModelsListInput,
  ModelsListOutput,
  ModelsPromoteInput,
  ModelsPromoteOutput,
  ModelsRollbackInput,
  ModelsRollbackOutput,
  ModelsShowInput,
  ModelsShowOutput,
  ModelsVersionInput,
  ModelsVersionOutput,
  MonitoringDaysInput,
  MonitoringDaysOutput,
  MonitoringDriftInput,
  MonitoringDriftOutput,
  PredictionsMakeInput,
  PredictionsMakeOutput,
  PredictionsShowInput,
  PredictionsShowOutput,
  PredictionsTraceInput,
  PredictionsTraceOutput,
  RetrainingListInput,
  RetrainingListOutput,
  RunsListInput,
  RunsListOutput,
  RunsShowInput,
  RunsShowOutput,
  RunsWhyInput,
  RunsWhyOutput,
  SystemHealthInput,
  SystemHealthOutput,
  TablesHistoryInput,
  TablesHistoryOutput,
  TablesListInput,
  TablesListOutput,
  TablesShowInput,
  TablesShowOutput,
  TokensCreateInput,
  TokensCreateOutput,
  TokensListInput,
  TokensListOutput,
  TokensRevokeInput,
  TokensRevokeOutput,
} from "./types.ts";

/** Every operation of a server, grouped by noun. */
export type Operations = ReturnType<typeof operations>;

/** Binds the operations to a way of calling the server. */
export function operations(call: Call) {
  return {
    system: {
      /** Say that the server is up. */
      health: (input: SystemHealthInput = {}, options?: CallOptions) => call.json<SystemHealthOutput>("GET", "/health", input, options),
    },
    tokens: {
      /** Make a token for a program or a person. Its secret is shown this once. Needs `access:write`. */
      create: (input: TokensCreateInput, options?: CallOptions) => call.json<TokensCreateOutput>("POST", "/api/tokens", input, options),
      /** List tokens, without their secrets. Needs `access:write`. */
      list: (input: TokensListInput = {}, options?: CallOptions) => call.json<TokensListOutput>("GET", "/api/tokens", input, options),
      /** Make a token worthless. Needs `access:write`. */
      revoke: (input: TokensRevokeInput, options?: CallOptions) => call.json<TokensRevokeOutput>("DELETE", "/api/tokens/{name}", input, options),
    },
    lineage: {
      /** Show everything made from a column, table, feature, run or version; with direction upstream, everything it was made from. Needs `project:read`. */
      show: (input: LineageShowInput, options?: CallOptions) => call.json<LineageShowOutput>("GET", "/api/lineage/{name}", input, options),
    },
    tables: {
      /** List the lake's tables with their newest versions. Needs `project:read`. */
      list: (input: TablesListInput = {}, options?: CallOptions) => call.json<TablesListOutput>("GET", "/api/tables", input, options),
      /** Show a table's columns, as of a version. Needs `project:read`. */
      show: (input: TablesShowInput, options?: CallOptions) => call.json<TablesShowOutput>("GET", "/api/tables/{table}", input, options),
      /** Show a table's versions, newest first: when, by which operation, with how many rows. Needs `project:read`. */
      history: (input: TablesHistoryInput, options?: CallOptions) => call.json<TablesHistoryOutput>("GET", "/api/tables/{table}/history", input, options),
    },
    features: {
      /** List feature views with their features. Needs `project:read`. */
      list: (input: FeaturesListInput = {}, options?: CallOptions) => call.json<FeaturesListOutput>("GET", "/api/features", input, options),
      /** Show a feature view's definition. Needs `project:read`. */
      show: (input: FeaturesShowInput, options?: CallOptions) => call.json<FeaturesShowOutput>("GET", "/api/features/{view}", input, options),
      /** Read an entity's features as of a moment, with the events behind each: what a training row asking then would see. Needs `project:read`. */
      read: (input: FeaturesReadInput, options?: CallOptions) => call.json<FeaturesReadOutput>("GET", "/api/features/{view}/values", input, options),
    },
    runs: {
      /** List runs of flows, newest first. Needs `project:read`. */
      list: (input: RunsListInput = {}, options?: CallOptions) => call.json<RunsListOutput>("GET", "/api/runs", input, options),
      /** Show a run with its steps and what each cost. Needs `project:read`. */
      show: (input: RunsShowInput, options?: CallOptions) => call.json<RunsShowOutput>("GET", "/api/runs/{run}", input, options),
      /** Say why a step ran or came from the cache: which part of its key had changed. Needs `project:read`. */
      why: (input: RunsWhyInput, options?: CallOptions) => call.json<RunsWhyOutput>("GET", "/api/runs/{run}/steps/{step}/why", input, options),
    },
    models: {
      /** List registered models with what their aliases hold. Needs `project:read`. */
      list: (input: ModelsListInput = {}, options?: CallOptions) => call.json<ModelsListOutput>("GET", "/api/models", input, options),
      /** Show a model and its versions, newest first. Needs `project:read`. */
      show: (input: ModelsShowInput, options?: CallOptions) => call.json<ModelsShowOutput>("GET", "/api/models/{model}", input, options),
      /** Show a version (a number, an alias or `latest`) with its gate report. Needs `project:read`. */
      version: (input: ModelsVersionInput, options?: CallOptions) => call.json<ModelsVersionOutput>("GET", "/api/models/{model}/versions/{version}", input, options),
      /** Give an alias, such as champion, to a version. Needs `models:write`. */
      promote: (input: ModelsPromoteInput, options?: CallOptions) => call.json<ModelsPromoteOutput>("PUT", "/api/models/{model}/aliases/{alias}", input, options),
      /** Give an alias back to the version that held it before. Needs `models:write`. */
      rollback: (input: ModelsRollbackInput, options?: CallOptions) => call.json<ModelsRollbackOutput>("POST", "/api/models/{model}/aliases/{alias}/rollback", input, options),
      /** Show who held an alias when, moved by whom and why. Needs `project:read`. */
      history: (input: ModelsHistoryInput, options?: CallOptions) => call.json<ModelsHistoryOutput>("GET", "/api/models/{model}/aliases/{alias}/history", input, options),
    },
    endpoints: {
      /** List the endpoints, with what answers at each. Needs `project:read`. */
      list: (input: EndpointsListInput = {}, options?: CallOptions) => call.json<EndpointsListOutput>("GET", "/api/endpoints", input, options),
      /** Show an endpoint: the version that answers, the one beside it, and what waits. Needs `project:read`. */
      show: (input: EndpointsShowInput, options?: CallOptions) => call.json<EndpointsShowOutput>("GET", "/api/endpoints/{endpoint}", input, options),
    },
    predictions: {
      /** Answer rows: entity keys and the model's own columns; features are read live, a value under a feature's full name takes its place. Needs `predictions:make`. */
      make: (input: PredictionsMakeInput, options?: CallOptions) => call.json<PredictionsMakeOutput>("POST", "/api/endpoints/{endpoint}/predictions", input, options),
      /** Show a recorded prediction. Needs `predictions:read`. */
      show: (input: PredictionsShowInput, options?: CallOptions) => call.json<PredictionsShowOutput>("GET", "/api/predictions/{id}", input, options),
      /** Trace a prediction: version, run, commit, parameters, each value with the time it was known, and the columns behind it. Needs `predictions:read`. */
      trace: (input: PredictionsTraceInput, options?: CallOptions) => call.json<PredictionsTraceOutput>("GET", "/api/predictions/{id}/trace", input, options),
    },
    events: {
      /** Append events to a topic, all or none. With producer and sequence a repeated call adds nothing. Needs `project:run`. */
      append: (input: EventsAppendInput, options?: CallOptions) => call.json<EventsAppendOutput>("POST", "/api/topics/{topic}/events", input, options),
    },
    monitoring: {
      /** Show how an endpoint's predictions turned out, by day of the prediction. Needs `project:read`. */
      days: (input: MonitoringDaysInput, options?: CallOptions) => call.json<MonitoringDaysOutput>("GET", "/api/endpoints/{endpoint}/days", input, options),
      /** Show how far a day's inputs have moved from the training rows, and which checks of them failed. Needs `project:read`. */
      drift: (input: MonitoringDriftInput, options?: CallOptions) => call.json<MonitoringDriftOutput>("GET", "/api/endpoints/{endpoint}/drift", input, options),
    },
    retraining: {
      /** List when an endpoint's model was learnt again, why, and what came of it; newest first. Needs `project:read`. */
      list: (input: RetrainingListInput, options?: CallOptions) => call.json<RetrainingListOutput>("GET", "/api/endpoints/{endpoint}/retrainings", input, options),
    },
    metrics: {
      /** Metrics of the process and the project, in Prometheus' text format. Needs `project:read`. Answers text/plain; version=0.0.4; charset=utf-8. */
      show: (input: MetricsShowInput = {}, options?: CallOptions) => call.raw("GET", "/metrics", input, options),
    },
  };
}
