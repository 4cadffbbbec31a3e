import { AppError } from "#kit/app-error";
import { queryTokens, type Token, unreadable } from "./query-tokens.ts";
import { fieldNamed, likelyField, type RunField } from "./run-fields.ts";
import type { OrderTerm } from "./run-order.ts";

const termsAtMost = 20;

/** Reads `metrics.auc desc, params.lr nulls first, started`: numbers in params and tags as numbers, before all other texts. */
export function parseRunOrder(text: string): OrderTerm[] {
  const terms = parseFields<OrderTerm>(text, "an order", (field, words, fail) => {
    if ("input" in field) throw fail("metrics.…, params.…, tags.… or an attribute");
    const direction = words[0] === "asc" || words[0] === "desc" ? (words.shift() as "asc" | "desc") : "asc"; // just asked
    const nulls = words[0] === "nulls" && (words[1] === "first" || words[1] === "last") ? words[1] : undefined;
    if (words.length > (nulls === undefined ? 0 : 2)) throw fail("asc or desc, then nulls first or nulls last, or a comma");
    return { ...field, direction, ...(("param" in field || "tag" in field) && { as: "natural" as const }), ...(nulls !== undefined && { nulls }) };
  });
  if (terms.length > termsAtMost)
    throw new AppError("invalid_argument", `Runs are ordered by at most ${termsAtMost} fields; these are ${terms.length}.`);
  return terms;
}

/** Reads fields apart by commas, such as `params.kind, experiment`. */
export function parseRunFields(text: string): RunField[] {
  return parseFields(text, "a list of fields", (field, words, fail) => {
    if (words.length > 0) throw fail("a comma or the end");
    return field;
  });
}

/** Reads `metrics.auc, metrics.loss min`: metrics, each with whether its best is the greatest, as unless told, or the least. */
export function parseMetricGoals(text: string): { metric: string; goal: "min" | "max" }[] {
  return parseFields(text, "a list of metrics", (field, words, fail) => {
    if (!("metric" in field)) throw fail("metrics.…");
    const goal = words.length === 0 ? "max" : words[0];
    if ((goal !== "min" && goal !== "max") || words.length > 1) throw fail("min or max, or a comma");
    return { metric: field.metric, goal };
  });
}

/** A list of names, each with the words after it. */
function parseFields<Item>(
  text: string,
  what: string,
  read: (field: RunField, words: string[], fail: (expected: string) => AppError) => Item,
): Item[] {
  const items: Item[] = [];
  let part: Token[] = [];
  for (const token of queryTokens(text)) {
    if (token.kind !== "," && token.kind !== "end") {
      part.push(token);
      continue;
    }
    const [name, ...rest] = part;
    if (name === undefined && token.kind === "end" && items.length === 0) return [];
    const field = name?.kind === "word" || name?.kind === "field" ? fieldNamed(name.text, name.key) : undefined;
    if (name === undefined || field === undefined) {
      const close = name === undefined ? undefined : likelyField(text.slice(name.at, name.end), []);
      throw unreadable(
        text,
        (name ?? token).at,
        `a field in ${what}`,
        name === undefined ? "none" : `\`${text.slice(name.at, name.end)}\``,
        close && `Did you mean ${close}?`,
      );
    }
    const fail = (expected: string) =>
      unreadable(text, rest[0]?.at ?? name.at, expected, `\`${text.slice(rest[0]?.at ?? name.at, part.at(-1)!.end)}\``);
    items.push(
      read(
        field,
        rest.map((each) => each.text.toLowerCase()),
        fail,
      ),
    );
    part = [];
  }
  return items;
}
