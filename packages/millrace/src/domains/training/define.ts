import { AppError } from "#kit/app-error";

/** A trainer by name, as flows speak of it; the engine behind it is chosen when the flow runs. */
export interface TrainerHandle {
  readonly kind: "trainer";
  readonly name: string;
}

/** Gradient-boosted trees, Millrace's own. */
export const trees: TrainerHandle = { kind: "trainer", name: "trees" };

/** One parameter's values: a range, sampled evenly (on a logarithmic scale where both ends are above 0 and a tenfold apart), or a list. */
export type ParameterSpace = readonly [number, number] | { readonly oneOf: readonly (string | number | boolean)[] };

export interface SearchSpace {
  readonly kind: "search";
  readonly params: Readonly<Record<string, ParameterSpace>>;
}

/** What a search may try: `search({ leaves: [15, 127], learningRate: [0.03, 0.3] })`. Ranges of whole numbers give whole numbers. */
export function search(params: Record<string, ParameterSpace>): SearchSpace {
  for (const [name, space] of Object.entries(params)) {
    if ("oneOf" in space ? space.oneOf.length === 0 : space.length !== 2 || !(space[0] <= space[1])) {
      throw new AppError("invalid_definition", `The search over \`${name}\` has no values.`, {
        hint: "Give [lowest, highest], or { oneOf: [values] }.",
      });
    }
  }
  return { kind: "search", params };
}
