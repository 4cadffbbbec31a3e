import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileRelation, findSourceFile, tableOf, type Source } from "#domains/ingest";
import { definitionsOf } from "#domains/project";
import { describeModels, generateHandles, loadModels, writeHandles, type ProjectGraph } from "#domains/transform";
import type { ColumnType } from "#ports/warehouse";
import type { Services } from "./services.ts";
import { declaredSources } from "./prepare-data.ts";

const handlesFile = join("models", "handles.ts");

/** Writes the typed handles of the project's SQL models, without running any of them. Tells whether they had changed. */
export async function writeTypes(services: Pick<Services, "project" | "warehouse">): Promise<{ file: string; changed: boolean; models: number }> {
  const { project, warehouse } = services;
  const graph = await loadModels({ folder: project.folder, vars: project.config.vars, environment: process.env });
  const sources: Record<string, ColumnType[]> = {};
  for (const [table, columns] of Object.entries(declaredSources(project))) if (columns.length > 0) sources[table] = columns;
  for (const source of definitionsOf<Source>(project, "source")) {
    sources[tableOf(source)] = await warehouse.describe(`select * from ${fileRelation(source, findSourceFile(source, project.folder))}`);
  }
  const described = await describeModels({ graph: describable(graph, new Set(Object.keys(sources))), warehouse, sources });
  const changed = await writeHandles(join(project.folder, handlesFile), generateHandles(described));
  return { file: handlesFile, changed, models: described.size };
}

/**
 * A first file for a project that has none: the models' names, as yet without columns. Definitions that take columns from a model
 * can then be loaded, and the second writing knows the sources that come from them.
 */
export async function writeFirstHandles(folder: string): Promise<boolean> {
  const file = join(folder, handlesFile);
  if (existsSync(file) || !existsSync(join(folder, "models"))) return false;
  const graph = await loadModels({ folder });
  await writeHandles(file, generateHandles(new Map([...graph.models.keys()].map((name) => [name, []]))));
  return true;
}

/** The models whose sources are all known, with those that they build on. */
function describable(graph: ProjectGraph, known: ReadonlySet<string>): ProjectGraph {
  const models = new Map<string, ProjectGraph["models"] extends ReadonlyMap<string, infer M> ? M : never>();
  for (const [name, model] of graph.models) {
    const ready = model.sources.every(({ schema, table }) => known.has(`${schema}.${table}`)) && model.refs.every((ref) => models.has(ref));
    if (ready) models.set(name, model);
  }
  return { ...graph, models };
}
