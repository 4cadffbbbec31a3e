import type { IngestResult } from "#domains/ingest";
import type { ModelResult } from "#domains/transform";

/** What ingestion did, in one line. */
export function dataSummary(results: IngestResult[]): { result: IngestResult[]; summary: string; cached: boolean } {
  const rows = results.reduce((sum, result) => sum + result.totalRows, 0);
  const batches = results.reduce((sum, result) => sum + result.batches, 0);
  const added = results.reduce((sum, result) => sum + result.batches - result.skippedBatches, 0);
  return { result: results, summary: `${results.length} sources, ${added} of ${batches} batches new, ${whole(rows)} rows`, cached: added === 0 };
}

/** What building the SQL models did, in one line. */
export function modelsSummary(results: ModelResult[]): { result: ModelResult[]; summary: string; cached: boolean } {
  const built = results.filter((result) => result.status === "built").length;
  const tests = results.reduce((sum, result) => sum + result.tests.length, 0);
  const warned = results.flatMap((result) => result.tests).filter((test) => test.status === "warned").length;
  return {
    result: results,
    summary: `${built} of ${results.length} built, ${tests} tests passed${warned > 0 ? `, ${warned} warned` : ""}`,
    cached: built === 0,
  };
}

export function whole(value: number): string {
  return value.toLocaleString("en-US");
}
