import { sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";

/** What searches read beside the runs' own rows. */
export interface SearchedContext {
  run: string;
  inputs: string;
  note: string;
}

const runsPerQuery = 100;

export async function contextsOf(reader: Reader, runs: string[]): Promise<SearchedContext[]> {
  const rows: SearchedContext[] = [];
  for (let i = 0; i < runs.length; i += runsPerQuery) {
    const part = Array.from({ length: runsPerQuery }, (_, j) => runs[i + j] ?? null); // one prepared statement; null is in no list
    rows.push(...(await reader.all<SearchedContext>(sql`select run, inputs, note from tracking_run_context where run in ${sqlIn(part)}`)));
  }
  return rows;
}

/** The next contexts in order of their runs' ids that have inputs or a note. */
export async function contextsAfter(reader: Reader, run: string, limit: number): Promise<SearchedContext[]> {
  return reader.all<SearchedContext>(sql`select run, inputs, note from tracking_run_context
    where run > ${run} and (inputs <> '[]' or note <> '') order by run limit ${limit}`);
}

export interface ExperimentName {
  id: string;
  name: string;
  deleted_ms: number | null;
}

export async function experimentNames(reader: Reader): Promise<ExperimentName[]> {
  return reader.all<ExperimentName>(sql`select id, name, deleted_ms from tracking_experiment order by name`);
}
