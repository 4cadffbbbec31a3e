export { pipelineBlobs } from "./blob-references.ts";
export {
  defineStep,
  flow,
  flowWith,
  type AnyFlow,
  type AnyStepKind,
  type DefineFlow,
  type Flow,
  type StepContext,
  type StepKind,
  type StepOptions,
  type StepsOf,
  type StepTools,
} from "./define.ts";
export { events, getRun, listRuns, openLedger, reclaim, type Ledger, type LedgerReader, type RunDetails } from "./ledger.ts";
export { pipelinesMigrations } from "./migrations.ts";
export {
  run as runSchema,
  runEvent as runEventSchema,
  runStatus as runStatusSchema,
  step as stepSchema,
  type CodeFacts,
  type Cost,
  type Failure,
  type Run,
  type RunEvent,
  type RunStatus,
  type Step as StepRecord,
  type StepRef,
  type StepState,
} from "./model.ts";
export { paramsFromText, resolveParams } from "./params.ts";
export { runFlow, type RunFlowOptions, type RunResult } from "./run-flow.ts";
export { type RunFilter } from "./store-runs.ts";
export { why, type Why } from "./why.ts";
export { pipelineRoutes } from "./routes.ts";
