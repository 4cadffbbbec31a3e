import { planBuild } from "#domains/transform";
import { manyArgument, type CommandModule } from "./command.ts";
import { textTable } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { buildProject, declaredSources, ingestSources, loadGraph } from "./prepare-data.ts";
import { writeFirstHandles, writeTypes } from "./write-types.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, options } = context;
  if (await writeFirstHandles(context.folder)) terminal.note("models/handles.ts is new: run the command once more when its types have settled");
  const { services, close } = await openProject({ ...context, purpose: "millrace build" });
  try {
    if (options["types"]) {
      const written = await writeTypes(services);
      terminal.result(written, `${written.file}: ${written.models} models, ${written.changed ? "written" : "up to date"}`);
      return;
    }
    const select = manyArgument(context, 0);
    await ingestSources(services, { signal: context.signal, onProgress: terminal.progress });
    if (options["dryRun"]) {
      const { lake, warehouse, buildStore, project } = services;
      const planned = await planBuild({
        graph: await loadGraph(services),
        lake,
        warehouse,
        buildStore,
        sources: declaredSources(project),
        ...(select.length > 0 && { select }),
        ...(options["fullRefresh"] === true && { fullRefresh: true }),
      });
      terminal.result(planned, textTable(planned.map(({ model, action, reason }) => ({ model, action, reason }))));
      return;
    }
    const results = await buildProject(services, {
      select,
      fullRefresh: options["fullRefresh"] === true,
      signal: context.signal,
      onProgress: terminal.progress,
    });
    await writeTypes(services);
    const rows = results.map(({ model, status, version, rows: written, tests, reason }) => ({
      model,
      status,
      version,
      rows: written,
      tests: tests.length,
      reason,
    }));
    terminal.result(rows, textTable(rows));
  } finally {
    await close();
  }
};
