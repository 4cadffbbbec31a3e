export { trainingBlobPlaces } from "./blob-places.ts";
export { buildTrainingSet, type TrainingSetServices } from "./build-training-set.ts";
export { search, trees, type ParameterSpace, type SearchSpace, type TrainerHandle } from "./define.ts";
export {
  inputColumnSchema,
  rowRangeSchema,
  signatureSchema,
  trainedModelSchema,
  trainingSetSchema,
  viewsInOrder,
  type InputColumn,
  type PinnedTable,
  type RowRange,
  type Signature,
  type TrainedModel,
  type TrainingSet,
  type TrainingSetRequest,
} from "./model.ts";
export { fileColumns, TrainingTables, type TrainingTable } from "./training-table.ts";
export { trainingSteps, type RunLog, type TrainingServices, type TrainingSetOptions, type Tuned, type TuneOptions } from "./steps.ts";
export { objectWriter, scoreColumns } from "./matrix.ts";
