import { openArtifactPlace } from "./artifact-place.ts";
import { textArgument, textOption, type CommandModule } from "./command.ts";
import { fetchFiles, planFetching } from "./fetch-artifacts.ts";
import { fileProgress, type FileReport, fileReportText } from "./file-report.ts";
import { openSafeTarget } from "./safe-target.ts";

export const command: CommandModule["command"] = async (context) => {
  const { terminal, signal, options } = context;
  const [run, path] = [textArgument(context, 0), typeof context.args[1] === "string" ? context.args[1].replace(/\/+$/, "") : ""];
  const dryRun = options["dryRun"] === true;
  const folder = textOption(context, "to") ?? ".";
  const target = await openSafeTarget(folder);
  const place = await openArtifactPlace(context, { run, writes: false, purpose: "millrace artifacts download" });
  try {
    const moves = await planFetching(place, path, target, options["overwrite"] === true);
    const fetched = moves.filter(({ state }) => state !== "same");
    if (!dryRun) await fetchFiles(place, moves, { target, signal, ...fileProgress(fetched, terminal) });
    const report: FileReport = {
      ...{ dryRun, run, from: `${run}/${path}`, to: folder, leftOut: [] },
      files: moves.map(({ path: at, sizeBytes, state }) => ({ path: at, sizeBytes, state })),
    };
    terminal.result(report, fileReportText(report));
  } finally {
    await place.close();
  }
};
