import type { OptionText } from "./command-table.ts";

/** Options of every command. */
export const globalOptions: OptionText[] = [
  ["--json", "print the result as JSON on stdout; progress stays on stderr"],
  ["-q, --quiet", "no progress"],
  ["-C, --project <folder>", "the project's folder; the current one unless told"],
  ["--debug", "show where an error came from"],
  ["-V, --version", "the version"],
];
