import { z } from "zod";
import { parseArgument } from "#kit/parse-argument";
import { withTags } from "./log-batch.ts";
import { changedTagsSchema, type EndStatus, isEnded, type Run, type RunStatus, runStatuses, newRunSchema, type TrackingServices } from "./model.ts";
import { noteChange } from "./run-index.ts";
import { activeRun, beginChange, findRunRow, parseRun, parseTexts, saveRun, saveRunContext } from "./store.ts";

const changeSchema = z.object({
  name: newRunSchema.shape.name,
  status: z.enum(runStatuses).optional(),
  endedMs: z.int().nullable().optional(),
  note: newRunSchema.shape.note.removeDefault().optional(),
  tags: changedTagsSchema.optional(),
});

/** Ends a run. Ending it again with the same status keeps the first end, so the call may be retried. */
export function finishRun(
  services: TrackingServices,
  { run, status = "finished", endedMs }: { run: string; status?: EndStatus; endedMs?: number },
): Promise<Run> {
  return updateRun(services, { run, status, ...(endedMs !== undefined && { endedMs }) });
}

/** Changes a run's name, note, status or tags (null takes one away). A status that ends it does so now or at `endedMs` (null: its end is not known); the others open an ended run again. */
export async function updateRun(
  { state, clock }: TrackingServices,
  {
    run,
    ...change
  }: { run: string; name?: string; status?: RunStatus; endedMs?: number | null; note?: string; tags?: Record<string, string | null> },
): Promise<Run> {
  const { name, status, endedMs, note, tags } = parseArgument(changeSchema, "change of the run", change);
  const nowMs = clock.now();
  const changed = await state.write(async (transaction) => {
    await beginChange(transaction, run, nowMs);
    const standing = await activeRun(transaction, run);
    const nextTags = tags && withTags(run, parseTexts(standing.tags), tags);
    const kept = standing.status === status ? (standing.ended_ms ?? undefined) : undefined;
    const now = endedMs === null ? null : nowMs;
    const ended = status === undefined ? endedMs : !isEnded(status) ? (endedMs ?? null) : (endedMs ?? kept ?? now);
    await saveRun(transaction, run, {
      ...(name !== undefined && { name }),
      ...(status !== undefined && { status }),
      ...(ended !== undefined && { ended_ms: ended }),
      ...(nextTags !== undefined && { tags: nextTags }),
    });
    if (note !== undefined) await saveRunContext(transaction, run, "note", note);
    return parseRun((await findRunRow(transaction, run))!); // it was read above
  });
  noteChange(state, run);
  return changed;
}

/** Marks a run as deleted: searches leave it out, nothing can be logged to it. Doing it again changes nothing. */
export async function deleteRun({ state, clock }: TrackingServices, { run }: { run: string }): Promise<void> {
  await state.write(async (transaction) => {
    await beginChange(transaction, run, clock.now());
    const standing = await findRunRow(transaction, run);
    if (standing?.deleted_ms === null) await saveRun(transaction, run, { deleted_ms: clock.now() });
  });
  noteChange(state, run);
}

/** Takes a deletion back. */
export async function restoreRun({ state, clock }: TrackingServices, { run }: { run: string }): Promise<void> {
  await state.write(async (transaction) => {
    await beginChange(transaction, run, clock.now());
    await saveRun(transaction, run, { deleted_ms: null });
  });
  noteChange(state, run);
}
