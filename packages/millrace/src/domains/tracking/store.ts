/**
 * How runs are laid out, and why. Reads ask for "100 of 100,000 runs by a metric and a param" and "a page of whole runs"; writes
 * ask for one point, or a thousand, durable. One row per param, tag and latest metric makes a page of 1,000 runs a matter of
 * 45,000 rows, and a filter an intersection of large index ranges. So:
 * - A run is one row; params and tags are each one JSON object, its latest metrics one key list and one block of float64 columns.
 *   A page of runs is a page of rows.
 * - Filters and orders never touch these documents: `run-index.ts` holds them as columns in memory, filled from these rows.
 * - A logged batch is one appended row (`tracking_metric_tail`), whatever the number of points, and one rewrite of the latest block.
 *   When the tail has grown, it is sorted into segments of one metric each, so a history reads only its own points.
 * - Everything a call logs is one transaction: all of it is there, or nothing.
 */
import { AppError } from "#kit/app-error";
import { sql, sqlIn, sqlJoin, type Sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { isUpload } from "./artifact-path.ts";
import { decodeColumns, encodeColumns, type MetricColumns, type MixedColumns } from "./metric-columns.ts";
import type { Artifact, Experiment, MetricValue, Run, RunDetail, RunStatus } from "./model.ts";

// Experiments

interface ExperimentRow {
  id: string;
  name: string;
  description: string;
  tags: string;
  created_ms: number;
  updated_ms: number;
  deleted_ms: number | null;
}

const experimentColumns = sql`id, name, description, tags, created_ms, updated_ms, deleted_ms`;

export async function insertExperiment(transaction: Transaction, experiment: Experiment): Promise<void> {
  const { id, name, description, tags, createdMs, updatedMs } = experiment;
  await transaction.run(sql`insert into tracking_experiment (id, name, description, tags, created_ms, updated_ms)
    values (${id}, ${name}, ${description}, ${JSON.stringify(tags)}, ${createdMs}, ${updatedMs})`);
}

export async function saveExperiment(transaction: Transaction, experiment: Experiment): Promise<void> {
  const { id, name, description, tags, createdMs, updatedMs, deletedMs } = experiment;
  await transaction.run(sql`update tracking_experiment set name = ${name}, description = ${description}, tags = ${JSON.stringify(tags)},
    created_ms = ${createdMs}, updated_ms = ${updatedMs}, deleted_ms = ${deletedMs} where id = ${id}`);
}

export async function findExperiment(reader: Reader, by: { id: string } | { name: string }): Promise<Experiment | undefined> {
  const condition = "id" in by ? sql`id = ${by.id}` : sql`name = ${by.name}`;
  const row = await reader.get<ExperimentRow>(sql`select ${experimentColumns} from tracking_experiment where ${condition}`);
  return row && parseExperiment(row);
}

export async function allExperiments(reader: Reader): Promise<Experiment[]> {
  return (await reader.all<ExperimentRow>(sql`select ${experimentColumns} from tracking_experiment order by created_ms, id`)).map(parseExperiment);
}

function parseExperiment(row: ExperimentRow): Experiment {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    tags: parseTexts(row.tags),
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    deletedMs: row.deleted_ms ?? undefined,
  };
}

// Runs

export interface RunRow {
  id: string;
  experiment: string;
  name: string;
  parent: string | null;
  actor: string | null;
  status: RunStatus;
  started_ms: number;
  ended_ms: number | null;
  deleted_ms: number | null;
  params: string;
  tags: string;
  revision: number;
  changed_ms: number;
  metric_keys: string;
  latest: Uint8Array;
}

const runColumns = sql`r.id, r.experiment, r.name, r.parent, r.actor, r.status, r.started_ms, r.ended_ms, r.deleted_ms, r.params, r.tags,
  m.revision, m.changed_ms, m.metric_keys, m.latest`;
const runTables = sql`tracking_run r join tracking_run_metrics m on m.run = r.id`;
const idsPerQuery = 100;

