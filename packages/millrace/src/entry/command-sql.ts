import { textArgument, type CommandModule } from "./command.ts";
import { textTable } from "./command-line.ts";
import { openProject } from "./open-project.ts";
import { queryLake } from "./query-lake.ts";

export const command: CommandModule["command"] = async (context) => {
  const { services, close } = await openProject({ ...context, readOnly: true, withoutDefinitions: true, purpose: "millrace sql" });
  try {
    const rows = await queryLake(services, textArgument(context, 0));
    context.terminal.result(rows, textTable(rows));
  } finally {
    await close();
  }
};
