import { AppError } from "#kit/app-error";

interface Parametrised {
  readonly name: string;
  readonly params: object;
}

/**
 * A flow's parameters with the given values in place of their defaults. A default that is not null fixes its parameter's type.
 * Throws `invalid_argument` for unknown names and other types.
 */
export function resolveParams<Params extends object>(flow: Parametrised & { readonly params: Readonly<Params> }, given: Partial<Params>): Params {
  const defaults = Object.entries(flow.params);
  const names = defaults.map(([name]) => name);
  for (const [name, value] of Object.entries(given)) {
    const fallback: unknown = defaults.find(([known]) => known === name)?.[1];
    if (!names.includes(name)) {
      throw new AppError("invalid_argument", `Flow ${flow.name} has no parameter \`${name}\` (it has: ${names.join(", ") || "none"}).`, {
        hint: "Add it to the flow's parameters with a default, or leave it out.",
      });
    }
    if (value !== undefined && fallback !== null && typeOf(value) !== typeOf(fallback)) {
      throw new AppError("invalid_argument", `Parameter \`${name}\` of flow ${flow.name} is a ${typeOf(fallback)}, not a ${typeOf(value)}.`, {
        hint: `Its default is ${JSON.stringify(fallback)}.`,
      });
    }
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...flow.params, ...(set as Partial<Params>) }; // the same fields without the undefined ones
}

/** Parameters written as text, as on a command line, read by the type of their defaults: `{ trees: "100" }` → `{ trees: 100 }`. */
export function paramsFromText(flow: Parametrised, given: Record<string, string>): Record<string, unknown> {
  const defaults: Record<string, unknown> = { ...flow.params };
  return Object.fromEntries(
    Object.entries(given).map(([name, text]) => {
      const fallback = defaults[name];
      if (fallback === undefined || typeof fallback === "string") return [name, text];
      try {
        return [name, JSON.parse(text) as unknown];
      } catch (cause) {
        if (fallback === null) return [name, text];
        throw new AppError("invalid_argument", `"${text}" cannot be read as the ${typeOf(fallback)} that parameter \`${name}\` is.`, {
          cause,
          hint: `Its default is ${JSON.stringify(fallback)}; write it in the same way.`,
        });
      }
    }),
  );
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
}
