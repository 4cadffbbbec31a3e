import { definitionsOf } from "#domains/project";
import { loadServedModel, scoreTable, type Endpoint, type ScoredTable } from "#domains/serving";
import { modelRelation, modelSchema } from "#domains/transform";
import type { Services } from "./services.ts";
import { servingServices } from "./serving-services.ts";
import { whole } from "./summaries.ts";

export interface BatchOptions {
  /** Versions to score with, by model, in place of those behind the endpoints' aliases. */
  versions?: ReadonlyMap<string, number>;
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

/** Scores the tables that the endpoints name, each once for a model and the rows it can see. */
export async function scoreBatches(services: Services, options: BatchOptions): Promise<ScoredTable[]> {
  const scored: ScoredTable[] = [];
  const serving = servingServices(services);
  for (const { model: wanted, batch = {} } of definitionsOf<Endpoint>(services.project, "endpoint")) {
    const name = wanted.split("@")[0]!;
    const version = options.versions?.get(name);
    const reference = version === undefined ? wanted : `${name}@${version}`;
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
