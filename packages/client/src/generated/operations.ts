// Made from the server's routes by `npm run generate`; do not edit.
import type { Call, CallOptions, FileBody } from "../call.ts";
import type {
  ArtifactsArchiveInput,
  ArtifactsDeleteInput,
  ArtifactsDeleteOutput,
  ArtifactsDownloadInput,
  ArtifactsListInput,
  ArtifactsListOutput,
  ArtifactsPreviewInput,
  ArtifactsPreviewOutput,
  ArtifactsShowInput,
  ArtifactsShowOutput,
  ArtifactsUploadInput,
  ArtifactsUploadOutput,
  BlobsCollectInput,
  BlobsCollectOutput,
  CardsRemoveInput,
  CardsRemoveOutput,
  CardsWriteInput,
  CardsWriteOutput,
  EndpointsListInput,
  EndpointsListOutput,
  EndpointsShowInput,
  EndpointsShowOutput,
  EventsAppendInput,
  EventsAppendOutput,
  ExperimentsArchiveInput,
  ExperimentsArchiveOutput,
  ExperimentsCreateInput,
  ExperimentsCreateOutput,
  ExperimentsDeleteInput,
  ExperimentsDeleteOutput,
  ExperimentsListInput,
  ExperimentsListOutput,
  ExperimentsMoveInput,
  ExperimentsMoveOutput,
  ExperimentsPurgeInput,
  ExperimentsPurgeOutput,
  ExperimentsRestoreInput,
  ExperimentsRestoreOutput,
  ExperimentsShowInput,
  ExperimentsShowOutput,
  ExperimentsUnarchiveInput,
  ExperimentsUnarchiveOutput,
  ExperimentsUpdateInput,
  ExperimentsUpdateOutput,
  FeaturesListInput,
  FeaturesListOutput,
  FeaturesReadInput,
  FeaturesReadOutput,
  FeaturesShowInput,
  FeaturesShowOutput,
  LineageShowInput,
  LineageShowOutput,
  MetricsHistoryInput,
  MetricsHistoryOutput,
  MetricsSampleInput,
  MetricsSampleOutput,
  MetricsShowInput,
  ModelsCardInput,
  ModelsCardOutput,
  ModelsDeleteInput,
  ModelsDeleteOutput,
  ModelsHistoryInput,
  ModelsHistoryOutput,
  ModelsLineageInput,
  ModelsLineageOutput,
  ModelsListInput,
  ModelsListOutput,
  ModelsPromoteInput,
  ModelsPromoteOutput,
  ModelsRenameInput,
  ModelsRenameOutput,
  ModelsRollbackInput,
  ModelsRollbackOutput,
  ModelsShowInput,
  ModelsShowOutput,
  ModelsStagesInput,
  ModelsStagesOutput,
  ModelsUpdateInput,
  ModelsUpdateOutput,
  ModelsVersionInput,
  ModelsVersionOutput,
  MonitoringDaysInput,
  MonitoringDaysOutput,
  MonitoringDriftInput,
  MonitoringDriftOutput,
  NotesAddInput,
  NotesAddOutput,
  NotesEditInput,
  NotesEditOutput,
  NotesHistoryInput,
  NotesHistoryOutput,
  NotesListInput,
  NotesListOutput,
  NotesRemoveInput,
  NotesRemoveOutput,
  PredictionsMakeInput,
  PredictionsMakeOutput,
  PredictionsShowInput,
  PredictionsShowOutput,
  PredictionsTraceInput,
  PredictionsTraceOutput,
  RetentionApplyInput,
  RetentionApplyOutput,
  RetrainingListInput,
  RetrainingListOutput,
  RunsArchiveInput,
  RunsArchiveOutput,
  RunsColumnsInput,
  RunsColumnsOutput,
  RunsCompareInput,
  RunsCompareOutput,
  RunsCountInput,
  RunsCountOutput,
  RunsDeleteInput,
  RunsDeleteOutput,
  RunsDetailsInput,
  RunsDetailsOutput,
  RunsExportInput,
  RunsFinishInput,
  RunsFinishOutput,
  RunsGroupInput,
  RunsGroupOutput,
  RunsListInput,
  RunsListOutput,
  RunsLogInput,
  RunsLogOutput,
  RunsPurgeInput,
  RunsPurgeOutput,
  RunsRestoreInput,
  RunsRestoreOutput,
  RunsSearchInput,
  RunsSearchOutput,
  RunsShowInput,
  RunsShowOutput,
  RunsStartInput,
  RunsStartOutput,
  RunsUnarchiveInput,
  RunsUnarchiveOutput,
  RunsUpdateInput,
  RunsUpdateOutput,
  RunsValuesInput,
  RunsValuesOutput,
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
  TracesDeleteInput,
  TracesDeleteOutput,
  TracesListInput,
  TracesListOutput,
  TracesShowInput,
  TracesShowOutput,
  VersionsDeleteInput,
  VersionsDeleteOutput,
  VersionsUpdateInput,
  VersionsUpdateOutput,
  WebhooksCreateInput,
  WebhooksCreateOutput,
  WebhooksDeleteInput,
  WebhooksDeleteOutput,
  WebhooksDeliveriesInput,
  WebhooksDeliveriesOutput,
  WebhooksEventsInput,
  WebhooksEventsOutput,
  WebhooksListInput,
  WebhooksListOutput,
  WebhooksRedeliverInput,
  WebhooksRedeliverOutput,
  WebhooksSealInput,
  WebhooksSealOutput,
  WebhooksShowInput,
  WebhooksShowOutput,
  WebhooksTestInput,
  WebhooksTestOutput,
  WebhooksUpdateInput,
  WebhooksUpdateOutput,
} from "./types.ts";

