import { existsSync } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import { openSqlite } from "#adapters/database/sqlite";
import { exportMlflow } from "#compat/mlflow-import";
import { AppError } from "#kit/app-error";
import { manyOption, textArgument, textOption, type CommandModule } from "./command.ts";
import { openMlflowSource, sqlitePath } from "./open-mlflow-source.ts";
import { openProject } from "./open-project.ts";
import { exitOf, transferText } from "./transfer-text.ts";

export const command: CommandModule["command"] = async (context) => {
  const { signal, terminal, environment } = context;
  const address = textArgument(context, 0);
  if (!address.startsWith("sqlite:")) {
    throw new AppError(
      "unsupported",
      `Exports go into a SQLite file of MLflow's, not to ${address.replace(/\/\/[^/]*@/, "//")}: only there ids and times can be kept.`,
      {
        hint: "Name sqlite:///new.db; MLflow's own tools move it on to another database.",
      },
    );
  }
  const path = sqlitePath(address);
  if (!existsSync(path)) {
    throw new AppError("not_found", `There is no file ${path}: your own MLflow makes its tables first.`, {
      hint: `Run: mlflow db upgrade ${address} (before MLflow 3: MLFLOW_TRACKING_URI=${address} mlflow experiments search), then this again.`,
    });
  }
  const folder = resolve(textOption(context, "artifacts") ?? join(dirname(path), `${parse(path).name}-artifacts`));
  const database = openSqlite({ path });
  try {
    const { services, close } = await openProject({ ...context, readOnly: true, withoutDefinitions: true, purpose: "millrace export mlflow" });
    try {
      const experiments = manyOption(context, "experiments");
      const report = await exportMlflow({
        here: { tracking: services.tracking, registry: services.registry },
        target: { database, origin: `sqlite:///${path}`, folder, root: textOption(context, "artifactRoot") ?? folder },
        openWritten: () => openMlflowSource(`sqlite:///${path}`, { artifacts: undefined, environment, signal, skipped: () => undefined }),
        ...{ signal, progress: terminal.progress },
        artifacts: context.options["artifacts"] !== false,
        dryRun: context.options["dryRun"] === true,
        ...(experiments.length > 0 && { experiments }),
      });
      terminal.result(report, transferText(report));
      return exitOf(report);
    } finally {
      await close();
    }
  } finally {
    await database.close();
  }
};
