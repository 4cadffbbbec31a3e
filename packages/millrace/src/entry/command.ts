import type { Terminal } from "./command-line.ts";

/** What every command gets. */
export interface CommandContext {
  /** Arguments by position, then options by their long names in camel case. */
  args: (string | string[] | undefined)[];
  options: Record<string, unknown>;
  /** The project's folder. */
  folder: string;
  environment: Record<string, string | undefined>;
  terminal: Terminal;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
}

export interface CommandModule {
  /** Does the work; resolves to the exit code. Where none is given it is 0, or 130 when the signal was aborted meanwhile. */
  command(context: CommandContext): Promise<number | void>;
}

/** An option's text; undefined when it was not given. */
export function textOption(context: CommandContext, name: string): string | undefined {
  const value = context.options[name];
  return typeof value === "string" ? value : undefined;
}

/** The words of an argument that may be repeated. */
export function manyArgument(context: CommandContext, position: number): string[] {
  const value = context.args[position];
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** The words of an option that may be repeated. */
export function manyOption(context: CommandContext, name: string): string[] {
  const value = context.options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** A required argument. */
export function textArgument(context: CommandContext, position: number): string {
  return String(context.args[position]);
}
