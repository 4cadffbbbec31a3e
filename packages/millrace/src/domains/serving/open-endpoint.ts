import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import type { StreamProducer } from "#ports/stream";
import { createExclusive } from "./exclusive.ts";
import { outOf, type Endpoint } from "./define.ts";
import { featuresDigest, isBelievable, openLiveFeatures, writeCheckpoint, type LiveFeatures } from "./live-features.ts";
import { createPredictor, type PredictOptions, type PredictResult } from "./predict.ts";
import { readsFeatures } from "./matrix-row.ts";
import type { ResolvedModel } from "./model-source.ts";
import { loadServedModel, type ServedModel } from "./served-model.ts";
import type { ServingServices } from "./services.ts";
import { findEndpointState, saveVersions, type Checkpoint } from "./store.ts";
import { createStreamScorer, type Advanced, type ScoredBatch, type ServingModels, type StreamScorer } from "./stream-scorer.ts";
import { feeds } from "./feed-topics.ts";
import { waitForRecords } from "./wait-for-records.ts";

/** An endpoint at work in this process. */
export interface OpenEndpoint {
  readonly definition: Endpoint;
  /** Topics of its answers and of the events that could not be used. */
  readonly out: string;
  readonly rejected: string;
  /** The version that answers, the one scored beside it, and by topic the next event. */
  status(): EndpointStatus;
  /** False once it stopped over an error or was closed: open it again. */
  usable(): boolean;
  /** What answers now. */
  serving(): ServedModel;
  shadow(): ServedModel | undefined;
  /** Takes every event that is in the topics now, and answers; resolves when all of it is committed. */
  advance(signal?: AbortSignal): Promise<Advanced>;
  /** Goes on as events come, until the signal. */
  follow(signal: AbortSignal): Promise<void>;
  /** Looks where the alias points. A new version answers from the next batch on; where it cannot be loaded the old one stays, and the error says why. */
  reload(): Promise<{ changed: boolean; version: number; previous: number }>;
  /** Stores the features, so that the next process need not read everything again. */
  checkpoint(): Promise<void>;
  predict(rows: readonly Readonly<Record<string, unknown>>[], options?: PredictOptions): Promise<PredictResult>;
  /** Tells of everything that is answered, from the stream and over HTTP, once it is durable. Returns how to stop. */
  onBatch(listener: (batch: ScoredBatch) => void): () => void;
  /** Ends the work under way at the next batch, writes a checkpoint and lets go of the models. */
  close(): Promise<void>;
}

export interface EndpointStatus {
  name: string;
  model: string;
  version: number;
  shadow: number | undefined;
  /** Why the version that the alias names does not answer; undefined when it does. */
  problem: string | undefined;
  newestMs: number | undefined;
  positions: Record<string, number>;
}

/** After so many events a checkpoint is written, so that a crash costs a second or two of reading. */
const checkpointEvery = 250_000;

/**
 * Brings an endpoint to life: its topics, the version behind its alias, the features as they stood at the committed positions. Only
 * one process at a time may; a second one takes over, and the first gets `conflict` at its next commit. `topics` are all topics
 * of the project. Throws `not_found` while there is no version to serve.
 */
