import { createOnlineFeatures, type BoundView, type FeatureView, type OnlineFeatures } from "#domains/features";
import type { Topic } from "#domains/ingest";
import { viewsInOrder } from "#domains/training";
import { collectBytes } from "#kit/collect-bytes";
import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import { newId } from "#kit/id";
import type { RecentEvents } from "./recent-events.ts";
import type { ServingServices } from "./services.ts";
import { saveCheckpoint, type Checkpoint } from "./store.ts";
import { feedTopics, latenessMs, noteRecent, recentOf, viewsOf, warmFeatures } from "./warm-features.ts";

/** The features of a model, standing at the committed positions of the topics. */
export interface LiveFeatures {
  /** Digest of the views and how they are bound: models of equal digest share them. */
  digest: string;
  online: OnlineFeatures;
  views: FeatureView[];
  recent: ReadonlyMap<string, RecentEvents>;
  floorMs: number;
  /** The newest event time seen, as far as it can be believed; undefined where there was no event. */
  newestMs: number | undefined;
}

export function featuresDigest(features: Readonly<Record<string, BoundView>>): string {
  return digestOf(features);
}

export interface LiveFeaturesRequest {
  endpoint: string;
  features: Readonly<Record<string, BoundView>>;
  topics: Topic[];
  /** Committed offsets by topic. */
  positions: ReadonlyMap<string, number>;
  checkpoint: Checkpoint | undefined;
  signal?: AbortSignal;
}

/** Features as they stood at the committed positions: from the checkpoint and what came since, or where it does not fit, from tables and topics. */
export async function openLiveFeatures(services: ServingServices, request: LiveFeaturesRequest): Promise<LiveFeatures> {
  const { endpoint, features, checkpoint } = request;
  if (checkpoint && checkpoint.features === featuresDigest(features) && request.topics.every(({ name }) => name in checkpoint.positions)) {
    try {
      return await restore(services, request, checkpoint);
    } catch (error) {
      if (!(error instanceof AppError) || !["corrupt_data", "not_found", "conflict", "unsupported"].includes(error.code)) throw error;
      services.log.warn("a checkpoint of the features cannot be used; they are built again from tables and topics", {
        endpoint,
        reason: error.message,
      });
    }
  }
  return build(services, request);
}

/** Builds features from tables and topics, without a checkpoint. */
async function build(services: ServingServices, { features, topics, positions, signal }: LiveFeaturesRequest): Promise<LiveFeatures> {
  const warm = await warmFeatures(services, viewsInOrder(features), topics, positions, signal);
  return { ...warm, digest: featuresDigest(features), views: viewsOf(features), newestMs: await newestOf(services, topics, positions) };
}

async function restore(services: ServingServices, request: LiveFeaturesRequest, checkpoint: Checkpoint): Promise<LiveFeatures> {
  const { features, topics, positions, signal } = request;
  const snapshot = await collectBytes(await services.blobs.get(checkpoint.blob));
  const online = createOnlineFeatures(viewsInOrder(features), { latenessMs, snapshot });
  const views = viewsOf(features);
  const recent = recentOf(topics);
  const { stream } = services;
  await noteRecent(stream, topics, recent, new Map(Object.entries(checkpoint.positions)), signal);
  const inputs = topics.map(({ name }) => ({ topic: name, from: checkpoint.positions[name]!, until: positions.get(name)! }));
  await feedTopics({ stream, online, views, topics, recent }, inputs, signal);
  const newestMs = Math.max(
    checkpoint.newestMs ?? Number.NEGATIVE_INFINITY,
    (await newestOf(services, topics, positions)) ?? Number.NEGATIVE_INFINITY,
  );
  return {
    digest: checkpoint.features,
    online,
    views,
    recent,
    floorMs: checkpoint.floorMs,
    newestMs: Number.isFinite(newestMs) ? newestMs : undefined,
  };
}

/** Stores the features and the positions they stand at; earlier checkpoints, also those that a crash left behind, are removed. Durable when resolved. */
export async function writeCheckpoint(
  { state, blobs, clock, log }: ServingServices,
  endpoint: string,
  live: LiveFeatures,
  positions: ReadonlyMap<string, number>,
): Promise<void> {
  const folder = `checkpoints/serving/${endpoint}/`;
  const checkpoint: Checkpoint = {
    blob: folder + newId(),
    features: live.digest,
    positions: Object.fromEntries(positions),
    floorMs: live.floorMs,
    newestMs: live.newestMs ?? null,
  };
  await blobs.put(checkpoint.blob, live.online.snapshot(), { ifAbsent: true });
  await saveCheckpoint(state, endpoint, checkpoint, clock.now());
  try {
    for await (const { key } of blobs.list(folder)) if (key !== checkpoint.blob) await blobs.delete(key);
  } catch (error) {
    log.warn("old checkpoints could not be removed", { endpoint, error: String(error) });
  }
}

/** The time of the last committed events. */
async function newestOf({ stream, clock }: ServingServices, topics: Topic[], positions: ReadonlyMap<string, number>): Promise<number | undefined> {
  let newest: number | undefined;
  for (const { name } of topics) {
    const last = positions.get(name)! - 1;
    if (last < 0) continue;
    for await (const { records } of stream.read(name, { from: last, until: last + 1 })) {
      const { timeMs } = records[0]!; // a batch has at least one
      if (isBelievable(timeMs, clock.now()) && !(newest !== undefined && newest >= timeMs)) newest = timeMs;
    }
  }
  return newest;
}

/** An event far in the future is a mistake of its sender; it must not become the present. */
export function isBelievable(timeMs: number, nowMs: number): boolean {
  return timeMs <= nowMs + latenessMs;
}
