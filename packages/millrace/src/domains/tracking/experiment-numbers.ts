import { sql } from "#kit/sql";
import type { Reader } from "#ports/database";

/** The whole number after the greatest id that is one; 0 is the first. */
export async function nextExperimentNumber(reader: Reader): Promise<string> {
  const row = await reader.get<{ id: string }>(sql`select id from tracking_experiment where ltrim(id, '0123456789') = '' and length(id) < 16
    order by length(id) desc, id desc limit 1`);
  return String(row === undefined ? 0 : Number(row.id) + 1);
}