export async function openEndpoint(services: ServingServices, definition: Endpoint, topics: Topic[], signal?: AbortSignal): Promise<OpenEndpoint> {
  const { stream, state, clock, log } = services;
  const { name } = definition;
  const out = outOf(definition);
  const rejected = `${out}-rejected`;
  const stored = await findEndpointState(state, name);
  const first = await firstModels(services, definition, stored);
  let models: ServingModels = first.models;
  let { problem } = first;
  const group = `endpoint/${name}`;
  const producer = await stream.openProducer(group); // from here on nobody else moves the positions
  let live: LiveFeatures;
  let scorer: StreamScorer;
  try {
    ({ live, scorer } = await standAt(models.serving, stored?.checkpoint, signal));
    await saveVersions(state, name, models.serving.version, models.shadow?.version, clock.now());
  } catch (error) {
    await models.serving.model.close();
    await models.shadow?.model.close();
    throw error;
  }

  const exclusive = createExclusive();
  const reloading = createExclusive();
  const listeners = new Set<(batch: ScoredBatch) => void>();
  const closing = new AbortController();
  let broken: unknown;
  let sinceCheckpoint = 0;
  const predictor = createPredictor({
    stream,
    out,
    endpoint: name,
    now: () => clock.now(),
    asks: definition.stream?.in,
    state: () => ({ models, live }),
    onBatch: tell,
  });

  return {
    definition,
    out,
    rejected,
    status: () => ({
      name,
      model: definition.model,
      version: models.serving.version,
      shadow: models.shadow?.version,
      problem,
      newestMs: live.newestMs,
      positions: Object.fromEntries(scorer.positions),
    }),
    usable: () => broken === undefined && !closing.signal.aborted,
    serving: () => models.serving,
    shadow: () => models.shadow,
    advance,
    follow,
    reload: () => reloading.run(reload),
    checkpoint: () => exclusive.run(saveFeatures),
    async predict(rows, options) {
      if (closing.signal.aborted) checkUsable();
      return predictor.predict(rows, options);
    },
    onBatch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close,
  };

  function topicsOf(serving: ServedModel): Topic[] {
    const views = Object.values(serving.signature.features).map(({ view }) => view);
    const wanted = new Map<string, Topic>();
    if (definition.stream) wanted.set(definition.stream.in.name, definition.stream.in);
    if (definition.outcomes) wanted.set(definition.outcomes.from.name, definition.outcomes.from);
    for (const topic of topics) if (views.some((view) => feeds(topic, view))) wanted.set(topic.name, topic);
    return [...wanted.values()];
  }

  async function createTopics(reads: Topic[]): Promise<void> {
    const known = new Map((await stream.topics()).map((info) => [info.name, info]));
    for (const topic of new Set([out, rejected, ...reads.map((each) => each.name)])) {
      const { partitions } = known.get(topic) ?? (await stream.createTopic(topic));
      if (partitions.length === 1) continue;
      throw new AppError("unsupported", `Topic ${topic} has ${partitions.length} partitions; endpoint "${name}" reads and writes topics of one.`, {
        hint: "Copy it to a topic with one partition.",
      });
    }
  }

  /** Features and scorer of a version at the committed positions of the topics: where nothing was, at the oldest event. */
  async function standAt(
    serving: ServedModel,
    from: Checkpoint | undefined,
    stop: AbortSignal | undefined,
  ): Promise<{ live: LiveFeatures; scorer: StreamScorer }> {
    const reads = topicsOf(serving);
    await createTopics(reads);
    const committed = new Map((await stream.groups(group)).map((position) => [position.topic, position.offset]));
    const infos = await stream.topics(reads.map((topic) => topic.name));
    const positions = new Map(infos.map((info) => [info.name, committed.get(info.name) ?? info.partitions[0]!.firstOffset]));
    const features = await openLiveFeatures(services, {
      endpoint: name,
      features: serving.signature.features,
      topics: reads,
      positions,
      checkpoint: from,
      ...(stop && { signal: stop }),
    });
    return { live: features, scorer: makeScorer(producer, reads, features, positions) };
  }

  function makeScorer(by: StreamProducer, reads: Topic[], features: LiveFeatures, positions: ReadonlyMap<string, number>): StreamScorer {
    const { online, views, recent, floorMs } = features;
    const onTime = (timeMs: number) => {
      if (!(features.newestMs !== undefined && features.newestMs >= timeMs) && isBelievable(timeMs, clock.now())) features.newestMs = timeMs;
    };
    return createStreamScorer(
      {
        ...{
          stream,
          asks: definition.stream?.in,
          out,
          rejected,
          topics: reads,
          online,
          views,
          floorMs,
          recent,
          producer: by,
          group,
          positions,
          onTime,
        },
        models: () => models,
        onBatch: tell,
      },
      name,
    );
  }

  function tell(batch: ScoredBatch): void {
    for (const listener of listeners) {
      try {
        listener(batch);
      } catch (error) {
        log.error("a listener of an endpoint failed", { endpoint: name, error: String(error) });
      }
    }
  }

  async function advance(given?: AbortSignal): Promise<Advanced> {
    const total: Advanced = { answered: 0, events: 0, repeated: 0, rejected: 0 };
    const until = given ? AbortSignal.any([given, closing.signal]) : closing.signal;
    const ends = new Map((await stream.topics()).map((info) => [info.name, info.partitions[0]!.endOffset]));
    while (!until.aborted && [...scorer.positions].some(([topic, at]) => at < (ends.get(topic) ?? 0))) {
      const step = await exclusive.run(() => advanceOnce(ends, until));
      if (step.events === 0) break; // a log may end in offsets without records
      for (const key of ["answered", "events", "repeated", "rejected"] as const) total[key] += step[key];
    }
    given?.throwIfAborted();
    return total;
  }

  async function advanceOnce(ends: ReadonlyMap<string, number>, until: AbortSignal): Promise<Advanced> {
    checkUsable();
    let step: Advanced;
    try {
      step = await scorer.advance(ends, until, (events) => exclusive.waiting() > 0 || sinceCheckpoint + events >= checkpointEvery);
    } catch (error) {
      broken = error;
      throw error;
    }
    sinceCheckpoint += step.events;
    if (sinceCheckpoint >= checkpointEvery) await saveFeatures();
    return step;
  }

  async function follow(given: AbortSignal): Promise<void> {
    const until = AbortSignal.any([given, closing.signal]);
    while (!until.aborted) {
      await advance(until).catch((error: unknown) => {
        if (!until.aborted) throw error;
      });
      await waitForRecords(stream, scorer.positions, until);
    }
  }

  async function reload(): Promise<{ changed: boolean; version: number; previous: number }> {
    checkUsable();
    const previous = models.serving;
    const resolved = await services.models.resolve(definition.model);
    if (resolved.version === previous.version && resolved.digest === previous.digest) {
      for (const each of [models.serving, models.shadow]) if (each) each.name = resolved.name; // which may have changed
      problem = undefined;
      return { changed: false, version: previous.version, previous: previous.version };
    }
    let next: ServedModel;
    try {
      next =
        models.shadow?.version === resolved.version && models.shadow.digest === resolved.digest
          ? models.shadow
          : await loadServedModel(services, resolved);
      checkColumns(definition, next);
    } catch (error) {
      problem = problemOf(resolved, error);
      throw error;
    }
    if (featuresDigest(next.signature.features) === live.digest) await swap(next);
    else {
      await exclusive.run(async () => {
        ({ live, scorer } = await standAt(next, undefined, closing.signal));
        await swap(next);
      });
    }
    return { changed: true, version: next.version, previous: previous.version };
  }

  /** The version before goes on beside the new one, as long as the features it takes are there. */
  async function swap(next: ServedModel): Promise<void> {
    const old = models;
    // A version of another model that has got the name may have the same number: records could not tell the two apart.
    const isOther = old.serving.version !== next.version;
    const shadow = isOther && readsFeatures(old.serving.signature, live.online.names) ? old.serving : undefined;
    models = { serving: next, shadow };
    problem = undefined;
    for (const each of [old.serving, old.shadow]) if (each && each !== next && each !== shadow) retire(each);
    await saveVersions(state, name, next.version, shadow?.version, clock.now());
    log.info("an endpoint answers with another version", { endpoint: name, version: next.version, previous: old.serving.version });
  }

  /** Questions under way may still use it: it is let go once their turn is over. */
  function retire(model: ServedModel): void {
    void exclusive.run(() => predictor.settled()).then(() => model.model.close());
  }

  async function saveFeatures(): Promise<void> {
    checkUsable();
    sinceCheckpoint = 0;
    await writeCheckpoint(services, name, live, scorer.positions);
  }

  function checkUsable(): void {
    if (broken === undefined) return;
    throw new AppError("unavailable", `Endpoint "${name}" stopped: ${broken instanceof Error ? broken.message : String(broken)}`, {
      cause: broken,
      hint: "Open it again; it goes on after the last event that it has answered.",
    });
  }

  async function close(): Promise<void> {
    if (closing.signal.aborted) return;
    closing.abort();
    await exclusive.run(async () => {
      await predictor.settled();
      if (broken === undefined) await saveFeatures();
      await models.serving.model.close();
      await models.shadow?.model.close();
      broken ??= new AppError("unavailable", "it was closed");
    });
  }
}

