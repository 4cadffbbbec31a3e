import { runtime } from "#adapters/tensor-runtime/onnxruntime";
import { isFromMlflow, onnxVersion } from "#compat/mlflow";
import { recordEndpoint } from "#domains/lineage";
import { modelBlob, readSignature } from "#domains/quality";
import { resolve } from "#domains/registry";
import type { ModelSource, ServingServices } from "#domains/serving";
import { modelRelation } from "#domains/transform";
import { modelAdapters } from "./load-model-file.ts";
import type { Services } from "./services.ts";

/** What serving works with: the registry's versions, and the SQL models' present rows. */
export function servingServices(services: Omit<Services, "serving">): ServingServices {
  const { state, blobs, stream, lake, warehouse, clock, log } = services;
  return {
    state,
    blobs,
    stream,
    lake,
    warehouse,
    clock,
    log,
    models: registryModels(services),
    adapters: modelAdapters,
    tensorRuntime: runtime,
    noteServing: async (endpoint, models) => void (await recordEndpoint(services.lineage, { endpoint, models })),
    modelRows: (model) => modelRelation(services, model),
  };
}

/** The registry seen through serving's one verb. */
export function registryModels({ registry, blobs }: Pick<Services, "registry" | "blobs">): ModelSource {
  return {
    async tensors(reference) {
      const version = await resolve(registry, reference);
      return isFromMlflow(version) ? onnxVersion({ registry, blobs }, version) : undefined;
    },
    async resolve(reference) {
      const version = await resolve(registry, reference);
      const { model: name, version: number, digest, runId } = version;
      return {
        name,
        version: number,
        digest,
        blob: modelBlob(version),
        signature: await readSignature(blobs, version),
        ...(runId !== undefined && { runId }),
      };
    },
  };
}
