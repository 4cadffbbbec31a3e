import type { BlobReferences } from "#domains/project";
import { sql, sqlJoin } from "#kit/sql";

const rowsPerRead = 500;

/** Outputs of steps and results of runs name blobs: a later run may take them from there. `prefixes` tells which texts are keys. */
export function pipelineBlobs(prefixes: string[]): BlobReferences {
  return {
    prefixes,
    async all(reader) {
      const keys = new Set<string>();
      const note = (json: string | null) => {
        for (const [, text] of (json ?? "").matchAll(/"([^"\\]+)"/g)) if (prefixes.some((prefix) => text!.startsWith(prefix))) keys.add(text!); // the group always matches
      };
      for (let after = { run_id: "", id: "" }; ;) {
        const mentions = sqlJoin(
          prefixes.map((prefix) => sql`output like ${`%${prefix}%`}`),
          " or ",
        );
        const rows = await reader.all<{ run_id: string; id: string; output: string }>(sql`select run_id, id, output from pipeline_step
          where (${mentions}) and (run_id > ${after.run_id} or (run_id = ${after.run_id} and id > ${after.id}))
          order by run_id, id limit ${rowsPerRead}`);
        for (const { output } of rows) note(output);
        if (rows.length < rowsPerRead) break;
        after = rows.at(-1)!; // a full page has a last row
      }
      const mentioned = sqlJoin(
        prefixes.map((prefix) => sql`result like ${`%${prefix}%`}`),
        " or ",
      );
      for (const { result } of await reader.all<{ result: string }>(sql`select result from pipeline_run where ${mentioned}`)) note(result);
      return keys;
    },
  };
}
