import { sql, sqlIn } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

/** Root of an experiment's artifacts: what it was made with, or the folder of its id in this server's own store. */
export async function experimentLocation(reader: Reader, experiment: string): Promise<string> {
  return (await experimentLocations(reader, [experiment]))(experiment);
}

export async function experimentLocations(reader: Reader, experiments: Iterable<string>): Promise<(experiment: string) => string> {
  const rows = await reader.all<{ experiment: string; location: string }>(
    sql`select experiment, location from mlflow_experiment where experiment in ${sqlIn([...new Set(experiments)])}`,
  );
  const given = new Map(rows.map((row) => [row.experiment, row.location]));
  return (experiment) => given.get(experiment) ?? `mlflow-artifacts:/${experiment}`;
}

export async function saveExperimentLocation(transaction: Transaction, experiment: string, location: string): Promise<void> {
  await transaction.run(sql`insert into mlflow_experiment (experiment, location) values (${experiment}, ${location})
    on conflict (experiment) do update set location = excluded.location`);
}

/** Root of a run's artifacts. */
export function runRoot(experimentRoot: string, run: string): string {
  return `${experimentRoot.replace(/\/+$/, "")}/${run}/artifacts`;
}
