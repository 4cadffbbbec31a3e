import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { appendPoints, readPoints } from "./append-points.ts";
import { addItems, inputsSchema, outputsSchema } from "./log-data.ts";
import { type MetricPoint, paramsSchema, type RunInput, type RunOutput, tagsSchema, trackingLimits, type TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { activeRun, beginChange, parseTexts, saveRun } from "./store.ts";

export interface Batch {
  run: string;
  params?: Record<string, string>;
  tags?: Record<string, string>;
  metrics?: MetricPoint[];
  /** Data that went in and came out; what is there already, equal in every field, is not added again. */
  inputs?: RunInput[];
  outputs?: RunOutput[];
}

/**
 * Logs params, tags, metric points, inputs and outputs of a run together: all of it, durable, or nothing. Saying the same again changes nothing,
 * so a call may be retried. Throws `conflict` for a param that has another value already, `invalid_argument` past a limit.
 *
 * Budget: 1,000 points in under 3.5 ms (`bench/tracking`).
 */
export async function logBatch({ state, clock }: TrackingServices, batch: Batch): Promise<void> {
  const { run } = batch;
  const nowMs = clock.now();
  const params = batch.params && parseArgument(paramsSchema, "params", batch.params);
  const tags = batch.tags && parseArgument(tagsSchema, "tags", batch.tags);
  const points = readPoints(batch.metrics ?? [], nowMs);
  const inputs = batch.inputs && parseArgument(inputsSchema, "inputs", batch.inputs);
  const outputs = batch.outputs && parseArgument(outputsSchema, "outputs", batch.outputs);
  await state.write(async (transaction) => {
    await beginChange(transaction, run, nowMs);
    const standing = await activeRun(transaction, run);
    const nextParams = params && withParams(run, parseTexts(standing.params), params);
    const nextTags = tags && withTags(run, parseTexts(standing.tags), tags);
    const fields = { ...(nextParams && { params: nextParams }), ...(nextTags && { tags: nextTags }) };
    await saveRun(transaction, run, fields);
    if (points.keys.length > 0) await appendPoints(transaction, run, points);
    if (inputs?.length) await addItems(transaction, nowMs, run, "inputs", inputs);
    if (outputs?.length) await addItems(transaction, nowMs, run, "outputs", outputs);
  });
  noteChange(state, run);
}

/** Sets params of a run. A param keeps its first value: another one is a `conflict`. */
export function logParams(services: TrackingServices, { run, params }: { run: string; params: Record<string, string> }): Promise<void> {
  return logBatch(services, { run, params });
}

/** Adds points to the histories of a run's metrics, durable when resolved. The same point again changes nothing. */
export function logMetrics(services: TrackingServices, { run, metrics }: { run: string; metrics: MetricPoint[] }): Promise<void> {
  return logBatch(services, { run, metrics });
}

/** Sets tags of a run; a tag's newer value replaces the older. */
export function setTags(services: TrackingServices, { run, tags }: { run: string; tags: Record<string, string> }): Promise<void> {
  return logBatch(services, { run, tags });
}

/** Removes a tag. Throws `not_found` where the run has no such tag. */
export async function deleteTag({ state, clock }: TrackingServices, { run, tag }: { run: string; tag: string }): Promise<void> {
  await state.write(async (transaction) => {
    await beginChange(transaction, run, clock.now());
    const tags = parseTexts((await activeRun(transaction, run)).tags);
    if (!Object.hasOwn(tags, tag)) throw new AppError("not_found", `Run "${run}" has no tag "${tag}".`);
    delete tags[tag];
    await saveRun(transaction, run, { tags: JSON.stringify(tags) });
  });
  noteChange(state, run);
}

/** The params as JSON with the new ones added; undefined where nothing is new. */
function withParams(run: string, standing: Record<string, string>, params: Record<string, string>): string | undefined {
  const entries = Object.entries(params);
  for (const [key, value] of entries) {
    const before = Object.hasOwn(standing, key) ? standing[key] : undefined;
    if (before !== undefined && before !== value)
      throw new AppError("conflict", `Param "${key}" of run "${run}" is ${JSON.stringify(before)} and cannot become ${JSON.stringify(value)}.`, {
        hint: "Params are fixed once logged. Use a tag for what changes, or start another run.",
        details: { key, value: before },
      });
  }
  if (entries.every(([key]) => Object.hasOwn(standing, key))) return undefined;
  return limited(run, "params", { ...standing, ...params }, trackingLimits.paramsPerRun);
}

/** The tags as JSON with the new ones in place of those of the same key, null taking one away; undefined where nothing changes. */
export function withTags(run: string, standing: Record<string, string>, tags: Record<string, string | null>): string | undefined {
  if (Object.entries(tags).every(([key, value]) => (Object.hasOwn(standing, key) ? standing[key] : null) === value)) return undefined;
  const next = Object.entries({ ...standing, ...tags }).filter((entry): entry is [string, string] => entry[1] !== null);
  return limited(run, "tags", Object.fromEntries(next), trackingLimits.tagsPerRun);
}

function limited(run: string, what: string, texts: Record<string, string>, most: number): string {
  if (Object.keys(texts).length > most) throw new AppError("invalid_argument", `Run "${run}" would have more than ${most} ${what}.`);
  return JSON.stringify(texts);
}
