import { join } from "node:path";
import { createTopicTable, ingestSource, keepTopic, type IngestResult, type Source, type Topic } from "#domains/ingest";
import { recordTable } from "#domains/lineage";
import { definitionsOf } from "#domains/project";
import { assertBuilt, buildModels, loadModels, type ModelResult, type ProjectGraph } from "#domains/transform";
import type { ColumnType } from "#ports/warehouse";
import type { Services } from "./services.ts";

export interface IngestOptions {
  /** Names of the sources; all when empty. */
  only?: string[];
  refresh?: boolean;
  onProgress?: (text: string) => void;
  signal?: AbortSignal;
}

/** Brings every source and what has come on kept topics into the lake, and writes their columns into the lineage. */
export async function ingestSources(services: Services, options: IngestOptions = {}): Promise<IngestResult[]> {
  const { project, lake, warehouse, state, clock } = services;
  const all = definitionsOf<Source>(project, "source");
  const wanted = options.only?.length ? all.filter((source) => options.only!.includes(source.name)) : all;
  const results: IngestResult[] = [];
  for (const source of wanted) {
    const result = await ingestSource({ lake, warehouse, state, clock, projectFolder: project.folder }, source, {
      ...(options.refresh && { refresh: true }),
      ...(options.signal && { signal: options.signal }),
      onProgress: (done, batches) => options.onProgress?.(`${source.name}: ${done} of ${batches} batches`),
    });
    results.push(result);
    if (result.skippedBatches < result.batches) await recordRaw(services, result.table, { kind: "source", name: source.name });
  }
  for (const topic of definitionsOf<Topic>(project, "topic")) {
    if (topic.table === undefined || (await lake.exists(topic.table))) continue;
    await createTopicTable({ lake }, topic);
    await recordRaw(services, topic.table, { kind: "source", name: topic.name });
  }
  await keepTopics(services);
  return results;
}

/** Copies what has come on kept topics into their tables, up to now. */
export async function keepTopics(services: Services): Promise<{ topic: string; rows: number }[]> {
  const { stream, lake, warehouse, project } = services;
  const kept: { topic: string; rows: number }[] = [];
  const present = new Map((await stream.topics()).map((info) => [info.name, info]));
  for (const topic of definitionsOf<Topic>(project, "topic")) {
    const end = present.get(topic.name)?.partitions[0]?.endOffset ?? 0;
    if (topic.table === undefined || end === 0) continue;
    const { rows } = await keepTopic({ lake, stream, warehouse }, topic, end);
    kept.push({ topic: topic.name, rows });
    if (rows > 0) await recordRaw(services, topic.table, { kind: "source", name: topic.name });
  }
  return kept;
}

async function recordRaw({ lineage, lake }: Services, table: string, producer: { kind: "source"; name: string }): Promise<void> {
  const { version, columns } = await lake.snapshot(table);
  await recordTable(lineage, { table, version, producer, columns: columns.map(({ name, type }) => ({ name, type })) });
}

export interface BuildOptions {
  select?: string[];
  fullRefresh?: boolean;
  onProgress?: (text: string) => void;
  signal?: AbortSignal;
}

/** Builds the SQL models that changed, after their sources, and writes where their columns come from into the lineage. Throws for the first that failed. */
export async function buildProject(services: Services, options: BuildOptions = {}): Promise<ModelResult[]> {
  const { project, lake, warehouse, buildStore, clock, lineage } = services;
  const graph = await loadGraph(services);
  let done = 0;
  const results = await buildModels({
    ...{ graph, lake, warehouse, buildStore, clock },
    sources: declaredSources(project),
    scratchFolder: join(project.home, "scratch"),
    ...(options.select?.length && { select: options.select }),
    ...(options.fullRefresh && { fullRefresh: true }),
    ...(options.signal && { signal: options.signal }),
    onProgress: (progress) => {
      if (progress.kind === "started") options.onProgress?.(`${progress.model} (${done} of ${graph.models.size} done)`);
      else done++;
    },
    onLineage: async ({ table, model, version, columns, inputs }) => {
      await recordTable(lineage, { table, version, producer: { kind: "model", name: model }, columns, inputs });
    },
  });
  assertBuilt(results);
  return results;
}

/** The project's SQL, parsed and in dependency order. */
export function loadGraph({ project }: Pick<Services, "project">): Promise<ProjectGraph> {
  return loadModels({ folder: project.folder, vars: project.config.vars, environment: process.env });
}

/** Columns of source tables that may not exist yet, because no event has come. */
export function declaredSources(project: Services["project"]): Record<string, ColumnType[]> {
  const topics = definitionsOf<Topic>(project, "topic").filter((topic) => topic.table !== undefined);
  return Object.fromEntries(topics.map((topic) => [topic.table!, Object.entries(topic.columns).map(([name, type]) => ({ name, type }))]));
}
