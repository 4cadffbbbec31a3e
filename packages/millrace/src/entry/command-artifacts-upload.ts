import { checkArtifactPath } from "#domains/tracking";
import { openArtifactPlace } from "./artifact-place.ts";
import { textArgument, type CommandModule } from "./command.ts";
import { fileProgress, type FileReport, fileReportText } from "./file-report.ts";
import { localFiles } from "./local-files.ts";
import { planSending, sendFiles } from "./send-artifacts.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal } = context;
  const [run, named, folder] = [textArgument(context, 0), textArgument(context, 1), typeof context.args[2] === "string" ? context.args[2] : ""];
  const dryRun = context.options["dryRun"] === true;
  const { files, leftOut } = await localFiles(named);
  const below = folder.replace(/\/+$/, "");
  if (below !== "") checkArtifactPath(below);
  const place = await openArtifactPlace(context, { run, writes: !dryRun, purpose: "millrace artifacts upload" });
  try {
    const moves = await planSending(place, files, below);
    const sent = moves.filter(({ state }) => state !== "same");
    if (!dryRun) await sendFiles(place, moves, { signal, ...fileProgress(sent, terminal) });
    const report: FileReport = {
      ...{ dryRun, run, from: named, to: `${run}/${below}`, leftOut },
      files: moves.map(({ path, sizeBytes, state }) => ({ path, sizeBytes, state })),
    };
    terminal.result(report, fileReportText(report));
  } finally {
    await place.close();
  }
};
