import { manyArgument, type CommandModule } from "./command.ts";
import { textTable } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { ingestSources } from "./prepare-data.ts";

export const command: CommandModule["command"] = async (context) => {
  const { services, close } = await openProject({ ...context, purpose: "millrace ingest" });
  try {
    const only = manyArgument(context, 0);
    const results = await ingestSources(services, {
      only,
      refresh: context.options["refresh"] === true,
      signal: context.signal,
      onProgress: context.terminal.progress,
    });
    context.terminal.result(
      results,
      textTable(
        results.map(({ source, table, version, batches, skippedBatches, rows, totalRows }) => ({
          source,
          table,
          version,
          batches,
          new: batches - skippedBatches,
          rows,
          total: totalRows,
        })),
      ),
    );
  } finally {
    await close();
  }
};
