import type { OptionText } from "./command-table.ts";

export const versionOption: OptionText = ["-V, --version", "print the version"];

/** Options of every command, besides `--version`, which ends the program. */
export const globalOptions: OptionText[] = [
  ["--json", "print the result as JSON on stdout; progress stays on stderr"],
  ["-q, --quiet", "no progress"],
  ["-C, --project <folder>", "the project's folder; the current one unless told"],
  ["--home <folder>", "the folder of the stores; without a project in the current folder it is all there is (also: MILLRACE_HOME)"],
  ["--debug", "show where an error came from"],
];
