import { featureNames } from "#domains/features";
import { viewsInOrder, type Signature } from "#domains/training";
import { AppError } from "#kit/app-error";
import { decodePrediction, parsePredictionId, type PredictionRecord } from "./prediction-record.ts";
import { loadServedModel, type ServedModel } from "./served-model.ts";
import type { ServingServices } from "./services.ts";

/** One value that a prediction was made from. */
export type TracedInput = { name: string; value: number | string | null } & (
  | { from: "row" }
  /** Given by the caller in place of the feature's own value. */
  | { from: "caller" }
  | {
      from: "feature";
      alias: string;
      view: string;
      /** As `mean(late)`, over `window`. */
      aggregate: string;
      window: string;
      /** SQL model whose rows were aggregated, and the columns of it: keys, known time, measured. */
      model: string;
      columns: string[];
      /** Columns of the asking row that named the entity. */
      on: string[];
      /** Known time of the newest event that the view's features could see, epoch ms; null for none. */
      knownMs: number | null;
    }
);

export interface PredictionTrace {
  id: string;
  endpoint: string;
  key: string;
  timeMs: number;
  score: number;
  source: PredictionRecord["source"];
  shadow: PredictionRecord["shadow"] | null;
  model: { name: string; version: number; digest: string; blob: string; runId: string | null; signature: Signature };
  inputs: TracedInput[];
  /** The stored inputs scored once more by the same version; `equal` to the bit, or something is wrong. */
  verified: { score: number; equal: boolean };
}

/** Where an endpoint's predictions are. */
export interface PredictionPlace {
  /** Name of the model behind the endpoint. */
  model: string;
  /** Topic of the answers. */
  out: string;
}

/** A recorded prediction by its id. Throws `not_found`, also for one that retention has dropped. */
export async function findPrediction(
  { stream }: Pick<ServingServices, "stream">,
  id: string,
  placeOf: (endpoint: string) => PredictionPlace,
): Promise<PredictionRecord> {
  const { endpoint, partition, offset } = parsePredictionId(id);
  const { out } = placeOf(endpoint);
  const [info] = (await stream.topics()).filter((topic) => topic.name === out);
  const place = info?.partitions.find((each) => each.partition === partition);
  if (!place || offset >= place.endOffset)
    throw new AppError("not_found", `There is no prediction ${id}.`, { hint: `${endpoint} has made ${place?.endOffset ?? 0}.` });
  for await (const { records } of stream.read(out, { partition, from: offset, until: offset + 1, maxBytes: 1 }))
    return decodePrediction(records[0]!.value);
  throw new AppError("not_found", `There is no prediction ${id}.`);
}

/** Everything that serving knows about a prediction: its inputs one by one with where they came from, its model, and whether it can be repeated. */
export async function tracePrediction(
  services: Pick<ServingServices, "stream" | "models" | "blobs" | "adapters">,
  id: string,
  placeOf: (endpoint: string) => PredictionPlace,
): Promise<PredictionTrace> {
  const record = await findPrediction(services, id, placeOf);
  const { endpoint } = parsePredictionId(id);
  const resolved = await services.models.resolve(`${placeOf(endpoint).model}@${record.version}`);
  const served = await loadServedModel(services, resolved);
  const { name, version, digest, blob, signature, runId } = resolved;
  try {
    return {
      ...{ id, endpoint, key: record.key, timeMs: record.timeMs, score: record.score, source: record.source, shadow: record.shadow ?? null },
      model: { name, version, digest, blob, runId: runId ?? null, signature },
      inputs: tracedInputs(signature, record),
      verified: await verify(served, record),
    };
  } finally {
    await served.model.close();
  }
}

/** Scores the stored inputs again with the version that had answered. */
async function verify({ model, name, version }: ServedModel, { inputs, score }: PredictionRecord): Promise<{ score: number; equal: boolean }> {
  if (inputs.length !== model.width)
    throw new AppError("corrupt_data", `The prediction holds ${inputs.length} inputs, but ${name} v${version} takes ${model.width}.`);
  const again = new Float32Array(1);
  await model.score(inputs, 1, again);
  return { score: again[0]!, equal: Object.is(again[0], score) };
}

function tracedInputs(signature: Signature, { inputs, known, given = [] }: PredictionRecord): TracedInput[] {
  const own = new Set(signature.columns);
  const features = featureSources(signature, known);
  return signature.inputs.map((input, at): TracedInput => {
    const number = inputs[at]!;
    const value = Number.isNaN(number) ? null : input.kind === "category" ? (input.levels[number] ?? null) : number;
    if (own.has(input.name)) return { name: input.name, value, from: "row" };
    if (given.includes(at)) return { name: input.name, value, from: "caller" };
    return { name: input.name, value, ...features.get(input.name)! }; // the signature's inputs are its columns and its features
  });
}

type FeatureSource = Extract<TracedInput, { from: "feature" }>;

function featureSources({ features }: Signature, known: PredictionRecord["known"]): Map<string, Omit<FeatureSource, "name" | "value">> {
  const sources = new Map<string, Omit<FeatureSource, "name" | "value">>();
  Object.entries(viewsInOrder(features)).forEach(([alias, { view, on }], at) => {
    const knownMs = known[at] ?? null;
    const slots = view.features.flatMap(({ aggregate }) =>
      view.windows
        .filter((window) => aggregate.windows === undefined || aggregate.windows.includes(window.name))
        .map((window) => ({ aggregate, window: window.name })),
    );
    featureNames(view, alias).forEach((name, i) => {
      const { aggregate, window } = slots[i]!; // in the order of the names, feature by feature
      const measured = aggregate.op === "count" ? [] : [aggregate.column];
      sources.set(name, {
        from: "feature",
        ...{ alias, view: view.name, aggregate: aggregate.op === "count" ? "count()" : `${aggregate.op}(${aggregate.column})`, window },
        ...{ model: view.from.name, columns: [...new Set([...view.on, view.known, ...measured])], on, knownMs },
      });
    });
  });
  return sources;
}
