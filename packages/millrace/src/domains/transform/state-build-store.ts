import { sql } from "#kit/sql";
import type { Database } from "#ports/database";
import { buildRecordSchema, type BuildRecord, type BuildStore } from "./model.ts";

/** Builds remembered in the state database. */
export function stateBuildStore(state: Database): BuildStore {
  return {
    async get(model) {
      const row = await state.get<{ finished: string | null; pending: string | null }>(
        sql`select finished, pending from transform_build where model = ${model}`,
      );
      return { finished: recordOf(row?.finished), pending: recordOf(row?.pending) };
    },
    async putPending(record) {
      const text = JSON.stringify(record);
      await state.run(sql`insert into transform_build (model, pending) values (${record.model}, ${text})
        on conflict (model) do update set pending = excluded.pending`);
    },
    async putFinished(record) {
      const text = JSON.stringify(record);
      await state.run(sql`insert into transform_build (model, finished) values (${record.model}, ${text})
        on conflict (model) do update set finished = excluded.finished, pending = null`);
    },
  };
}

function recordOf(text: string | null | undefined): BuildRecord | undefined {
  return text === null || text === undefined ? undefined : buildRecordSchema.parse(JSON.parse(text));
}
