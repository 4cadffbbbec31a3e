import { digestOf } from "#kit/hash";
import { runDigest } from "./here.ts";
import { createPointsMeter } from "./points.ts";
import { recordDigest } from "./records.ts";
import type { ReportKind, TransferReport } from "./report.ts";
import type { MlflowSource } from "./source.ts";

/** Reads everything back that was written, and compares it with the digest of what was here. */
export async function verifyExport(written: MlflowSource, report: TransferReport, digests: Map<string, string>, signal: AbortSignal): Promise<void> {
  const missing = new Map(digests);
  const check = (kind: ReportKind, id: string, digest: string) => {
    const expected = missing.get(`${kind} ${id}`);
    missing.delete(`${kind} ${id}`);
    if (expected === undefined) return; // the default experiment, where none is here
    if (expected === digest) report.verified[kind] = (report.verified[kind] ?? 0) + 1;
    else
      report.problems.push({ problem: "mismatch", kind, id, why: "What was read back is not what was written.", remedy: "Export into a new file." });
  };
  try {
    for (const experiment of await written.experiments()) {
      signal.throwIfAborted();
      check("experiments", experiment.id, recordDigest(experiment));
      for await (const page of written.runs(experiment.id)) {
        for (const run of page) {
          const meter = createPointsMeter();
          for await (const batch of written.points(run)) meter.addBatch(batch);
          report.verified.points += meter.result().count;
          check("runs", run.record.id, runDigest(run.record, meter.result()));
        }
      }
      for await (const page of written.loggedModels(experiment.id))
        for (const { record } of page) check("logged models", record.id, recordDigest(record));
      for await (const page of written.traces(experiment.id)) for (const { record } of page) check("traces", record.id, digestOf(record));
    }
    for await (const { record } of written.models()) check("models", record.name, recordDigest(record));
    for (const key of missing.keys())
      report.problems.push({ problem: "mismatch", kind: "all", id: key, why: "It is not there.", remedy: "Export into a new file." });
  } finally {
    await written.close();
  }
}
