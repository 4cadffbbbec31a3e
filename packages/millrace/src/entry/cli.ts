import { enableCompileCache } from "node:module";
import { resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError } from "commander";
import { commandTable, exitCodes, type CommandEntry } from "./command-table.ts";
import { globalOptions, versionOption } from "./global-options.ts";
import { routeCommands } from "./route-commands.ts";

enableCompileCache();
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error; // a reader such as `head` that has seen enough is no failure
});
process.exitCode = await main(process.argv.slice(2));

/** Runs one command line and gives its exit code. */
async function main(argv: string[]): Promise<number> {
  const controller = new AbortController();
  let interrupted = false;
  const stop = () => {
    if (interrupted) process.exit(130); // a second Ctrl-C does not wait
    interrupted = true;
    controller.abort();
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);

  let exitCode = 0;
  const program = new Command("millrace")
    .description("From raw data to a model that is served, watched and retrained, in one process.")
    .version(await version(), ...versionOption)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", `\n${exitCodes}`)
    .configureOutput({ outputError: () => undefined }) // told below, as every other error is
    .exitOverride();
  for (const [flags, description] of globalOptions) program.option(flags, description);
  for (const entry of [...commandTable, ...routeCommands]) {
    add(program, entry, async (args, options) => {
      exitCode = await call(program, entry, args, options, controller.signal);
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (error.code !== "commander.help") await reportUsage(error.message, argv);
    return 2;
  }
  return exitCode;
}

/** A mistake in the command line itself, such as an unknown option; the suggestion commander has is the hint. */
async function reportUsage(message: string, argv: string[]): Promise<void> {
  const [{ reportError, usage }, [problem, suggestion]] = [await import("./command-line.ts"), message.replace(/^error: /, "").split("\n", 2)];
  const text = problem!.replaceAll("'", "`");
  const hint = suggestion?.replace(/^\((.*)\)$/, "$1") ?? "millrace --help lists the commands, millrace <command> --help its options.";
  const sentence = `${text[0]!.toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
  reportError(usage(sentence, hint), { json: argv.includes("--json"), stderr: process.stderr, debug: false });
}

/** Adds a command under its words, making the group (`models` of `models list`) where it is the first. */
function add(
  program: Command,
  entry: CommandEntry,
  action: (args: (string | string[] | undefined)[], options: Record<string, unknown>) => Promise<void>,
): void {
  const words = entry.words.split(" ");
  let parent = program;
  for (const word of words.slice(0, -1)) {
    const group =
      parent.commands.find((candidate) => candidate.name() === word) ?? parent.command(word).description(`Commands about ${word}`).exitOverride();
    parent = group;
  }
  const command = parent.command(words.at(-1)!).description(entry.summary).exitOverride();
  if (entry.args) for (const argument of entry.args.split(" ")) command.argument(argument);
  for (const [flags, description] of entry.options ?? []) command.option(flags, description);
  command.action((...given: unknown[]) => action(given.slice(0, -2) as (string | string[] | undefined)[], given.at(-2) as Record<string, unknown>)); // commander passes arguments, options, command
}

async function call(
  program: Command,
  entry: CommandEntry,
  args: (string | string[] | undefined)[],
  options: Record<string, unknown>,
  signal: AbortSignal,
): Promise<number> {
  // What streams through (uploads, downloads, long answers) is then freed after a few megabytes, not after tens of them. The space
  // never shrinks by itself, so this comes before the command's code is loaded, which would make it grow.
  if (entry.lean) setFlagsFromString("--semi-space-growth-factor=1");
  const global = program.opts<{ json?: boolean; quiet?: boolean; project?: string; home?: string; debug?: boolean }>();
  const { openTerminal, reportError } = await import("./command-line.ts");
  const terminal = openTerminal({ json: global.json ?? false, quiet: global.quiet ?? false, stdout: process.stdout, stderr: process.stderr });
  try {
    const [module, { resolveSelf }] = await Promise.all([entry.load(), import("./resolve-self.ts")]);
    resolveSelf(); // before anything of the project is loaded, its configuration included
    const environment = global.home === undefined ? process.env : { ...process.env, MILLRACE_HOME: resolve(global.home) };
    const exit = await module.command({ args, options, folder: global.project ?? ".", environment, terminal, signal });
    return exit ?? (signal.aborted ? 130 : 0);
  } catch (error) {
    if (signal.aborted) return 130;
    return reportError(error, { json: terminal.json, stderr: process.stderr, debug: global.debug ?? false });
  }
}

async function version(): Promise<string> {
  const { readFileSync } = await import("node:fs");
  const file = new URL(import.meta.url.endsWith(".ts") ? "../../package.json" : "../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
