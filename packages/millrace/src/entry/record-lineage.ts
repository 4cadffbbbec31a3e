import { featureNames, type FeatureView } from "#domains/features";
import { recordFeatureView, recordModelVersion, recordTrainingSet } from "#domains/lineage";
import type { ModelVersion } from "#domains/registry";
import type { TrainedModel, TrainingSet } from "#domains/training";
import { modelSchema } from "#domains/transform";
import type { Services } from "./services.ts";

/** Tells the lineage of what runs make: feature views as they are used, training sets, model versions. */
export function lineageOfRuns({ lineage }: Pick<Services, "lineage">) {
  return {
    async onTrainingSet(set: TrainingSet): Promise<void> {
      const { signature, tables } = set;
      const views = Object.entries(signature.features);
      for (const [, { view }] of views) await recordFeatureView(lineage, viewRecord(view));
      await recordTrainingSet(lineage, {
        id: set.blob,
        tables,
        features: views.flatMap(([, { view }]) => featureNames(view).map((feature) => ({ view: view.name, feature }))),
        columns: [...signature.columns, signature.label, signature.time].map((column) => ({ table: tables[0]!.table, column })),
      });
    },
    async onVersion(version: ModelVersion, model: TrainedModel): Promise<void> {
      await recordModelVersion(lineage, {
        ...{ model: version.model, version: version.version, runId: version.runId ?? "unknown" },
        inputs: [{ trainingSet: model.train.set.blob }, ...model.train.set.tables],
      });
    },
  };
}

function viewRecord(view: FeatureView) {
  const table = `${modelSchema}.${view.from.name}`;
  const deciding = [...view.on, view.known].map((column) => ({ table, column, kind: "filter" as const }));
  return {
    ...{ view: view.name, entity: view.entity.name, table },
    features: view.features.flatMap(({ name, aggregate }) =>
      view.windows
        .filter((window) => aggregate.windows === undefined || aggregate.windows.includes(window.name))
        .map((window) => ({
          name: `${name}_${window.name}`,
          from: [...(aggregate.op === "count" ? [] : [{ table, column: aggregate.column }]), ...deciding],
        })),
    ),
  };
}
