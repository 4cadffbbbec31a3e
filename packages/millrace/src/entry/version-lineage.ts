import { downstream, upstream, type LineageGraph, type NodeKind } from "#domains/lineage";
import { aliasesHeld, getModel, namesBefore, resolve, type ModelVersion } from "#domains/registry";
import { getExperiment, getRun } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import type { Services } from "./services.ts";

/** What a version came from, and where it went. */
export interface VersionLineage {
  model: string;
  version: number;
  digest: string;
  /** Null where it came from elsewhere, or the run is gone. */
  run: { id: string; experiment: string; name: string; startedMs: number; commit: string | null; dirty: boolean | null; deleted: boolean } | null;
  /** Table versions it learnt from. */
  data: ModelVersion["data"];
  /** What these were made of, to the sources. */
  trainingSets: string[];
  featureViews: string[];
  sqlModels: string[];
  tables: string[];
  sources: string[];
  /** Aliases it held or holds, with when and by whom. */
  aliases: { alias: string; fromMs: number; untilMs: number | null; actor: string; reason: string }[];
  /** Endpoints: `serving` or `shadow` now, `named` where its alias leads here but it does not answer yet, `past` where it answered once. */
  endpoints: { name: string; follows: string | null; role: "serving" | "shadow" | "named" | "past" }[];
  /** Tables of scores that it wrote. */
  batches: { table: string; version: number; of: string; rows: number | null; atMs: number }[];
}

/** Puts together what registry, tracking, lineage, lake and serving know of a version. Throws `not_found`. */
export async function versionLineage(services: Services, called: string, reference: string): Promise<VersionLineage> {
  const version = await resolve(services.registry, `${called}@${reference}`);
  const { model } = version; // which it may be called no longer
  const name = `model-version:${model}@${version.version}`;
  const from = await known(upstream(services.lineage, name, { kinds: ["training-set", "feature-view", "sql-model", "table", "source"] }));
  const to = await known(downstream(services.lineage, name, { kinds: ["endpoint"] }));
  const held = await aliasesHeld(services.registry, { model, version: version.version });
  return {
    ...{ model, version: version.version, digest: version.digest, data: version.data },
    run: await runOf(services, version.runId),
    ...{ trainingSets: namesOf(from, "training-set"), featureViews: namesOf(from, "feature-view"), sqlModels: namesOf(from, "sql-model") },
    ...{ tables: namesOf(from, "table"), sources: namesOf(from, "source") },
    aliases: held.map(({ alias, fromMs, untilMs, actor, reason }) => ({ alias, fromMs, untilMs: untilMs ?? null, actor, reason })),
    endpoints: await endpointsOf(services, version, namesOf(to, "endpoint")),
    batches: await batchesOf(services, version),
  };
}

async function runOf({ tracking }: Services, id: string | undefined): Promise<VersionLineage["run"]> {
  const run = id === undefined ? undefined : await known(getRun(tracking, id));
  if (run === undefined) return null;
  const { name, startedMs, source, deletedMs } = run;
  const { name: experiment } = await getExperiment(tracking, { id: run.experiment });
  return { id: run.id, experiment, name, startedMs, commit: source.commit ?? null, dirty: source.dirty ?? null, deleted: deletedMs !== undefined };
}

async function endpointsOf({ serving, registry }: Services, version: ModelVersion, ever: string[]): Promise<VersionLineage["endpoints"]> {
  const found = new Map<string, VersionLineage["endpoints"][number]>(ever.map((name) => [name, { name, follows: null, role: "past" }]));
  for (const { name, model: follows } of serving.endpoints) {
    if ((await known(getModel(registry, follows.split("@")[0]!)))?.name !== version.model) continue;
    const { version: answering, shadow } = await serving.describe(name);
    const named = (await known(resolve(registry, follows)))?.version === version.version;
    const role =
      answering === version.version ? "serving" : shadow === version.version ? "shadow" : named ? "named" : found.has(name) ? "past" : undefined;
    if (role !== undefined) found.set(name, { name, follows, role });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Batches say in their commit which version made them, by the name that its model had then. */
async function batchesOf({ lake, registry }: Services, { model, version, digest }: ModelVersion): Promise<VersionLineage["batches"]> {
  const called = new Set([model, ...(await namesBefore(registry, model))].map((name) => `${name}@${version}`));
  const batches: VersionLineage["batches"] = [];
  for (const table of await lake.tables()) {
    if (!table.startsWith("predictions.")) continue;
    for (const commit of await lake.history(table)) {
      const made = commit.metadata as { model?: unknown; digest?: unknown; of?: { table?: unknown; version?: unknown } } | null | undefined; // each field is asked
      if (!called.has(String(made?.model)) || (made?.digest ?? digest) !== digest) continue;
      const rows = Number(commit.metrics["numOutputRows"]);
      const of = `${String(made?.of?.table)}@${String(made?.of?.version)}`;
      batches.push({ table, version: commit.version, of, rows: Number.isFinite(rows) ? rows : null, atMs: commit.timestampMs });
    }
  }
  return batches.sort((a, b) => a.atMs - b.atMs);
}

function namesOf(graph: LineageGraph | undefined, kind: NodeKind): string[] {
  return (graph?.nodes ?? []).filter((node) => node.kind === kind).map(({ name }) => name);
}

/** Undefined for what is not there: versions of other programs have no graph, runs may be of another store. */
async function known<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  return asked.catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  });
}

/** The lineage as a page of text. */
export function lineageText(lineage: VersionLineage): string {
  const { model, version, run } = lineage;
  const list = (values: string[]) => values.join(", ") || "unknown";
  const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`;
  const commit = run?.commit == null ? "" : `, commit ${run.commit.slice(0, 12)}${run.dirty ? " with changes" : ""}`;
  return [
    `${model}@${version}, digest ${lineage.digest}`,
    `run        ${run === null ? "none" : `${run.id} of ${time(run.startedMs)} in ${run.experiment}${commit}${run.deleted ? " (deleted)" : ""}`}`,
    `data       ${list(lineage.data.map((data) => `${data.table} v${data.version}`))}`,
    `made of    ${list([...lineage.sources, ...lineage.tables])}`,
    `by         SQL models ${list(lineage.sqlModels)}; feature views ${list(lineage.featureViews)}`,
    "aliases",
    ...lineage.aliases.map(
      ({ alias, fromMs, untilMs, actor, reason }) =>
        `  ${alias.padEnd(14)}${time(fromMs)} – ${untilMs === null ? "now".padEnd(17) : time(untilMs)}  ${actor}${reason === "" ? "" : `: ${reason}`}`,
    ),
    "endpoints",
    ...lineage.endpoints.map(({ name, follows, role }) => `  ${name.padEnd(24)}${role}${follows === null ? "" : `, follows ${follows}`}`),
    "batches",
    ...lineage.batches.map(
      (batch) => `  ${batch.table} v${batch.version} of ${batch.of}${batch.rows === null ? "" : `, ${batch.rows} rows`}, ${time(batch.atMs)}`,
    ),
  ].join("\n");
}
