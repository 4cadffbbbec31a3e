import { definitionOf } from "#domains/project";
import { loadServedModel, scoreTable, type Endpoint } from "#domains/serving";
import { modelRelation } from "#domains/transform";
import { AppError } from "#kit/app-error";
import { textArgument, textOption, type CommandModule } from "./command.ts";
import { textTable, usage } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { servingServices } from "./serving-services.ts";
import { whole } from "./summaries.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal } = context;
  const name = textArgument(context, 0);
  const { services, close } = await openProject({ ...context, purpose: "millrace predict" });
  try {
    const definition = definitionOf<Endpoint>(services.project, "endpoint", name);
    const table = textOption(context, "table");
    if (table !== undefined) {
      const into = textOption(context, "into")?.replace(/^predictions\./, "");
      if (into === undefined) throw usage("--table needs a table for the predictions.", "Add --into predictions.may");
      const serving = servingServices(services);
      const model = await loadServedModel(serving, await serving.models.resolve(definition.model));
      const where = textOption(context, "where");
      const scored = await scoreTable(
        { ...services, modelRows: (sqlModel) => modelRelation(services, sqlModel) },
        {
          ...{ model, table, into, signal: context.signal, threads: services.project.config.resources.threads },
          ...(where !== undefined && { where }),
          onProgress: (done, rows) => terminal.progress(`  ${whole(done)} of ${whole(rows)} rows`),
        },
      );
      await model.model.close();
      terminal.result(scored, `${scored.table} v${scored.version}: ${scored.skipped ? "scored before" : `${whole(scored.rows)} rows`}`);
      return;
    }
    const text = context.args[1];
    if (typeof text !== "string") throw usage("Give a row as JSON, or --table and --into.", `millrace predict ${name} '{"origin": "ATL"}'`);
    const endpoint = await services.serving.open(name);
    const result = await endpoint.predict(rowsOf(text), { signal: context.signal });
    terminal.result(result, textTable(result.predictions.map((prediction) => ({ ...prediction }))));
  } finally {
    await close();
  }
};

function rowsOf(text: string): Record<string, unknown>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_argument", `The row is not JSON: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
  const rows = Array.isArray(value) ? value : [value];
  if (rows.every((row): row is Record<string, unknown> => typeof row === "object" && row !== null && !Array.isArray(row))) return rows;
  throw new AppError("invalid_argument", "The row must be a JSON object, or a list of them.");
}
