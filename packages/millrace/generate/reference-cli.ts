import { errorCodes } from "#kit/error-codes";
import { code, markdownTable, notice } from "./markdown.ts";

/** A command as its help shows it. */
export interface CommandText {
  words: string;
  summary: string;
  args?: string;
  options?: [flags: string, description: string][];
}

/** `docs/reference/cli.md`: every command, the options they all take, and the exit codes. */
export function cliPage(commands: CommandText[], globalOptions: [flags: string, description: string][]): string {
  const options = globalOptions.map(([flags, description]) => [code(flags), description]);
  return `${notice}# Command line

\`millrace <command>\` prints results on stdout and everything for people on stderr. With \`--json\` the result is one JSON value, errors too.

${markdownTable(["Option of every command", "Meaning"], options)}

${markdownTable(["Exit code", "Meaning"], exitCodeRows())}

${commands.map(commandText).join("\n\n")}
`;
}

function commandText({ words, summary, args, options }: CommandText): string {
  const usage = ["millrace", words, ...(args ? [args] : []), ...(options && options.length > 0 ? ["[options]"] : [])].join(" ");
  const rows = (options ?? []).map(([flags, description]) => [code(flags), description]);
  const text = `## millrace ${words}\n\n${sentence(summary)}\n\n\`\`\`\n${usage}\n\`\`\``;
  return rows.length === 0 ? text : `${text}\n\n${markdownTable(["Option", "Meaning"], rows)}`;
}

function exitCodeRows(): string[][] {
  const byExit = new Map<number, string[]>([[0, ["done"]]]);
  for (const [name, { exit }] of Object.entries(errorCodes)) byExit.set(exit, [...(byExit.get(exit) ?? []), code(name)]);
  return [...byExit].toSorted(([a], [b]) => a - b).map(([exit, names]) => [String(exit), names.join(", ")]);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