/** What the events to answer lack would be missing in every answer, unnoticed. */
function checkColumns({ name, stream }: Endpoint, { name: model, version, signature }: ServedModel): void {
  if (!stream) return;
  const needed = [...signature.columns, ...Object.values(signature.features).flatMap(({ on }) => on)];
  const lacking = needed.find((column) => !(column in stream.in.columns));
  if (lacking === undefined) return;
  throw new AppError(
    "invalid_definition",
    `Model ${model} v${version} takes ${lacking}, which events of topic ${stream.in.name} lack, so endpoint "${name}" cannot answer with it.`,
    {
      hint: `Add ${lacking} to the topic's columns, or leave it out of the training set.`,
    },
  );
}

/** The version to begin with. Where that of the alias cannot be loaded, the one that answered last goes on, if it can. */
async function firstModels(
  services: ServingServices,
  definition: Endpoint,
  stored: { version: number; shadow: number | undefined } | undefined,
): Promise<{ models: ServingModels; problem: string | undefined }> {
  const resolved = await services.models.resolve(definition.model);
  const [model] = definition.model.split("@");
  const byVersion = async (version: number) => loadServedModel(services, await services.models.resolve(`${model}@${version}`));
  let serving: ServedModel;
  let problem: string | undefined;
  try {
    serving = await loadServedModel(services, resolved);
    checkColumns(definition, serving);
  } catch (error) {
    if (!stored || stored.version === resolved.version) throw error;
    problem = problemOf(resolved, error);
    services.log.error("the version behind an endpoint's alias cannot be loaded; the one before goes on", { endpoint: definition.name, problem });
    serving = await byVersion(stored.version);
  }
  const beside = stored && stored.version !== serving.version ? stored.version : stored?.shadow;
  if (beside === undefined || beside === serving.version) return { models: { serving, shadow: undefined }, problem };
  try {
    const shadow = await byVersion(beside);
    const names = serving.signature.inputs.map((input) => input.name);
    return { models: { serving, shadow: readsFeatures(shadow.signature, names) ? shadow : undefined }, problem };
  } catch (error) {
    services.log.warn("the version before cannot be scored beside the one that answers", {
      endpoint: definition.name,
      version: beside,
      reason: String(error),
    });
    return { models: { serving, shadow: undefined }, problem };
  }
}

function problemOf({ name, version }: ResolvedModel, error: unknown): string {
  return `${name} v${version} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
}