export async function insertRun(transaction: Transaction, run: RunDetail, nowMs: number): Promise<void> {
  await transaction.run(sql`insert into tracking_run (id, experiment, name, parent, actor, status, started_ms, ended_ms, params, tags)
    values (${run.id}, ${run.experiment}, ${run.name}, ${run.parent}, ${run.actor}, ${run.status}, ${run.startedMs}, ${run.endedMs},
    ${JSON.stringify(run.params)}, ${JSON.stringify(run.tags)})`);
  await transaction.run(sql`insert into tracking_run_context (run, source, environment, inputs, outputs, note)
    values (${run.id}, ${JSON.stringify(run.source)}, ${JSON.stringify(run.environment)}, ${JSON.stringify(run.inputs)},
    ${JSON.stringify(run.outputs)}, ${run.note})`);
  const nothing = encodeColumns({ count: 0, steps: new Float64Array(0), times: new Float64Array(0), values: new Float64Array(0) });
  await transaction.run(sql`insert into tracking_run_metrics (run, revision, changed_ms, metric_keys, latest, tail_rows, tail_points, next_seq)
    values (${run.id}, 1, ${nowMs}, ${"[]"}, ${nothing}, 0, 0, 1)`);
}

export async function findRunRow(reader: Reader, id: string): Promise<RunRow | undefined> {
  return reader.get<RunRow>(sql`select ${runColumns} from ${runTables} where r.id = ${id}`);
}

/**
 * Counts a change of a run, so that searches see it. The first statement of every transaction that changes a run: its row then
 * stands still, where PostgreSQL would let two that read the same rows run into each other's keys. Throws `not_found`.
 */
export async function beginChange(transaction: Transaction, run: string, nowMs: number): Promise<void> {
  const found = await transaction.run(sql`update tracking_run_metrics set revision = revision + 1, changed_ms = ${nowMs} where run = ${run}`);
  if (found === 0) throw runNotFound(run);
}

/** What a change of a run needs to know of it. Throws `not_found`, and `conflict` for a deleted run. */
export async function activeRun(reader: Reader, id: string): Promise<Pick<RunRow, "experiment" | "status" | "ended_ms" | "params" | "tags">> {
  const row = await reader.get<RunRow>(sql`select experiment, status, ended_ms, deleted_ms, params, tags from tracking_run where id = ${id}`);
  if (row === undefined) throw runNotFound(id);
  if (row.deleted_ms !== null) throw runDeleted(id);
  return row;
}

/** Rows of these runs, in no particular order. */
export async function runRows(reader: Reader, ids: string[]): Promise<RunRow[]> {
  const rows: RunRow[] = [];
  for (let i = 0; i < ids.length; i += idsPerQuery) {
    // Padded to one length: one prepared statement for every page. Null is in no list.
    const part = Array.from({ length: idsPerQuery }, (_, j) => ids[i + j] ?? null);
    rows.push(...(await reader.all<RunRow>(sql`select ${runColumns} from ${runTables} where r.id in ${sqlIn(part)}`)));
  }
  return rows;
}

/** The next runs in order of their ids, for reading all of them piece by piece. */
export async function runRowsAfter(reader: Reader, id: string, limit: number): Promise<RunRow[]> {
  return reader.all<RunRow>(sql`select ${runColumns} from ${runTables} where r.id > ${id} order by r.id limit ${limit}`);
}

/** Runs that changed at or after a time, with the number of their last change. */
export async function revisionsSince(reader: Reader, sinceMs: number): Promise<{ run: string; revision: number; changed_ms: number }[]> {
  return reader.all(sql`select run, revision, changed_ms from tracking_run_metrics where changed_ms >= ${sinceMs}`);
}

export interface RunContext {
  source: string;
  environment: string;
  inputs: string;
  outputs: string;
  note: string;
}

export async function findRunContext(reader: Reader, run: string): Promise<RunContext | undefined> {
  return reader.get<RunContext>(sql`select source, environment, inputs, outputs, note from tracking_run_context where run = ${run}`);
}