/** Every operation of a server, grouped by noun. */
export type Operations = ReturnType<typeof operations>;

/** Binds the operations to a way of calling the server. */
export function operations(call: Call) {
  return {
    system: {
      /** Say that the server is up, of which project and version. `/health` answers `OK` to anybody. */
      health: (input: SystemHealthInput = {}, options?: CallOptions) => call.json<SystemHealthOutput>("GET", "/api/health", input, options),
    },
    tokens: {
      /** Make a token for a program or a person. Its secret is shown this once. Needs `access:write`. */
      create: (input: TokensCreateInput, options?: CallOptions) => call.json<TokensCreateOutput>("POST", "/api/tokens", input, options),
      /** List tokens, without their secrets. Needs `access:write`. */
      list: (input: TokensListInput = {}, options?: CallOptions) => call.json<TokensListOutput>("GET", "/api/tokens", input, options),
      /** Make a token worthless. Needs `access:write`. */
      revoke: (input: TokensRevokeInput, options?: CallOptions) => call.json<TokensRevokeOutput>("DELETE", "/api/tokens/{name}", input, options),
    },
    webhooks: {
      /** Make a webhook: a URL that is told of events. Its secret is shown this once. Needs `webhooks:write`. */
      create: (input: WebhooksCreateInput, options?: CallOptions) => call.json<WebhooksCreateOutput>("POST", "/api/webhooks", input, options),
      /** List webhooks, without their secrets. Needs `webhooks:write`. */
      list: (input: WebhooksListInput = {}, options?: CallOptions) => call.json<WebhooksListOutput>("GET", "/api/webhooks", input, options),
      /** List the events a webhook may be told of, with an example of each one's data. */
      events: (input: WebhooksEventsInput = {}, options?: CallOptions) => call.json<WebhooksEventsOutput>("GET", "/api/webhooks/events", input, options),
      /** Seal the secrets of webhooks with the key that comes first, and tell the id of the one key that they need from then on. Needs `webhooks:write`. */
      seal: (input: WebhooksSealInput = {}, options?: CallOptions) => call.json<WebhooksSealOutput>("POST", "/api/webhooks/seal", input, options),
      /** Show a webhook, without its secret. Needs `webhooks:write`. */
      show: (input: WebhooksShowInput, options?: CallOptions) => call.json<WebhooksShowOutput>("GET", "/api/webhooks/{id}", input, options),
      /** Change a webhook. Setting it active also takes up what waited while it was disabled. Needs `webhooks:write`. */
      update: (input: WebhooksUpdateInput, options?: CallOptions) => call.json<WebhooksUpdateOutput>("PATCH", "/api/webhooks/{id}", input, options),
      /** Delete a webhook with its messages, also those that wait. Needs `webhooks:write`. */
      delete: (input: WebhooksDeleteInput, options?: CallOptions) => call.json<WebhooksDeleteOutput>("DELETE", "/api/webhooks/{id}", input, options),
      /** Send an example to a webhook at once and show the answer. Needs `webhooks:write`. */
      test: (input: WebhooksTestInput, options?: CallOptions) => call.json<WebhooksTestOutput>("POST", "/api/webhooks/{id}/test", input, options),
      /** Show what became of a webhook's last messages, newest first. Needs `webhooks:write`. */
      deliveries: (input: WebhooksDeliveriesInput, options?: CallOptions) => call.json<WebhooksDeliveriesOutput>("GET", "/api/webhooks/{id}/deliveries", input, options),
      /** Send a message once more, under its id. Needs `webhooks:write`. */
      redeliver: (input: WebhooksRedeliverInput, options?: CallOptions) => call.json<WebhooksRedeliverOutput>("POST", "/api/webhooks/{id}/deliveries/{delivery}/redeliver", input, options),
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
      /** Archive runs with those nested in them: a list, or what a query finds, a little at a time: until `done`, the same call goes on. Needs `project:run`. */
      archive: (input: RunsArchiveInput = {}, options?: CallOptions) => call.json<RunsArchiveOutput>("POST", "/api/runs/archive", input, options),
      /** Restore archived runs with those nested in them: a list, or what a query finds, a little at a time: until `done`, the same call goes on. Needs `project:run`. */
      unarchive: (input: RunsUnarchiveInput = {}, options?: CallOptions) => call.json<RunsUnarchiveOutput>("POST", "/api/runs/unarchive", input, options),
      /** Remove for ever archived runs with those nested in them: a list, or what a query finds, or all of a certain age, a little at a time: until `done`, the same call goes on. Needs `project:purge`. */
      purge: (input: RunsPurgeInput = {}, options?: CallOptions) => call.json<RunsPurgeOutput>("POST", "/api/runs/purge", input, options),
      /** Find tracked runs of every experiment by a query, in any order, page by page. Needs `project:read`. */
      search: (input: RunsSearchInput = {}, options?: CallOptions) => call.json<RunsSearchOutput>("GET", "/api/runs/search", input, options),
      /** Say how many tracked runs match a query, and how many there are. Needs `project:read`. */
      count: (input: RunsCountInput = {}, options?: CallOptions) => call.json<RunsCountOutput>("GET", "/api/runs/count", input, options),
      /** Group tracked runs by params, tags or attributes, with how their metrics came out. Needs `project:read`. */
      group: (input: RunsGroupInput, options?: CallOptions) => call.json<RunsGroupOutput>("GET", "/api/runs/groups", input, options),
      /** List the metrics, params and tags that tracked runs have, with how many have each. Needs `project:read`. */
      columns: (input: RunsColumnsInput = {}, options?: CallOptions) => call.json<RunsColumnsOutput>("GET", "/api/runs/columns", input, options),
      /** List the different values of a param, tag, input or attribute of tracked runs, those of most runs first. Needs `project:read`. */
      values: (input: RunsValuesInput, options?: CallOptions) => call.json<RunsValuesOutput>("GET", "/api/runs/values", input, options),
      /** Show what differs between tracked runs: metrics, params, tags, inputs, code and environment. Needs `project:read`. */
      compare: (input: RunsCompareInput, options?: CallOptions) => call.json<RunsCompareOutput>("GET", "/api/runs/compare", input, options),
      /** Give all tracked runs that match a query as CSV, JSON or lines of JSON. Needs `project:read`. Answers text/csv. */
      export: (input: RunsExportInput = {}, options?: CallOptions) => call.raw("GET", "/api/runs/export", input, options),
      /** Start a tracked run in an experiment, which is made where there is none of that name. Needs `project:run`. */
      start: (input: RunsStartInput, options?: CallOptions) => call.json<RunsStartOutput>("POST", "/api/runs", input, options),
      /** Log params, tags, metrics, inputs and outputs of a run: all of it, durable when answered, or nothing. May be repeated. Needs `project:run`. */
      log: (input: RunsLogInput, options?: CallOptions) => call.json<RunsLogOutput>("POST", "/api/runs/{run}/log", input, options),
      /** End a tracked run. Ending it again the same way changes nothing. Needs `project:run`. */
      finish: (input: RunsFinishInput, options?: CallOptions) => call.json<RunsFinishOutput>("POST", "/api/runs/{run}/finish", input, options),
      /** Show everything a tracked run was told: metrics, params, tags, inputs, outputs, code and environment. Needs `project:read`. */
      details: (input: RunsDetailsInput, options?: CallOptions) => call.json<RunsDetailsOutput>("GET", "/api/runs/{run}/details", input, options),
      /** Change the name, note or tags of a tracked run. Needs `project:run`. */
      update: (input: RunsUpdateInput, options?: CallOptions) => call.json<RunsUpdateOutput>("PATCH", "/api/runs/{run}", input, options),
      /** Delete a tracked run: searches leave it out, and it can be restored. Needs `project:run`. */
      delete: (input: RunsDeleteInput, options?: CallOptions) => call.json<RunsDeleteOutput>("DELETE", "/api/runs/{run}", input, options),
      /** Take back that a tracked run was deleted. Needs `project:run`. */
      restore: (input: RunsRestoreInput, options?: CallOptions) => call.json<RunsRestoreOutput>("POST", "/api/runs/{run}/restore", input, options),
    },
    experiments: {
      /** Archive experiments with their runs: a folder, or a list, a little at a time: until `done`, the same call goes on. Needs `project:run`. */
      archive: (input: ExperimentsArchiveInput = {}, options?: CallOptions) => call.json<ExperimentsArchiveOutput>("POST", "/api/experiments/archive", input, options),
      /** Restore archived experiments with their runs: a folder, or a list, a little at a time: until `done`, the same call goes on. Needs `project:run`. */
      unarchive: (input: ExperimentsUnarchiveInput = {}, options?: CallOptions) => call.json<ExperimentsUnarchiveOutput>("POST", "/api/experiments/unarchive", input, options),
      /** Remove for ever archived experiments with their runs: a folder, or a list, or all of a certain age, a little at a time: until `done`, the same call goes on. Needs `project:purge`. */
      purge: (input: ExperimentsPurgeInput = {}, options?: CallOptions) => call.json<ExperimentsPurgeOutput>("POST", "/api/experiments/purge", input, options),
      /** Give a folder of experiments another name, all at once. Needs `project:run`. */
      move: (input: ExperimentsMoveInput, options?: CallOptions) => call.json<ExperimentsMoveOutput>("POST", "/api/experiments/move", input, options),
      /** List experiments with what they hold, all or one folder of them: a / in a name makes folders. Needs `project:read`. */
      list: (input: ExperimentsListInput = {}, options?: CallOptions) => call.json<ExperimentsListOutput>("GET", "/api/experiments", input, options),
      /** Show an experiment, with its runs by status. Needs `project:read`. */
      show: (input: ExperimentsShowInput, options?: CallOptions) => call.json<ExperimentsShowOutput>("GET", "/api/experiments/{experiment}", input, options),
      /** Make an experiment; a / in its name makes folders. Needs `project:run`. */
      create: (input: ExperimentsCreateInput, options?: CallOptions) => call.json<ExperimentsCreateOutput>("POST", "/api/experiments", input, options),
      /** Change an experiment's name (and so its folder), description or tags. Needs `project:run`. */
      update: (input: ExperimentsUpdateInput, options?: CallOptions) => call.json<ExperimentsUpdateOutput>("PATCH", "/api/experiments/{experiment}", input, options),
      /** Delete an experiment: it and its runs are left out of lists and searches, and it can be restored. Needs `project:run`. */
      delete: (input: ExperimentsDeleteInput, options?: CallOptions) => call.json<ExperimentsDeleteOutput>("DELETE", "/api/experiments/{experiment}", input, options),
      /** Take back that an experiment was deleted, with the runs that were deleted with it. Needs `project:run`. */
      restore: (input: ExperimentsRestoreInput, options?: CallOptions) => call.json<ExperimentsRestoreOutput>("POST", "/api/experiments/{experiment}/restore", input, options),
    },
    blobs: {
      /** Remove blobs that nothing refers to, while others write, a little at a time: with `next`, the same call goes on from there. Needs `project:purge`. */
      collect: (input: BlobsCollectInput = {}, options?: CallOptions) => call.json<BlobsCollectOutput>("POST", "/api/blobs/collect", input, options),
    },
    retention: {
      /** Archive and purge what the project's retention policy says, a little at a time: until `done`, the same call goes on. Needs `project:purge`. */
      apply: (input: RetentionApplyInput = {}, options?: CallOptions) => call.json<RetentionApplyOutput>("POST", "/api/retention/apply", input, options),
    },
    artifacts: {
      /** List the files and folders directly in a folder of a run's artifacts, by name, page by page. Needs `project:read`. */
      list: (input: ArtifactsListInput, options?: CallOptions) => call.json<ArtifactsListOutput>("GET", "/api/runs/{run}/artifacts", input, options),
      /** Show what is recorded of one file or folder. Needs `project:read`. */
      show: (input: ArtifactsShowInput, options?: CallOptions) => call.json<ArtifactsShowOutput>("GET", "/api/runs/{run}/artifacts/info", input, options),
      /** What a file holds, as data, read from its beginning: tables, texts, sizes of images and arrays, descriptions of models. Needs `project:read`. */
      preview: (input: ArtifactsPreviewInput, options?: CallOptions) => call.json<ArtifactsPreviewOutput>("GET", "/api/runs/{run}/artifacts/preview", input, options),
      /** Take a file, or a folder with all in it, from a run's artifacts. Needs `project:run`. */
      delete: (input: ArtifactsDeleteInput, options?: CallOptions) => call.json<ArtifactsDeleteOutput>("DELETE", "/api/runs/{run}/artifacts", input, options),
      /** All files below a folder of a run's artifacts as one ZIP archive. Needs `project:read`. Answers application/zip. */
      archive: (input: ArtifactsArchiveInput, options?: CallOptions) => call.raw("GET", "/api/runs/{run}/archive", input, options),
      /** A file's bytes, whole or a range of them. Needs `project:read`. Answers application/octet-stream. */
      download: (input: ArtifactsDownloadInput, options?: CallOptions) => call.raw("GET", "/api/runs/{run}/files/{path*}", input, options),
      /** Store the body as a file among a run's artifacts, of any length; it replaces one that stood there. Needs `project:run`. */
      upload: (input: ArtifactsUploadInput, file: FileBody, options?: CallOptions) => call.file<ArtifactsUploadOutput>("PUT", "/api/runs/{run}/files/{path*}", input, file, options),
    },
    metrics: {
      /** Give the points of a tracked run's metric in order of their steps, page by page; points logged meanwhile shift nothing. Needs `project:read`. */
      history: (input: MetricsHistoryInput, options?: CallOptions) => call.json<MetricsHistoryOutput>("GET", "/api/runs/{run}/metrics/history", input, options),
      /** Give the courses of metrics of several tracked runs for a chart: each stretch keeps its first, least, greatest and last point. Needs `project:read`. */
      sample: (input: MetricsSampleInput, options?: CallOptions) => call.json<MetricsSampleOutput>("GET", "/api/metrics/sample", input, options),
      /** Metrics of the process and the project, in Prometheus' text format. Needs `project:read`. Answers text/plain; version=0.0.4; charset=utf-8. */
      show: (input: MetricsShowInput = {}, options?: CallOptions) => call.raw("GET", "/metrics", input, options),
    },
    models: {
      /** List registered models with what their aliases hold, by name. Needs `project:read`. */
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
      /** Show which version was in which stage when, moved by whom: what programs did that know stages and not aliases. Needs `project:read`. */
      stages: (input: ModelsStagesInput, options?: CallOptions) => call.json<ModelsStagesOutput>("GET", "/api/models/{model}/stages", input, options),
      /** Change a model's description and tags. Needs `models:write`. */
      update: (input: ModelsUpdateInput, options?: CallOptions) => call.json<ModelsUpdateOutput>("PATCH", "/api/models/{model}", input, options),
      /** Give a model another name; all that is known of it goes with it, and the old name means it until another model has that. Needs `models:write`. */
      rename: (input: ModelsRenameInput, options?: CallOptions) => call.json<ModelsRenameOutput>("POST", "/api/models/{model}/rename", input, options),
      /** Delete a model with its versions; refused while an alias or an endpoint points at one of them, unless forced. Needs `models:write`. */
      delete: (input: ModelsDeleteInput, options?: CallOptions) => call.json<ModelsDeleteOutput>("DELETE", "/api/models/{model}", input, options),
      /** Show the card of a version: what it is, how it does, who holds which alias, and what people wrote; as Markdown and as facts. Needs `project:read`. */
      card: (input: ModelsCardInput, options?: CallOptions) => call.json<ModelsCardOutput>("GET", "/api/models/{model}/versions/{version}/card", input, options),
      /** Show what a version came from (run, data, sources) and where it went: aliases it held, endpoints, batches of scores. Needs `project:read`. */
      lineage: (input: ModelsLineageInput, options?: CallOptions) => call.json<ModelsLineageOutput>("GET", "/api/models/{model}/versions/{version}/lineage", input, options),
    },
    versions: {
      /** Change a version's description and tags; what it is made of never changes. Needs `models:write`. */
      update: (input: VersionsUpdateInput, options?: CallOptions) => call.json<VersionsUpdateOutput>("PATCH", "/api/models/{model}/versions/{version}", input, options),
      /** Delete a version for good: its number is never given again; refused while an alias or an endpoint points at it, unless forced. Needs `models:write`. */
      delete: (input: VersionsDeleteInput, options?: CallOptions) => call.json<VersionsDeleteOutput>("DELETE", "/api/models/{model}/versions/{version}", input, options),
    },
    cards: {
      /** Write a section of a version's card; later versions take it over. Needs `models:write`. */
      write: (input: CardsWriteInput, options?: CallOptions) => call.json<CardsWriteOutput>("PUT", "/api/models/{model}/versions/{version}/card/sections/{title}", input, options),
      /** Take a section out of a version's card. Needs `models:write`. */
      remove: (input: CardsRemoveInput, options?: CallOptions) => call.json<CardsRemoveOutput>("DELETE", "/api/models/{model}/versions/{version}/card/sections/{title}", input, options),
    },
    notes: {
      /** List what people wrote about a model and its versions, newest first. Needs `project:read`. */
      list: (input: NotesListInput, options?: CallOptions) => call.json<NotesListOutput>("GET", "/api/models/{model}/notes", input, options),
      /** Write a note about a model or one of its versions. Needs `models:write`. */
      add: (input: NotesAddInput, options?: CallOptions) => call.json<NotesAddOutput>("POST", "/api/models/{model}/notes", input, options),
      /** Give a note another text; the former ones stay in its history. Needs `models:write`. */
      edit: (input: NotesEditInput, options?: CallOptions) => call.json<NotesEditOutput>("PATCH", "/api/models/{model}/notes/{id}", input, options),
      /** Take a note away; its history stays. Needs `models:write`. */
      remove: (input: NotesRemoveInput, options?: CallOptions) => call.json<NotesRemoveOutput>("DELETE", "/api/models/{model}/notes/{id}", input, options),
      /** Show everything a note ever said, by whom and when, also of a removed one. Needs `project:read`. */
      history: (input: NotesHistoryInput, options?: CallOptions) => call.json<NotesHistoryOutput>("GET", "/api/models/{model}/notes/{id}/history", input, options),
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
    traces: {
      /** List the traces that programs sent (OpenTelemetry), newest first. Needs `project:read`. */
      list: (input: TracesListInput = {}, options?: CallOptions) => call.json<TracesListOutput>("GET", "/api/traces", input, options),
      /** Show a program's trace with its spans, each below the one it is a part of. Needs `project:read`. */
      show: (input: TracesShowInput, options?: CallOptions) => call.json<TracesShowOutput>("GET", "/api/traces/{id}", input, options),
      /** Delete traces for good: one by its id, or an experiment's that began before a time. Needs `project:run`. */
      delete: (input: TracesDeleteInput = {}, options?: CallOptions) => call.json<TracesDeleteOutput>("DELETE", "/api/traces", input, options),
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
  };
}
