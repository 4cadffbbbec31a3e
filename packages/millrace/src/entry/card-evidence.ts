import { z } from "zod";
import type { RegistryServices } from "#domains/registry";
import { artifactKey, getExperiment, getRun, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";

type EvidenceOf = NonNullable<RegistryServices["evidence"]>;
type Evidence = Awaited<ReturnType<EvidenceOf>>;

/** An evaluation is some hundred kilobytes; what is much larger is not one. */
const largestEvaluationBytes = 16 * 1024 * 1024;

const evaluationSchema = z.object({
  slices: z.array(z.object({ column: z.string(), level: z.string(), rows: z.number(), metrics: z.record(z.string(), z.number().nullable()) })),
});

/** What a version's card takes from elsewhere: the run that made it, and how it did on slices of the test rows. */
export function cardEvidence(tracking: TrackingServices): EvidenceOf {
  return async ({ runId, gate }) => {
    const run = runId === undefined ? undefined : await runOf(tracking, runId);
    const slices = typeof gate?.["evaluation"] === "string" ? await slicesOf(tracking, gate["evaluation"]) : undefined;
    return { ...(run && { run }), ...(slices && { slices }) };
  };
}

async function runOf(tracking: TrackingServices, id: string): Promise<Evidence["run"]> {
  const run = await getRun(tracking, id).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined; // a run of another store
    throw error;
  });
  if (run === undefined) return undefined;
  const { startedMs, params, source } = run;
  const { name: experiment } = await getExperiment(tracking, { id: run.experiment });
  return { id, experiment, startedMs, params, commit: source.commit, dirty: source.dirty };
}

async function slicesOf({ blobs }: TrackingServices, digest: string): Promise<Evidence["slices"]> {
  if (!/^[0-9a-f]{64}$/.test(digest)) return undefined; // a gate of another program
  const info = await blobs.head(artifactKey(digest));
  if (info === undefined || info.sizeBytes > largestEvaluationBytes) return undefined;
  const text = (await collectBytes(await blobs.get(info.key))).toString("utf8");
  return evaluationSchema.safeParse(jsonOf(text)).data?.slices;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not an evaluation
  }
}