/** Inputs and outputs of runs that have any. */
export async function runDataRows(reader: Reader, runs: string[]): Promise<{ run: string; inputs: string; outputs: string }[]> {
  const rows: { run: string; inputs: string; outputs: string }[] = [];
  for (let i = 0; i < runs.length; i += idsPerQuery) {
    const part = Array.from({ length: idsPerQuery }, (_, j) => runs[i + j] ?? null); // as above
    rows.push(
      ...(await reader.all<{ run: string; inputs: string; outputs: string }>(sql`select run, inputs, outputs from tracking_run_context
        where run in ${sqlIn(part)} and (inputs <> '[]' or outputs <> '[]')`)),
    );
  }
  return rows;
}

/** Outputs of runs, of those that have any. */
export async function outputRows(reader: Reader, runs: string[]): Promise<{ run: string; experiment: string; outputs: string }[]> {
  const rows: { run: string; experiment: string; outputs: string }[] = [];
  for (let i = 0; i < runs.length; i += idsPerQuery) {
    const part = Array.from({ length: idsPerQuery }, (_, j) => runs[i + j] ?? null); // as above
    rows.push(
      ...(await reader.all<{ run: string; experiment: string; outputs: string }>(sql`select c.run, r.experiment, c.outputs
        from tracking_run_context c join tracking_run r on r.id = c.run where c.run in ${sqlIn(part)} and c.outputs <> '[]'`)),
    );
  }
  return rows;
}

/** Inputs of an experiment's runs, of those that have any. */
export async function inputRows(reader: Reader, experiment: string): Promise<{ run: string; inputs: string }[]> {
  return reader.all(sql`select c.run, c.inputs from tracking_run_context c join tracking_run r on r.id = c.run
    where r.experiment = ${experiment} and c.inputs <> '[]' order by c.run`);
}

type RunFields = Partial<Pick<RunRow, "name" | "parent" | "status" | "ended_ms" | "deleted_ms" | "params" | "tags">>;

export async function saveRun(transaction: Transaction, id: string, fields: RunFields): Promise<void> {
  const sets: Sql[] = [];
  if (fields.name !== undefined) sets.push(sql`name = ${fields.name}`);
  if (fields.parent !== undefined) sets.push(sql`parent = ${fields.parent}`);
  if (fields.status !== undefined) sets.push(sql`status = ${fields.status}`);
  if (fields.ended_ms !== undefined) sets.push(sql`ended_ms = ${fields.ended_ms}`);
  if (fields.deleted_ms !== undefined) sets.push(sql`deleted_ms = ${fields.deleted_ms}`);
  if (fields.params !== undefined) sets.push(sql`params = ${fields.params}`);
  if (fields.tags !== undefined) sets.push(sql`tags = ${fields.tags}`);
  if (sets.length === 0) return;
  await transaction.run(sql`update tracking_run set ${sqlJoin(sets, ", ")} where id = ${id}`);
}

export async function saveRunContext(transaction: Transaction, run: string, field: "inputs" | "outputs" | "note", text: string): Promise<void> {
  const column = { inputs: sql`inputs`, outputs: sql`outputs`, note: sql`note` }[field];
  await transaction.run(sql`update tracking_run_context set ${column} = ${text} where run = ${run}`);
}

export function parseRun(row: RunRow): Run {
  return {
    id: row.id,
    experiment: row.experiment,
    name: row.name,
    parent: row.parent ?? undefined,
    actor: row.actor ?? undefined,
    status: row.status,
    startedMs: row.started_ms,
    endedMs: row.ended_ms ?? undefined,
    deletedMs: row.deleted_ms ?? undefined,
    params: parseTexts(row.params),
    tags: parseTexts(row.tags),
    metrics: parseLatest(row),
  };
}

export function parseTexts(json: string): Record<string, string> {
  return JSON.parse(json) as Record<string, string>; // written by this file
}

