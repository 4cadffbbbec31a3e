import { bindArguments, countArgument, textArgument } from "./jinja-arguments.ts";
import { formatPercent } from "./jinja-format.ts";
import type { FilterFunction } from "./jinja-runtime.ts";
import { centerText, replaceText, stripText } from "./jinja-text-methods.ts";
import { bounded, toText } from "./jinja-text.ts";
import { ValueFault, dict, tuple, truthy, type Value } from "./jinja-values.ts";

/** Filters that work on the text of a value. */
export const textFilters: Record<string, FilterFunction> = {
  string: simple("string", (text) => text),
  upper: simple("upper", (text) => text.toUpperCase()),
  lower: simple("lower", (text) => text.toLowerCase()),
  capitalize: simple("capitalize", (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()),
  title: simple("title", titleWords),
  trim: (value, args, named) => {
    const chars = bindArguments("trim", "chars?", args, named).get("chars") ?? null;
    return stripText(toText(value), chars === null ? undefined : textArgument("trim", chars));
  },
  escape: simple("escape", escapeHtml),
  e: simple("e", escapeHtml),
  safe: simple("safe", (text) => text),
  wordcount: simple("wordcount", (text) => BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)),
  center: (value, args, named) =>
    centerText(toText(value), countArgument("center", bindArguments("center", "width?", args, named).get("width") ?? 80n)),
  replace: (value, args, named) => {
    const bound = bindArguments("replace", "old, new, count?", args, named);
    const count = bound.get("count") ?? null;
    return replaceText(toText(value), toText(bound.get("old")!), toText(bound.get("new")!), count === null ? -1 : countArgument("replace", count));
  },
  indent: (value, args, named) => {
    const bound = bindArguments("indent", "width?, first?, blank?", args, named);
    const width = bound.get("width") ?? 4n;
    const pad = typeof width === "string" ? width : " ".repeat(Math.max(0, countArgument("indent", width)));
    return indent(toText(value), pad, truthy(bound.get("first") ?? false), truthy(bound.get("blank") ?? false));
  },
  truncate: (value, args, named) => {
    const bound = bindArguments("truncate", "length?, killwords?, end?, leeway?", args, named);
    const length = countArgument("truncate", bound.get("length") ?? 255n);
    const end = textArgument("truncate", bound.get("end") ?? "...");
    const leeway = countArgument("truncate", bound.get("leeway") ?? 5n);
    return truncate(toText(value), length, truthy(bound.get("killwords") ?? false), end, leeway);
  },
  format: (value, args, named) => {
    if (args.length > 0 && named.size > 0) throw new ValueFault("`format` takes positional or named values, not both.");
    return bounded(formatPercent(toText(value), named.size > 0 ? dict(named) : tuple(args)));
  },
  urlencode: simple("urlencode", (text) =>
    encodeURIComponent(text)
      .replaceAll("%2F", "/")
      .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  ),
};

function simple(name: string, run: (text: string) => Value): FilterFunction {
  return (value, args, named) => {
    bindArguments(name, "", args, named);
    return run(toText(value));
  };
}

/** Jinja's own `title`: words begin after white space, hyphens and opening brackets, unlike Python's. */
function titleWords(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("");
}

const htmlEscapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

function escapeHtml(text: string): string {
  return bounded(text.replace(/[&<>"']/g, (character) => htmlEscapes[character]!));
}

function indent(text: string, pad: string, first: boolean, blank: boolean): string {
  const [head, ...rest] = text.split("\n");
  const lines = rest.map((line) => (line === "" && !blank ? line : pad + line));
  return bounded((first ? pad : "") + [head, ...lines].join("\n"));
}

function truncate(text: string, length: number, killWords: boolean, end: string, leeway: number): string {
  if (length < end.length) throw new ValueFault(`\`truncate\` needs a length of at least ${end.length}.`);
  if (text.length <= length + leeway) return text;
  const cut = text.slice(0, length - end.length);
  if (killWords) return cut + end;
  const space = cut.lastIndexOf(" ");
  return (space < 0 ? cut : cut.slice(0, space)) + end;
}
