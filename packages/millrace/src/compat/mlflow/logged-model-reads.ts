import type { TrackingServices } from "#domains/tracking";
import { sql, sqlIn } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { experimentLocations } from "./places.ts";
import { absent } from "./protocol.ts";

export type LoggedStatus = "pending" | "ready" | "failed";

/** A model as a run left it, with an id and files of its own. */
export interface LoggedModel {
  id: string;
  experiment: string;
  name: string;
  sourceRun: string | undefined;
  type: string;
  status: LoggedStatus;
  params: Record<string, string>;
  tags: Record<string, string>;
  createdMs: number;
  updatedMs: number;
  deletedMs: number | undefined;
  /** Root of its files. */
  location: string;
}

export interface LoggedModelRow {
  id: string;
  experiment: string;
  name: string;
  source_run: string | null;
  type: string;
  status: LoggedStatus;
  params: string;
  tags: string;
  created_ms: number;
  updated_ms: number;
  deleted_ms: number | null;
}

const columns = sql`id, experiment, name, source_run, type, status, params, tags, created_ms, updated_ms, deleted_ms`;

export async function findLoggedModel({ state }: TrackingServices, id: string, { deleted = false } = {}): Promise<LoggedModel> {
  const [model] = await parseLoggedModels(state, await state.all<LoggedModelRow>(sql`select ${columns} from mlflow_logged_model where id = ${id}`));
  if (model === undefined || (model.deletedMs !== undefined && !deleted)) throw absent(`Logged model with ID '${id}' not found.`);
  return model;
}

/** Models of some experiments that are not deleted. */
export async function loggedModelsOf(reader: Reader, experiments: string[]): Promise<LoggedModel[]> {
  const rows = await reader.all<LoggedModelRow>(
    sql`select ${columns} from mlflow_logged_model where deleted_ms is null and experiment in ${sqlIn(experiments)}`,
  );
  return parseLoggedModels(reader, rows);
}

/** Models that a run logged, newest first. */
export async function loggedModelsOfRun(reader: Reader, run: string): Promise<LoggedModel[]> {
  const rows = await reader.all<LoggedModelRow>(
    sql`select ${columns} from mlflow_logged_model where source_run = ${run} and deleted_ms is null order by created_ms desc, id`,
  );
  return parseLoggedModels(reader, rows);
}

export async function insertLoggedModel(transaction: Transaction, model: Omit<LoggedModel, "location">): Promise<void> {
  await transaction.run(sql`insert into mlflow_logged_model (${columns}) values (${model.id}, ${model.experiment}, ${model.name},
    ${model.sourceRun}, ${model.type}, ${model.status}, ${JSON.stringify(model.params)}, ${JSON.stringify(model.tags)}, ${model.createdMs},
    ${model.updatedMs}, ${model.deletedMs})`);
}

/** Changes a model in one transaction with the reading of it. Throws where it is not, or deleted. */
export async function changeLoggedModel(
  tracking: TrackingServices,
  id: string,
  change: (model: LoggedModel) => Partial<Pick<LoggedModel, "status" | "params" | "tags" | "updatedMs" | "deletedMs">>,
): Promise<LoggedModel> {
  return tracking.state.write(async (transaction) => {
    await transaction.run(sql`update mlflow_logged_model set id = id where id = ${id}`); // PostgreSQL: the row stands still from here on
    const [standing] = await parseLoggedModels(
      transaction,
      await transaction.all<LoggedModelRow>(sql`select ${columns} from mlflow_logged_model where id = ${id}`),
    );
    if (standing === undefined || standing.deletedMs !== undefined) throw absent(`Logged model with ID '${id}' not found.`);
    const next = { ...standing, ...change(standing) };
    await transaction.run(sql`update mlflow_logged_model set status = ${next.status}, params = ${JSON.stringify(next.params)},
      tags = ${JSON.stringify(next.tags)}, updated_ms = ${next.updatedMs}, deleted_ms = ${next.deletedMs} where id = ${id}`);
    return next;
  });
}

export async function parseLoggedModels(reader: Reader, rows: LoggedModelRow[]): Promise<LoggedModel[]> {
  const locations = await experimentLocations(
    reader,
    rows.map((row) => row.experiment),
  );
  return rows.map((row) => ({
    id: row.id,
    experiment: row.experiment,
    name: row.name,
    sourceRun: row.source_run ?? undefined,
    type: row.type,
    status: row.status,
    params: JSON.parse(row.params) as Record<string, string>, // written by this file
    tags: JSON.parse(row.tags) as Record<string, string>,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    deletedMs: row.deleted_ms ?? undefined,
    location: `${locations(row.experiment).replace(/\/+$/, "")}/models/${row.id}/artifacts`,
  }));
}
