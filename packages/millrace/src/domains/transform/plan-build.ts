import type { Lake } from "#domains/lake";
import type { ColumnType, Warehouse } from "#ports/warehouse";
import { decideBuild, type BuildAction, type DecisionFacts } from "./build-decision.ts";
import { emptySource, prepareModel, singularTestsByModel } from "./build-key.ts";
import { unknownSource } from "./describe-models.ts";
import { modelSchema, type BuildStore, type Model, type ProjectGraph } from "./model.ts";
import { selectModels } from "./select-models.ts";

export interface PlannedModel {
  model: string;
  action: BuildAction;
  reason: string;
}

/**
 * What a build would do and why, in dependency order, without doing it. Models that read something about to be built are expected to
 * be built as well; the build itself skips them when no rows changed.
 */
export async function planBuild(options: {
  graph: ProjectGraph;
  lake: Lake;
  warehouse: Warehouse;
  buildStore: BuildStore;
  sources?: Record<string, ColumnType[]>;
  select?: readonly string[];
  fullRefresh?: boolean;
}): Promise<PlannedModel[]> {
  const { graph, lake, warehouse, buildStore } = options;
  const [row] = await warehouse.rows("select version() as version");
  const engine = String(row!["version"]);
  const singular = singularTestsByModel(graph);
  const planned = new Map<string, PlannedModel>();
  for (const name of selectModels(graph, options.select)) {
    const model = graph.models.get(name)!; // a selection names models of the graph
    const prepared = prepareModel(graph, model, singular.get(name) ?? []);
    const { finished: record } = await buildStore.get(name);
    const table = `${modelSchema}.${name}`;
    const modelInputs = async (names: string[]) => Promise.all(names.map((input) => plannedInput(buildStore, planned, input)));
    const inputs = [...(await sourceInputs(options, model)), ...(await modelInputs(model.refs))];
    const decision = decideBuild({
      prepared,
      record,
      inputs,
      testInputs: await modelInputs(prepared.testRefs),
      engine,
      lakeVersion: (await lake.exists(table)) ? (await lake.snapshot(table)).version : undefined,
      fullRefresh: options.fullRefresh ?? false,
    });
    planned.set(name, { model: name, ...decision });
  }
  return [...planned.values()];
}

async function plannedInput(
  buildStore: BuildStore,
  planned: ReadonlyMap<string, PlannedModel>,
  name: string,
): Promise<DecisionFacts["inputs"][number]> {
  const table = `${modelSchema}.${name}`;
  const action = planned.get(name)?.action;
  const { finished } = await buildStore.get(name);
  if (finished === undefined || action === "full" || action === "incremental") return { table, identity: undefined };
  return { table, version: finished.version, identity: `${finished.version}:${finished.rowsSequence}` };
}

async function sourceInputs(
  options: { lake: Lake; sources?: Record<string, ColumnType[]> },
  model: Model,
): Promise<DecisionFacts["inputs"][number][]> {
  return Promise.all(
    model.sources.map(async ({ schema, table }) => {
      const name = `${schema}.${table}`;
      if (!(await options.lake.exists(name))) {
        if (options.sources?.[name] === undefined)
          throw unknownSource(model, name, [...Object.keys(options.sources ?? {}), ...(await options.lake.tables())]);
        return { table: name, version: 0, identity: emptySource };
      }
      const { version, timestampMs } = await options.lake.snapshot(name);
      return { table: name, version, identity: `${version}:${timestampMs}` };
    }),
  );
}
