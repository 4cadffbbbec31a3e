import { AppError } from "#kit/app-error";
import type { BlobInfo } from "#ports/blob-store";
import type { Reader } from "#ports/database";
import { beginCollecting, endCollecting, type GuardServices, heldAmong, leaseMs, markForRemoval, shortestGraceMs, unmark } from "./blob-guard.ts";

/**
 * What rows of a domain refer to: which of some keys, or all keys that begin with one of its prefixes where no index leads to them
 * (asked once, and again for what seems to be garbage). Asked inside a transaction too, so it does nothing but read.
 */
export type BlobReferences =
  | { among(reader: Reader, keys: string[]): Promise<Iterable<string>> }
  | { prefixes: string[]; all(reader: Reader): Promise<Set<string>> };

/** Keys that a domain puts blobs under, and nobody else. Blobs that no place names are never touched. */
export interface BlobPlace {
  /** Prefixes to list, in the order in which they are looked through. */
  prefixes: string[];
  /** What its keys look like; others below the prefixes are not its own. */
  pattern: RegExp;
}

export interface CollectOptions {
  /** In the order in which they are looked through. */
  places: BlobPlace[];
  references: BlobReferences[];
  /** Only blobs that were stored longer ago: at least an hour. */
  olderThanMs: number;
  /** Finds and counts, removes nothing. */
  dryRun: boolean;
  /** Where an earlier call stopped. */
  from?: string;
  /** Stops after the prefix in which this moment passes, and says where to go on. */
  untilMs?: number;
  signal?: AbortSignal;
}

export interface Collected {
  looked: number;
  lookedBytes: number;
  /** Something refers to them, or is about to. */
  kept: number;
  /** Nothing refers to them yet, and they are too young to tell. */
  young: number;
  removed: number;
  removedBytes: number;
  /** The first prefix that was not looked through; undefined where all were. */
  next: string | undefined;
}

const keysAtOnce = 500;
/** Nothing is removed in the last part of a lease, so that a request that takes its time has ended before the lease does. */
const leaseMarginMs = leaseMs / 2;

/**
 * Removes blobs to which nothing refers, while others write (see `blob-guard.ts`). It may be stopped or killed at any moment and begun
 * again. Throws `conflict` while another collector is at work, `invalid_argument` for a grace under an hour.
 */
export async function collectBlobs(services: GuardServices, options: CollectOptions): Promise<Collected> {
  if (!(options.olderThanMs >= shortestGraceMs)) {
    throw new AppError("invalid_argument", `Blobs as young as ${options.olderThanMs} ms may belong to a writer at work.`, {
      hint: "Give at least an hour: --older-than 1h",
    });
  }
  const total: Collected = { looked: 0, lookedBytes: 0, kept: 0, young: 0, removed: 0, removedBytes: 0, next: undefined };
  const begun = options.dryRun ? undefined : await beginCollecting(services);
  if (!options.dryRun && begun === undefined)
    throw new AppError("conflict", "Blobs are being collected already, by another call or process.", { hint: "Wait until it has ended." });
  try {
    if (begun !== undefined) await finishRemovals(services, options, begun.collector, begun.unfinished);
    const remembered = new Map<BlobReferences, Set<string>>();
    const units = options.places.flatMap(({ prefixes, pattern }) => prefixes.map((prefix) => ({ prefix, pattern })));
    const first = options.from === undefined ? 0 : units.findIndex(({ prefix }) => prefix === options.from);
    if (first < 0) throw new AppError("invalid_argument", `There is no place "${options.from}" to go on from.`, { hint: "Begin anew, without it." });
    for (const { prefix, pattern } of units.slice(first)) {
      options.signal?.throwIfAborted();
      if (options.untilMs !== undefined && total.looked > 0 && services.clock.now() >= options.untilMs) {
        total.next = prefix;
        break;
      }
      await collectPrefix(services, options, begun?.collector, prefix, pattern, total, remembered);
    }
    if (begun !== undefined) await endCollecting(services, begun.collector);
    return total;
  } catch (error) {
    // A removal that failed may yet be carried out by the store: then the lease runs out by itself, and the marks are good until then.
    if (begun !== undefined && !(error instanceof RemovalFailed)) await endCollecting(services, begun.collector);
    throw error instanceof RemovalFailed ? error.cause : error;
  }
}

class RemovalFailed extends Error {}