function parseLatest(row: RunRow): Record<string, MetricValue> {
  const keys = parseKeys(row.metric_keys);
  const { steps, times, values } = decodeColumns(row.latest);
  // Not by assignment: a metric may be called `__proto__`.
  return Object.fromEntries(keys.map((key, i) => [key, { value: values[i]!, step: steps[i]!, timeMs: times[i]! }]));
}

export function parseKeys(json: string): string[] {
  return JSON.parse(json) as string[]; // written by this file
}

// Metrics

export interface MetricState {
  /** Position in the list is the metric's index in the run. */
  keys: string[];
  /** One point per key. */
  latest: MetricColumns;
  tailRows: number;
  tailPoints: number;
  nextSeq: number;
}

interface MetricStateRow {
  metric_keys: string;
  latest: Uint8Array;
  tail_rows: number;
  tail_points: number;
  next_seq: number;
}

/** A run's metrics, to be changed and saved in the same transaction. Throws `not_found`. */
export async function metricState(reader: Reader, run: string): Promise<MetricState> {
  const row = await reader.get<MetricStateRow>(
    sql`select metric_keys, latest, tail_rows, tail_points, next_seq from tracking_run_metrics where run = ${run}`,
  );
  if (row === undefined) throw runNotFound(run);
  return {
    keys: parseKeys(row.metric_keys),
    latest: decodeColumns(row.latest),
    tailRows: row.tail_rows,
    tailPoints: row.tail_points,
    nextSeq: row.next_seq,
  };
}

/** Saves what `metricState` gave, changed. `newKeys` tells whether the key list grew. */
export async function saveMetricState(transaction: Transaction, run: string, state: MetricState, newKeys: boolean): Promise<void> {
  const keys = newKeys ? sql`, metric_keys = ${JSON.stringify(state.keys)}` : sql``;
  await transaction.run(sql`update tracking_run_metrics set latest = ${encodeColumns(state.latest)}, tail_rows = ${state.tailRows},
    tail_points = ${state.tailPoints}, next_seq = ${state.nextSeq}${keys} where run = ${run}`);
}

export async function insertTail(transaction: Transaction, run: string, seq: number, points: MixedColumns): Promise<void> {
  await transaction.run(sql`insert into tracking_metric_tail (run, seq, body) values (${run}, ${seq}, ${encodeColumns(points)})`);
}

export async function tailOf(reader: Reader, run: string): Promise<MixedColumns[]> {
  const rows = await reader.all<{ body: Uint8Array }>(sql`select body from tracking_metric_tail where run = ${run} order by seq`);
  return rows.map((row) => decodeColumns(row.body));
}

/** Puts the tail's points where their metrics' histories are. */
export async function replaceTail(transaction: Transaction, run: string, seq: number, segments: Map<number, MetricColumns>): Promise<void> {
  for (const [metric, points] of segments)
    await transaction.run(
      sql`insert into tracking_metric_segment (run, metric, seq, body) values (${run}, ${metric}, ${seq}, ${encodeColumns(points)})`,
    );
  await transaction.run(sql`delete from tracking_metric_tail where run = ${run}`);
}

export async function segmentsOf(reader: Reader, run: string, metric: number): Promise<MetricColumns[]> {
  const rows = await reader.all<{ body: Uint8Array }>(
    sql`select body from tracking_metric_segment where run = ${run} and metric = ${metric} order by seq`,
  );
  return rows.map((row) => decodeColumns(row.body));
}

// Artifacts

interface ArtifactRow {
  folder: string;
  name: string;
  /** What names the bytes: a digest, or an upload whose digest is not known yet. Null for a folder. */
  digest: string | null;
  size_bytes: number;
  media_type: string | null;
  created_ms: number;
}

const artifactColumns = sql`folder, name, digest, size_bytes, media_type, created_ms`;

