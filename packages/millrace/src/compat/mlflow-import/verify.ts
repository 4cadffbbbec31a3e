import { adoptedTrace, traceDigest } from "#compat/mlflow";
import { experimentHere, loggedModelHere, modelHere, pointsHere, runDigest, runHere } from "./here.ts";
import type { ImportContext } from "./import-context.ts";
import { type Item, itemsAfter } from "./ledger.ts";
import { recordDigest } from "./records.ts";
import type { ReportKind } from "./report.ts";

const itemsPerRead = 200;
const kinds: Partial<Record<Item["kind"], ReportKind>> = {
  experiment: "experiments",
  run: "runs",
  "logged model": "logged models",
  model: "models",
  trace: "traces",
};

/**
 * Reads everything back that was ever taken from this source, and compares it with the digest of what was read there. What was taken
 * in this import and is not equal is a mismatch; what was taken earlier and is not equal was changed here since.
 */
export async function verifyImport(context: ImportContext): Promise<void> {
  const { here, source, report, signal } = context;
  for (const [kind, name] of Object.entries(kinds) as [Item["kind"], ReportKind][]) {
    for (let after = ""; ;) {
      signal.throwIfAborted();
      const items = await itemsAfter(here.tracking.state, source.origin, kind, after, itemsPerRead);
      for (const item of items) {
        if (item.digest === null) continue; // told when it was refused, or is taken next time
        const digest = await digestHere(context, item);
        if (digest === item.digest) {
          report.verified[name] = (report.verified[name] ?? 0) + 1;
          if (kind === "run") report.verified.points += Number(digest.split(" ")[1]);
        } else if (item.at_ms < context.atMs) report.changedHere++;
        else
          report.problems.push({
            ...{ problem: "mismatch", kind: name, id: item.id, remedy: "Run the import again with --recheck; if it stays, report it." },
            why: digest === undefined ? "It is not here." : "What was read back is not what was read from the source.",
          });
      }
      context.progress(`verified ${report.verified[name] ?? 0} ${name}`);
      if (items.length < itemsPerRead) break;
      after = items.at(-1)!.id;
    }
  }
}

async function digestHere({ here }: ImportContext, { kind, id }: Item): Promise<string | undefined> {
  if (kind === "experiment") {
    const record = await experimentHere(here, id);
    return record && recordDigest(record);
  }
  if (kind === "run") {
    const record = await runHere(here, id);
    return record && runDigest(record, await pointsHere(here, id));
  }
  if (kind === "logged model") {
    const record = await loggedModelHere(here, id);
    return record && recordDigest(record);
  }
  if (kind === "trace") {
    const trace = await adoptedTrace(here.tracking, id);
    return trace && traceDigest(trace);
  }
  const model = await modelHere(here, id);
  return model && recordDigest(model.record);
}