async function collectPrefix(
  services: GuardServices,
  options: CollectOptions,
  collector: string | undefined,
  prefix: string,
  pattern: RegExp,
  total: Collected,
  remembered: Map<BlobReferences, Set<string>>,
): Promise<void> {
  let batch: BlobInfo[] = [];
  const flush = async () => {
    if (batch.length > 0) await collectBatch(services, options, collector, batch, total, remembered);
    batch = [];
  };
  for await (const info of services.blobs.list(prefix)) {
    if (!pattern.test(info.key)) continue;
    total.looked++;
    total.lookedBytes += info.sizeBytes;
    batch.push(info);
    if (batch.length === keysAtOnce) await flush();
    options.signal?.throwIfAborted();
  }
  await flush();
}

async function collectBatch(
  services: GuardServices,
  { references, olderThanMs }: CollectOptions,
  collector: string | undefined,
  infos: BlobInfo[],
  total: Collected,
  remembered: Map<BlobReferences, Set<string>>,
): Promise<void> {
  const { state, clock } = services;
  const limitMs = clock.now() - olderThanMs;
  const referred = lookUp(references);
  const keys = infos.map(({ key }) => key);
  const used = await referred(state, keys, remembered); // most are: asked without a transaction first
  for (const key of await heldAmong(state, keys, clock.now())) used.add(key);
  const unused = infos.filter(({ key }) => !used.has(key));
  const old = unused.filter(({ modifiedMs }) => modifiedMs <= limitMs);
  total.kept += infos.length - unused.length;
  total.young += unused.length - old.length;
  const gone = collector === undefined ? new Set(old.map(({ key }) => key)) : await removeUnused(services, collector, old, referred, limitMs);
  for (const { key, sizeBytes } of old) {
    if (gone.has(key)) {
      total.removed++;
      total.removedBytes += sizeBytes;
    } else total.kept++;
  }
}

/** Removes those to which nothing refers even now. */
async function removeUnused(services: GuardServices, collector: string, infos: BlobInfo[], referred: LookUp, limitMs: number): Promise<Set<string>> {
  if (infos.length === 0) return new Set();
  const marked = await markForRemoval(
    services,
    collector,
    infos.map(({ key }) => key),
    referred,
  );
  if (marked === undefined) throw leaseLost();
  return removeMarked(services, collector, marked, limitMs);
}

/** What a collector that died had marked: removed, where nothing has come to refer to it. */
async function finishRemovals(services: GuardServices, options: CollectOptions, collector: string, unfinished: string[]): Promise<void> {
  const referred = lookUp(options.references);
  for (let i = 0; i < unfinished.length; i += keysAtOnce) {
    const keys = unfinished.slice(i, i + keysAtOnce);
    const marked = await markForRemoval(services, collector, keys, referred);
    if (marked === undefined) throw leaseLost();
    await removeMarked(services, collector, marked, services.clock.now() - options.olderThanMs);
    await unmark(services, collector, keys);
  }
}

async function removeMarked({ state, blobs, clock }: GuardServices, collector: string, marked: string[], limitMs: number): Promise<Set<string>> {
  const endMs = clock.now() + leaseMs - leaseMarginMs;
  const gone = new Set<string>();
  for (const key of marked) {
    if (clock.now() >= endMs) break; // the rest is left for the next time
    const info = await blobs.head(key);
    if (info !== undefined && info.modifiedMs > limitMs) continue; // stored anew
    await blobs.delete(key).catch((cause: unknown) => {
      throw new RemovalFailed("a blob could not be removed", { cause });
    });
    gone.add(key);
  }
  await unmark({ state }, collector, marked);
  return gone;
}

/** Which of some keys are referred to: as the state is now, or was when the collection began where `remembered` has it. */
type LookUp = (reader: Reader, keys: string[], remembered?: Map<BlobReferences, Set<string>>) => Promise<Set<string>>;

function lookUp(references: BlobReferences[]): LookUp {
  return async (reader, keys, remembered) => {
    const used = new Set<string>();
    for (const each of references) {
      if ("among" in each) for (const key of await each.among(reader, keys)) used.add(key);
      else {
        const concerned = keys.filter((key) => each.prefixes.some((prefix) => key.startsWith(prefix)));
        if (concerned.length === 0) continue;
        const all = remembered?.get(each) ?? (await each.all(reader));
        remembered?.set(each, all);
        for (const key of concerned) if (all.has(key)) used.add(key);
      }
    }
    return used;
  };
}

function leaseLost(): AppError {
  return new AppError("conflict", "Another collector has taken over: this one stood still for too long.", { hint: "Wait until it has ended." });
}
