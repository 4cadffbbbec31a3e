import type { ModelMetric } from "./logged-model-metrics.ts";
import type { LoggedModel } from "./logged-model-reads.ts";
import { wireMetric, wireTexts } from "./wire-run.ts";

export const loggedStatuses = { pending: "LOGGED_MODEL_PENDING", ready: "LOGGED_MODEL_READY", failed: "LOGGED_MODEL_UPLOAD_FAILED" } as const;

export function wireLoggedModel(model: LoggedModel, metrics: ModelMetric[]): object {
  const tags = wireTexts(model.tags);
  const params = wireTexts(model.params);
  return {
    info: {
      model_id: model.id,
      experiment_id: model.experiment,
      name: model.name,
      creation_timestamp_ms: model.createdMs,
      last_updated_timestamp_ms: model.updatedMs,
      artifact_uri: model.location,
      status: loggedStatuses[model.status],
      model_type: model.type,
      source_run_id: model.sourceRun ?? "",
      ...(tags.length > 0 && { tags }),
    },
    data: {
      ...(params.length > 0 && { params }),
      ...(metrics.length > 0 && {
        metrics: metrics.map((point) => ({
          ...wireMetric(point.metric, { value: point.value, timeMs: point.time_ms, step: point.step }),
          model_id: point.model,
          run_id: point.run,
          ...(point.dataset_name !== "" && { dataset_name: point.dataset_name }),
          ...(point.dataset_digest !== "" && { dataset_digest: point.dataset_digest }),
        })),
      }),
    },
  };
}
