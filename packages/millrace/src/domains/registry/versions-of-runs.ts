import { sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import type { ModelVersion } from "./model.ts";

/** A version that a run made, as far as whoever looks after runs needs to know. */
export interface RunVersion extends Pick<ModelVersion, "model" | "version" | "files"> {
  run: string;
}

/** Versions that stand and were made by one of these runs. */
export async function versionsOfRuns(reader: Reader, runs: string[]): Promise<RunVersion[]> {
  const rows = await reader.all<{ run: string; model: string; version: number; files: string }>(sql`select v.run, m.name as model, v.version, v.files
    from registry_version v join registry_model m on m.id = v.model
    where v.run in ${sqlIn(runs)} and v.deleted_ms is null order by m.name, v.version`);
  return rows.map((row) => ({ ...row, files: JSON.parse(row.files) as RunVersion["files"] })); // written by this domain
}
