/** What a project imports. Definitions are plain data: importing a file starts nothing. */
import { flowWith, type DefineFlow, type StepsOf, type StepTools } from "#domains/pipelines";
import type { qualitySteps } from "#domains/quality";
import type { trainingSteps } from "#domains/training";

/** The verbs of a flow's steps: `step.trainingSet`, `step.fit`, `step.register`, … and `step.run` for functions of the project. */
export interface Step extends StepTools, StepsOf<ReturnType<typeof trainingSteps>>, StepsOf<ReturnType<typeof qualitySteps>> {}

/** Defines a pipeline: an ordinary async function whose awaited steps are durable, cached by their inputs, and shown with their cost. */
export const flow: DefineFlow<Step> = flowWith<Step>();

export { defineConfig, postgres, s3, type ConfigInput } from "#domains/project";
export { source, topic, type Source, type SourceOptions, type Topic, type TopicOptions } from "#domains/ingest";
export {
  count,
  entity,
  featureView,
  last,
  max,
  mean,
  min,
  sum,
  type BoundView,
  type DefinedFeatureView,
  type Duration,
  type Entity,
  type FeatureView,
  type TableHandle,
} from "#domains/features";
export type { Flow, StepContext, StepOptions } from "#domains/pipelines";
export { search, trees, type RowRange, type SearchSpace, type TrainedModel, type TrainingSet } from "#domains/training";
export {
  accuracy,
  auc,
  brier,
  calibration,
  decay,
  directional,
  drift,
  gate,
  invariant,
  logLoss,
  mae,
  minimumFunctionality,
  prAuc,
  precision,
  r2,
  recall,
  rmse,
  slices,
  warn,
  type Gate,
  type GateCheck,
  type Registered,
} from "#domains/quality";
export { endpoint, replay, type Endpoint, type Replay } from "#domains/serving";
export { AppError, type AppErrorOptions } from "#kit/app-error";
