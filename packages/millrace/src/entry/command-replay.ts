import { definitionOf, definitionsOf } from "#domains/project";
import type { Replay } from "#domains/serving";
import { AppError } from "#kit/app-error";
import { textOption, type CommandModule } from "./command.ts";
import { openProject } from "./open-project.ts";
import { replayProject } from "./replay-project.ts";
import { showRun } from "./run-events.ts";
import { whole } from "./summaries.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal } = context;
  const { services, close } = await openProject({ ...context, purpose: "millrace replay" });
  try {
    const name = context.args[0];
    const replay =
      typeof name === "string"
        ? definitionOf<Replay>(services.project, "replay", name)
        : onlyReplay(definitionsOf<Replay>(services.project, "replay"));
    const until = textOption(context, "until");
    const { endpoints, ...total } = await replayProject(services, replay, {
      signal,
      ...(until !== undefined && { untilMs: parseUntil(until) }),
      onEvent: showRun(terminal),
      onDay: (day, { report, answered, retrained }) => {
        const serving = report.metrics.find((metrics) => metrics.day === day.day && metrics.role === "serving");
        const auc = serving?.auc === null || serving?.auc === undefined ? "" : `, AUC ${serving.auc.toFixed(4)}`;
        terminal.note(
          `  ${day.day}  ${whole(answered)} answered${auc}${retrained ? `, learnt again: ${retrained.outcome?.promoted ? `v${retrained.outcome.version} answers now` : (retrained.error ?? "not promoted")}` : ""}`,
        );
      },
    });
    for (const live of endpoints) await live.close();
    terminal.result(total, `${total.days} days, ${whole(total.events)} events, ${whole(total.answered)} answered`);
  } finally {
    await close();
  }
};

function parseUntil(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new AppError("invalid_argument", `--until is "${text}", which is not a date.`, { hint: "Write it as 2001-06-10." });
  return ms;
}

function onlyReplay(replays: Replay[]): Replay {
  if (replays.length === 1) return replays[0]!;
  throw new AppError(
    "invalid_argument",
    replays.length === 0 ? "This project defines no replay." : `This project has several replays: ${replays.map(({ name }) => name).join(", ")}.`,
    { hint: "millrace replay <name>" },
  );
}
