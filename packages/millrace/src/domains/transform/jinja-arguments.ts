import { ValueFault, isUndefined, typeName, undefinedFault, type Value } from "./jinja-values.ts";

/** What a function takes, in order: `name` is required, `name?` is optional, `*` takes the remaining positional ones (use `rest`). */
export interface BoundArguments {
  /** The argument, or undefined where it was left out. */
  get(name: string): Value | undefined;
  rest: Value[];
}

/**
 * Matches the arguments of a call to the parameters of a function of ours, with Python's rules and errors.
 * `parameters` is written as `"value, default?, boolean?"`.
 */
export function bindArguments(functionName: string, parameters: string, args: Value[], named: Map<string, Value>): BoundArguments {
  const specs = parameters.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
  const takesRest = specs.includes("*");
  const names = specs.filter((spec) => spec !== "*").map((spec) => spec.replace("?", ""));
  const bound = new Map<string, Value>();
  const positional = names.slice(0, takesRest ? specs.indexOf("*") : undefined);
  if (args.length > positional.length && !takesRest) {
    throw new ValueFault(
      `\`${functionName}\` takes at most ${positional.length} argument${positional.length === 1 ? "" : "s"}, ${args.length} were given.`,
    );
  }
  positional.forEach((name, index) => {
    if (index < args.length) bound.set(name, args[index]!);
  });
  for (const [name, value] of named) {
    if (!names.includes(name)) {
      throw new ValueFault(`\`${functionName}\` has no argument \`${name}\`.`, names.length > 0 ? `It takes: ${names.join(", ")}.` : undefined);
    }
    if (bound.has(name)) throw new ValueFault(`\`${functionName}\` got its argument \`${name}\` twice.`);
    bound.set(name, value);
  }
  for (const spec of specs) {
    if (spec !== "*" && !spec.endsWith("?") && !bound.has(spec)) throw new ValueFault(`\`${functionName}\` needs the argument \`${spec}\`.`);
  }
  return { get: (name) => bound.get(name), rest: takesRest ? args.slice(positional.length) : [] };
}

export function textArgument(functionName: string, value: Value): string {
  if (typeof value === "string") return value;
  if (isUndefined(value)) throw undefinedFault(value);
  throw new ValueFault(`\`${functionName}\` needs a text, not a ${typeName(value)}.`);
}

/** An int as a JavaScript number; counts and widths are kept to what memory can bear. */
export function countArgument(functionName: string, value: Value): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "bigint" && value <= 1_000_000n && value >= -1_000_000n) return Number(value);
  if (isUndefined(value)) throw undefinedFault(value);
  throw new ValueFault(
    typeof value === "bigint"
      ? `\`${functionName}\` cannot take a number as large as ${value}.`
      : `\`${functionName}\` needs an int, not a ${typeName(value)}.`,
  );
}
