/** Every event a webhook may be told of: what it means, and the data it comes with, as an example. */
export const webhookEvents = {
  "model.created": {
    meaning: "A model was made, without versions yet or with its first.",
    example: { model: "late-arrival", modelTags: {}, description: "" },
  },
  "model.renamed": { meaning: "A model got another name.", example: { model: "late-arrival", modelTags: {}, previous: "delays" } },
  "model.deleted": { meaning: "A model was deleted with its versions.", example: { model: "late-arrival", modelTags: {} } },
  "model.description-changed": {
    meaning: "A model's description is another.",
    example: { model: "late-arrival", modelTags: {}, description: "Will this flight be late?", actor: "ana" },
  },
  "model.tag-set": { meaning: "A tag of a model has a value.", example: { model: "late-arrival", modelTags: {}, key: "team", value: "ops" } },
  "model.tag-removed": { meaning: "A tag of a model was taken away.", example: { model: "late-arrival", modelTags: {}, key: "team" } },
  "version.created": {
    meaning: "A version of a model was registered.",
    example: {
      ...{ model: "late-arrival", modelTags: {}, version: 3, runId: "01K9ZK3Q9V6V5T8J7M2X4C1B0A", digest: "9f86d081884c7d65", format: "onnx" },
      ...{ status: "ready", description: "", tags: { team: "ops" }, actor: "ana" },
    },
  },
  "version.status-changed": {
    meaning: "A version became pending, ready or failed.",
    example: { model: "late-arrival", modelTags: {}, version: 3, status: "ready", previous: "pending" },
  },
  "version.description-changed": {
    meaning: "A version's description is another.",
    example: { model: "late-arrival", modelTags: {}, version: 3, description: "With the summer's data" },
  },
  "version.tag-set": {
    meaning: "A tag of a version has a value.",
    example: { model: "late-arrival", modelTags: {}, version: 3, key: "reviewed", value: "yes" },
  },
  "version.tag-removed": {
    meaning: "A tag of a version was taken away.",
    example: { model: "late-arrival", modelTags: {}, version: 3, key: "reviewed" },
  },
  "version.stage-changed": {
    meaning: "A version went to another stage, for programs that know stages and not aliases.",
    example: { model: "late-arrival", modelTags: {}, version: 3, stage: "Production", previous: "Staging", actor: "ana" },
  },
  "version.deleted": { meaning: "A version was deleted.", example: { model: "late-arrival", modelTags: {}, version: 3 } },
  "alias.set": {
    meaning: "A version got an alias that none had.",
    example: { model: "late-arrival", modelTags: {}, alias: "champion", version: 3, actor: "ana", reason: "first one", kind: "set" },
  },
  "alias.moved": {
    meaning: "An alias went from one version to another, forward or back.",
    example: { model: "late-arrival", modelTags: {}, alias: "champion", version: 3, previous: 2, actor: "ana", reason: "AUC +0.01", kind: "set" },
  },
  "alias.removed": {
    meaning: "An alias was taken away.",
    example: { model: "late-arrival", modelTags: {}, alias: "champion", previous: 3, actor: "ana", reason: "", kind: "remove" },
  },
  "gate.decided": {
    meaning: "A gate judged a version.",
    example: { model: "late-arrival", modelTags: {}, version: 3, gate: "ready", verdict: "passed", summary: "ready: 5 of 5 passed" },
  },
} as const satisfies Record<string, { meaning: string; example: Record<string, unknown> }>;

export type WebhookEvent = keyof typeof webhookEvents;

export const webhookEventNames = Object.keys(webhookEvents) as [WebhookEvent, ...WebhookEvent[]]; // the table is not empty
