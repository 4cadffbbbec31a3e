import type { RetentionReport } from "#domains/tracking";
import { addGarbage, type Garbage, newGarbage } from "./collect-garbage.ts";
import { textOption, type CommandModule } from "./command.ts";
import { addReports, reportText } from "./housekeeping-text.ts";
import { sizeText } from "./doctor-check.ts";
import { openCaller } from "./route-caller.ts";

/** Does what the retention policy says, then removes what nothing refers to, call by call until all is done. */
export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal } = context;
  const dryRun = context.options["dryRun"] === true;
  const olderThan = textOption(context, "olderThan");
  const caller = await openCaller(context, "millrace gc");
  try {
    let retention: RetentionReport = { archived: [], purged: undefined, done: false };
    while (!retention.done && !signal.aborted) {
      const part = (await caller.call("retention.apply", { dryRun })) as RetentionReport; // as the route's output has it
      retention = {
        archived: [...retention.archived, ...part.archived],
        purged: part.purged && retention.purged ? addReports(retention.purged, part.purged) : (part.purged ?? retention.purged),
        done: part.done,
      };
    }
    let garbage: Garbage = { ...newGarbage(dryRun), next: "" };
    while (garbage.next !== undefined && !signal.aborted) {
      const from = garbage.next === "" ? {} : { from: garbage.next };
      const part = (await caller.call("blobs.collect", { dryRun, ...from, ...(olderThan !== undefined && { olderThan }) })) as Garbage; // as above
      const { next: _, ...sum } = addGarbage(garbage, part);
      garbage = { ...sum, ...(part.next !== undefined && { next: part.next }) };
      terminal.progress(
        `  ${garbage.blobs.looked.toLocaleString("en-US")} blobs looked at, ${garbage.blobs.removed.toLocaleString("en-US")} removed`,
      );
    }
    terminal.result({ retention, ...garbage }, [...retentionLines(retention), ...garbageLines(garbage)].join("\n"));
  } finally {
    await caller.close();
  }
};

function retentionLines({ archived, purged }: RetentionReport): string[] {
  return [
    ...archived.map((report) => reportText("archive", report)),
    ...(purged !== undefined && purged.runs + purged.experiments > 0 ? [reportText("purge", purged)] : []),
  ];
}

function garbageLines({ blobs, tables, uploads, temporary, seconds, dryRun }: Garbage): string[] {
  const gone = dryRun ? "to remove" : "removed";
  const line = (what: string, looked: number | undefined, removed: number, bytes: number | undefined, young?: number) =>
    [
      what.padEnd(16),
      ...(looked === undefined ? [] : [`${looked.toLocaleString("en-US")} looked at, `]),
      `${removed.toLocaleString("en-US")} ${gone}`,
      ...(bytes === undefined ? [] : [`, ${sizeText(bytes)}`]),
      ...(young === undefined || young === 0 ? [] : [`; ${young.toLocaleString("en-US")} too young to tell`]),
    ].join("");
  return [
    line("blobs", blobs.looked, blobs.removed, blobs.removedBytes, blobs.young),
    line("table files", tables.looked, tables.removed, tables.removedBytes, tables.young),
    line("stale uploads", undefined, uploads.removed, undefined),
    line("forgotten files", undefined, temporary.removed, temporary.removedBytes),
    `${"time".padEnd(16)}${seconds.toFixed(1)} s`,
  ];
}
