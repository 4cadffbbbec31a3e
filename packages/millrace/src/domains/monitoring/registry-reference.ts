import { collectBytes } from "#kit/collect-bytes";
import { z } from "zod";
import { parseProfile, readSignature } from "#domains/quality";
import { type RegistryServices, resolve } from "#domains/registry";
import { artifactKey } from "#domains/tracking";
import type { BlobStore } from "#ports/blob-store";
import { dayMs, type MonitorReference } from "./model.ts";

/** What the registry keeps of a version for monitoring: its signature, the profile of its training rows, the AUC of its test. */
export async function registryReference(
  services: { registry: RegistryServices; blobs: BlobStore },
  model: string,
  version: number,
): Promise<MonitorReference> {
  const found = await resolve(services.registry, `${model}@${version}`);
  const { inputs } = await readSignature(services.blobs, found);
  const profile = found.profile === undefined ? undefined : parseProfile(await readJson(services.blobs, artifactKey(found.profile)));
  const evaluation = found.gate?.["evaluation"];
  const trainedUntilMs = typeof evaluation === "string" ? lastDay(await readJson(services.blobs, artifactKey(evaluation))) : undefined;
  return { version, inputs, profile, testAuc: found.metrics["auc"], trainedUntilMs };
}

const evaluationSchema = z.object({ byDay: z.array(z.object({ day: z.iso.date() })) });

/** End of the last day of the rows that a version was tested on. */
function lastDay(json: unknown): number | undefined {
  const evaluation = evaluationSchema.safeParse(json);
  const last = evaluation.success
    ? evaluation.data.byDay
        .map(({ day }) => day)
        .sort()
        .at(-1)
    : undefined;
  return last === undefined ? undefined : Date.parse(last) + dayMs;
}

async function readJson(blobs: BlobStore, key: string): Promise<unknown> {
  return JSON.parse((await collectBytes(await blobs.get(key))).toString("utf8"));
}
