/** Where models answer: on a stream, over HTTP, in batch; every answer recorded and traceable. */
export { checkpointPlace, servingBlobs } from "./blob-references.ts";
export { endpoint, replay, type Endpoint, type EndpointOptions, type Replay, type Retraining } from "./define.ts";
export { createEndpointDesk, type DeskOptions, type EndpointDescription, type EndpointDesk } from "./endpoint-desk.ts";
export { servingMigrations } from "./migrations.ts";
export { type ModelSource, type ResolvedModel } from "./model-source.ts";
export { openEndpoint, type EndpointStatus, type OpenEndpoint } from "./open-endpoint.ts";
export { type Prediction, type PredictOptions, type PredictResult } from "./predict.ts";
export { decodePrediction, encodePrediction, parsePredictionId, predictionId, type PredictionRecord } from "./prediction-record.ts";
export { replayDays, type RelationOf, type ReplayedDay, type ReplayServices } from "./replay.ts";
export { servingRoutes } from "./routes.ts";
export { scoreTable, type ScoredTable, type ScoreTableRequest, type ScoreTableServices } from "./score-table.ts";
export { loadServedModel, readModelFile, type ServedModel } from "./served-model.ts";
export { type ModelRows, type ServingServices } from "./services.ts";
export { type Advanced, type ScoredBatch } from "./stream-scorer.ts";
export { findPrediction, tracePrediction, type PredictionPlace, type PredictionTrace, type TracedInput } from "./trace.ts";