/** Records a file, and the folders above it. Throws `conflict` where a folder has the file's name, or a file a folder's. */
export async function saveArtifact(transaction: Transaction, run: string, artifact: Omit<Artifact, "digest">): Promise<void> {
  const parts = artifact.path.split("/");
  const name = parts.pop()!; // split gives at least one part
  for (let depth = 0; depth < parts.length; depth++) {
    const folder = parts.slice(0, depth).join("/");
    await transaction.run(sql`insert into tracking_artifact (run, folder, name, size_bytes, created_ms)
      values (${run}, ${folder}, ${parts[depth]}, 0, ${artifact.createdMs}) on conflict (run, folder, name) do nothing`);
    if ((await artifactAt(transaction, run, folder, parts[depth]!))!.digest !== null)
      throw pathTaken(run, parts.slice(0, depth + 1).join("/"), "file");
  }
  const folder = parts.join("/");
  const standing = await artifactAt(transaction, run, folder, name);
  if (standing !== undefined && standing.digest === null) throw pathTaken(run, artifact.path, "folder");
  await transaction.run(sql`insert into tracking_artifact (run, folder, name, digest, size_bytes, media_type, created_ms)
    values (${run}, ${folder}, ${name}, ${artifact.content}, ${artifact.sizeBytes}, ${artifact.mediaType}, ${artifact.createdMs})
    on conflict (run, folder, name) do update set digest = excluded.digest, size_bytes = excluded.size_bytes,
    media_type = excluded.media_type, created_ms = excluded.created_ms`);
}

export async function findArtifact(reader: Reader, run: string, path: string): Promise<Artifact | undefined> {
  const cut = path.lastIndexOf("/");
  const row = await artifactAt(reader, run, path.slice(0, Math.max(0, cut)), path.slice(cut + 1));
  return row && parseArtifact(row);
}

/** The next files and folders in a folder, by name. */
export async function artifactsIn(reader: Reader, run: string, folder: string, afterName: string, limit: number): Promise<Artifact[]> {
  const rows = await reader.all<ArtifactRow>(sql`select ${artifactColumns} from tracking_artifact
    where run = ${run} and folder = ${folder} and name > ${afterName} order by name limit ${limit}`);
  return rows.map(parseArtifact);
}

/** Forgets a file, or a folder with all below it. Tells how many files and folders went. */
export async function deleteArtifactRows(transaction: Transaction, run: string, path: string): Promise<number> {
  const cut = path.lastIndexOf("/");
  const below = `${path}/`;
  const inside = await transaction.run(sql`delete from tracking_artifact
    where run = ${run} and (folder = ${path} or substr(folder, 1, ${[...below].length}) = ${below})`);
  const itself = await transaction.run(
    sql`delete from tracking_artifact where run = ${run} and folder = ${path.slice(0, Math.max(0, cut))} and name = ${path.slice(cut + 1)}`,
  );
  return inside + itself;
}

/** Gives artifacts that stand under one name for their bytes another one for the same bytes. */
export async function renameContent(transaction: Transaction, from: string, to: string): Promise<void> {
  await transaction.run(sql`update tracking_artifact set digest = ${to} where digest = ${from}`);
}

function artifactAt(reader: Reader, run: string, folder: string, name: string): Promise<ArtifactRow | undefined> {
  return reader.get<ArtifactRow>(sql`select ${artifactColumns} from tracking_artifact where run = ${run} and folder = ${folder} and name = ${name}`);
}

function parseArtifact(row: ArtifactRow): Artifact {
  return {
    path: row.folder === "" ? row.name : `${row.folder}/${row.name}`,
    content: row.digest ?? undefined,
    digest: row.digest === null || isUpload(row.digest) ? undefined : row.digest,
    sizeBytes: row.size_bytes,
    mediaType: row.media_type ?? undefined,
    createdMs: row.created_ms,
  };
}

// Errors

export function runNotFound(run: string): AppError {
  return new AppError("not_found", `There is no run "${run}".`, { hint: "millrace runs search" });
}

export function runDeleted(run: string): AppError {
  return new AppError("conflict", `Run "${run}" is deleted.`, { hint: "Restore it first." });
}

function pathTaken(run: string, path: string, kind: "file" | "folder"): AppError {
  return new AppError("conflict", `Run "${run}" has a ${kind} at "${path}" already.`, { hint: "Choose another path." });
}
