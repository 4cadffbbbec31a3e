import { sql } from "#kit/sql";
import type { Database } from "#ports/database";

/** What of a source's file is in the lake. A new generation is begun when the file or its settings changed and the table is made anew. */
export interface IngestedSource {
  name: string;
  generation: number;
  digest: string;
  settings: string;
  file: string;
}

export async function findSource(state: Database, name: string): Promise<IngestedSource | undefined> {
  return state.get<IngestedSource>(sql`select name, generation, digest, settings, file from ingest_source where name = ${name}`);
}

export async function saveSource(state: Database, source: IngestedSource, nowMs: number): Promise<void> {
  await state.run(sql`insert into ingest_source (name, generation, digest, settings, file, started_ms)
    values (${source.name}, ${source.generation}, ${source.digest}, ${source.settings}, ${source.file}, ${nowMs})
    on conflict (name) do update set generation = excluded.generation, digest = excluded.digest, settings = excluded.settings, file = excluded.file, started_ms = excluded.started_ms`);
}
