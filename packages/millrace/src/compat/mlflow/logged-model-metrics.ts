import type { MetricPoint, TrackingServices } from "#domains/tracking";
import { sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import { findLoggedModel } from "./logged-model-reads.ts";
import { type Fields, text } from "./request.ts";

/** A point measured of a logged model, on a dataset where the names are not empty. */
export interface ModelMetric {
  model: string;
  run: string;
  metric: string;
  step: number;
  time_ms: number;
  value: number;
  dataset_name: string;
  dataset_digest: string;
}

/** Notes those points of a run that name the model they were measured of. The same point again changes nothing. */
export async function noteModelMetrics(tracking: TrackingServices, run: string, given: Fields[], points: MetricPoint[]): Promise<void> {
  const named = given.flatMap((fields, i) => (fields["model_id"] ? [{ fields, point: points[i]! }] : []));
  if (named.length === 0) return;
  for (const model of new Set(named.map(({ fields }) => text(fields, "model_id")!))) await findLoggedModel(tracking, model);
  await tracking.state.write(async (transaction) => {
    for (const { fields, point } of named) {
      await transaction.run(sql`insert into mlflow_model_metric (model, run, metric, step, time_ms, value, dataset_name, dataset_digest)
        values (${text(fields, "model_id")}, ${run}, ${point.key}, ${point.step}, ${point.timeMs}, ${String(point.value)},
        ${text(fields, "dataset_name") ?? ""}, ${text(fields, "dataset_digest") ?? ""}) on conflict do nothing`);
    }
  });
}

/** The points of some models, by model, in order of time. */
export async function metricsOf(reader: Reader, models: string[]): Promise<Map<string, ModelMetric[]>> {
  const found = new Map<string, ModelMetric[]>(models.map((model) => [model, []]));
  for (let i = 0; i < models.length; i += 100) {
    const rows = await reader.all<Omit<ModelMetric, "value"> & { value: string }>(
      sql`select model, run, metric, step, time_ms, value, dataset_name, dataset_digest from mlflow_model_metric
        where model in ${sqlIn(models.slice(i, i + 100))} order by time_ms, step, metric`,
    );
    for (const row of rows) found.get(row.model)!.push({ ...row, value: Number(row.value) }); // it was asked for
  }
  return found;
}
