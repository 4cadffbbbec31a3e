import type { HousekeepingReport } from "#domains/tracking";
import { manyArgument, textOption, type CommandContext, type CommandModule } from "./command.ts";
import { addReports, reportText } from "./housekeeping-text.ts";
import { openCaller } from "./route-caller.ts";

/** `millrace experiments archive …` and its like: calls the route until all is done. */
export function housekeepingCommand(noun: "experiments" | "runs", verb: "archive" | "unarchive" | "purge"): CommandModule {
  return {
    async command(context) {
      const input = noun === "experiments" ? experimentsOf(context) : runsOf(context);
      const caller = await openCaller(context, `millrace ${noun} ${verb}`);
      try {
        let total: HousekeepingReport | undefined;
        while (total?.done !== true && !context.signal.aborted) {
          const part = (await caller.call(`${noun}.${verb}`, input)) as HousekeepingReport; // as the route's output has it
          total = total === undefined ? part : addReports(total, part);
          context.terminal.progress(`  ${reportText(verb, total)}`);
        }
        if (total !== undefined) context.terminal.result(total, reportText(verb, total));
      } finally {
        await caller.close();
      }
    },
  };
}

function experimentsOf(context: CommandContext): Record<string, unknown> {
  const experiments = manyArgument(context, 0);
  return { ...(experiments.length > 0 && { experiments }), ...shared(context, "folder") };
}

function runsOf(context: CommandContext): Record<string, unknown> {
  const runs = manyArgument(context, 0);
  const { experiments } = context.options;
  return { ...(runs.length > 0 && { runs }), ...(Array.isArray(experiments) && { experiments }), ...shared(context, "query") };
}

function shared(context: CommandContext, ...texts: string[]): Record<string, unknown> {
  const { dryRun, evenRegistered } = context.options;
  const given = [...texts, "archivedFor"].map((name) => [name, textOption(context, name)]).filter(([, text]) => text !== undefined);
  return { ...Object.fromEntries(given), ...(dryRun === true && { dryRun }), ...(evenRegistered === true && { evenRegistered }) };
}
