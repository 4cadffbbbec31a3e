/** When a model is learnt again: triggers asked at the end of each day, decisions, and the one run of each. */
export { evaluatePolicy } from "./evaluate-policy.ts";
export { retrainingMigrations } from "./migrations.ts";
export { decisionSchema, type Decision, type PolicyEvaluation, type RetrainingOutcome, type RetrainingServices } from "./model.ts";
export { retrainingRoutes } from "./routes.ts";
export { openDecisions, runRetraining, type RetrainingWork, type RunRetrainingServices } from "./run-retraining.ts";
export { countDecisions, findEvaluation, selectDecisions as listDecisions } from "./store.ts";
