import { importMlflow } from "#compat/mlflow-import";
import { manyOption, textArgument, textOption, type CommandModule } from "./command.ts";
import { openMlflowSource } from "./open-mlflow-source.ts";
import { openProject } from "./open-project.ts";
import { exitOf, transferText } from "./transfer-text.ts";

export const command: CommandModule["command"] = async (context) => {
  const { signal, terminal, environment } = context;
  const source = await openMlflowSource(textArgument(context, 0), {
    artifacts: textOption(context, "artifacts"),
    ...{ environment, signal },
    skipped: (path, why) => terminal.note(`${path} is left out: ${why}.`),
  });
  try {
    const { services, close } = await openProject({ ...context, withoutDefinitions: true, purpose: "millrace import mlflow" });
    try {
      const experiments = manyOption(context, "experiments");
      const { tracking, registry, clock, scratchFolder } = services;
      const report = await importMlflow({
        here: { tracking, registry },
        ...{ source, clock, scratchFolder, signal },
        artifacts: context.options["artifacts"] !== false,
        dryRun: context.options["dryRun"] === true,
        recheck: context.options["recheck"] === true,
        progress: terminal.progress,
        ...(experiments.length > 0 && { experiments }),
      });
      terminal.result(report, transferText(report));
      return exitOf(report);
    } finally {
      await close();
    }
  } finally {
    await source.close();
  }
};
