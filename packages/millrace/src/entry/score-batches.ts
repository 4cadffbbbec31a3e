import { definitionsOf } from "#domains/project";
import { loadServedModel, scoreTable, type Endpoint, type ScoredTable } from "#domains/serving";
import { modelRelation, modelSchema } from "#domains/transform";
import type { Services } from "./open-project.ts";
import { servingServices } from "./serving-services.ts";
import { whole } from "./summaries.ts";

/** Scores the tables that the endpoints name, each once for a model and a table version. */
export async function scoreBatches(services: Services, options: { signal: AbortSignal; onProgress: (text: string) => void }): Promise<ScoredTable[]> {
  const scored: ScoredTable[] = [];
  const serving = servingServices(services);
  for (const { model: reference, batch = {} } of definitionsOf<Endpoint>(services.project, "endpoint")) {
    for (const [into, { of, where }] of Object.entries(batch)) {
      const model = await loadServedModel(serving, await serving.models.resolve(reference));
      const result = await scoreTable(
        { ...services, modelRows: (sqlModel) => modelRelation(services, sqlModel) },
        {
          ...{ model, into, table: `${modelSchema}.${of.name}`, signal: options.signal, threads: services.project.config.resources.threads },
          ...(where !== undefined && { where }),
          onProgress: (done, rows) => options.onProgress(`${into}: ${whole(done)} of ${whole(rows)} rows`),
        },
      );
      scored.push(result);
      await model.model.close();
    }
  }
  return scored;
}
