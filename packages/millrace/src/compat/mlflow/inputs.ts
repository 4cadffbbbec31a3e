import { logInputs, logOutputs, type RunInput } from "#domains/tracking";
import { endpoint, type Handler } from "./endpoint.ts";
import { checkLength } from "./limits.ts";
import { type Fields, integer, keyValues, missing, needRun, needText, object, objects, text } from "./request.ts";
import { findRun, translated } from "./runs.ts";
import { contextTag, loggedModel, wireDataset } from "./wire-run.ts";

/** A dataset (by name and digest) is an input of a run once, with the context it came with first. */
const logRunInputs: Handler = async ({ tracking }, fields) => {
  const run = needRun(fields);
  const datasets = objects(fields, "datasets").map(datasetOf);
  const models = objects(fields, "models").map((model): RunInput => ({ name: needText(model, "model_id"), facts: { kind: loggedModel } }));
  const standing = new Set((await findRun(tracking, run)).inputs.map(identity));
  const inputs = [...datasets, ...models].filter((input) => !standing.has(identity(input)) && standing.add(identity(input)));
  await translated(run, () => logInputs(tracking, { run, inputs }));
  return {};
};

const logRunOutputs: Handler = async ({ tracking }, fields) => {
  const run = needRun(fields);
  if (fields["models"] === undefined || fields["models"] === null) throw missing("models");
  const outputs = objects(fields, "models").map((model) => ({
    kind: "model" as const,
    name: needText(model, "model_id"),
    facts: { kind: loggedModel, step: integer(model, "step") ?? 0 },
  }));
  await translated(run, () => logOutputs(tracking, { run, outputs }));
  return {};
};

export const inputRoutes = [
  ...endpoint("POST", "runs/log-inputs", "project:run", logRunInputs),
  ...endpoint("POST", "runs/outputs", "project:run", logRunOutputs),
];

function datasetOf(given: Fields): RunInput {
  const dataset = object(given, "dataset");
  const texts = keyValues(given, "tags");
  for (const [key, value] of Object.entries(texts)) {
    checkLength("key", 255, key);
    checkLength("value", 500, value);
  }
  const { [contextTag]: use, ...tags } = texts;
  const name = needText(dataset, "name");
  const digest = text(dataset, "digest") ?? "";
  const source = text(dataset, "source") ?? "";
  const schema = text(dataset, "schema");
  const profile = text(dataset, "profile");
  checkLength("name", 500, name);
  checkLength("digest", 36, digest);
  checkLength("source", 65_535, source);
  checkLength("schema", 1_048_575, schema ?? "");
  checkLength("profile", 16_777_215, profile ?? "");
  return {
    name,
    digest,
    ...(use !== undefined && { use }),
    facts: {
      sourceType: text(dataset, "source_type") ?? "",
      source,
      ...(schema !== undefined && { schema }),
      ...(profile !== undefined && { profile }),
      ...(Object.keys(tags).length > 0 && { tags }),
    },
  };
}

function identity(input: RunInput): string {
  if (input.facts?.["kind"] === loggedModel) return `model ${input.name}`;
  return JSON.stringify(wireDataset(input), ["name", "digest"]);
}
