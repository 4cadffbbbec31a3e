import { textArgument, type CommandModule } from "./command.ts";
import { openProject } from "./open-project.ts";
import { reproduceVersion } from "./reproduce-version.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal } = context;
  const { services, close } = await openProject({ ...context, purpose: "millrace reproduce" });
  try {
    const result = await reproduceVersion(services, textArgument(context, 0), { signal, onProgress: (text) => terminal.progress(`  ${text}`) });
    const line = (what: string, { recorded, again, equal }: { recorded: string; again: string; equal: boolean }) =>
      `  ${what.padEnd(14)}${equal ? `the same: ${again}` : `DIFFERENT: recorded ${recorded}, made again ${again}`}`;
    terminal.result(
      result,
      [
        `${result.model}@${result.version}, made again in ${result.seconds.toFixed(1)} s`,
        line("training set", result.trainingSet),
        line("model", result.file),
      ].join("\n"),
    );
    return result.equal ? 0 : 1;
  } finally {
    await close();
  }
};
