import { bindArguments, countArgument, textArgument } from "./jinja-arguments.ts";
import { formatBraces } from "./jinja-format.ts";
import { bounded } from "./jinja-text.ts";
import { ValueFault, isTuple, itemsOf, maxTextLength, tuple, type Value } from "./jinja-values.ts";

type TextMethod = (self: string, args: Value[], named: Map<string, Value>) => Value;

/** The methods of Python's `str` that templates use. */
export const textMethods: Record<string, TextMethod> = {
  upper: simple("upper", (text) => text.toUpperCase()),
  lower: simple("lower", (text) => text.toLowerCase()),
  casefold: simple("casefold", (text) => text.toLowerCase()),
  title: simple("title", titleCase),
  capitalize: simple("capitalize", (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()),
  swapcase: simple("swapcase", (text) => [...text].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join("")),
  strip: stripper("strip", true, true),
  lstrip: stripper("lstrip", true, false),
  rstrip: stripper("rstrip", false, true),
  split: (self, args, named) => split("split", self, args, named, false),
  rsplit: (self, args, named) => split("rsplit", self, args, named, true),
  splitlines: simple("splitlines", (text) => (text === "" ? [] : text.replace(/\n$/, "").split(/\r\n|\r|\n/))),
  partition: (self, args, named) =>
    partition("partition", self, textArgument("partition", bindArguments("partition", "sep", args, named).get("sep")!), false),
  rpartition: (self, args, named) =>
    partition("rpartition", self, textArgument("rpartition", bindArguments("rpartition", "sep", args, named).get("sep")!), true),
  join: (self, args, named) => {
    const items = itemsOf(bindArguments("join", "items", args, named).get("items")!);
    return bounded(items.map((item) => textArgument("join", item)).join(self));
  },
  replace: (self, args, named) => {
    const bound = bindArguments("replace", "old, new, count?", args, named);
    const count = bound.get("count");
    return replaceText(
      self,
      textArgument("replace", bound.get("old")!),
      textArgument("replace", bound.get("new")!),
      count === undefined ? -1 : countArgument("replace", count),
    );
  },
  startswith: (self, args, named) => hasAffix("startswith", args, named, (affix) => self.startsWith(affix)),
  endswith: (self, args, named) => hasAffix("endswith", args, named, (affix) => self.endsWith(affix)),
  removeprefix: affixRemover("removeprefix", (self, affix) => (self.startsWith(affix) ? self.slice(affix.length) : self)),
  removesuffix: affixRemover("removesuffix", (self, affix) => (affix !== "" && self.endsWith(affix) ? self.slice(0, -affix.length) : self)),
  find: (self, args, named) => BigInt(self.indexOf(textArgument("find", bindArguments("find", "sub", args, named).get("sub")!))),
  rfind: (self, args, named) => BigInt(self.lastIndexOf(textArgument("rfind", bindArguments("rfind", "sub", args, named).get("sub")!))),
  index: (self, args, named) => {
    const found = self.indexOf(textArgument("index", bindArguments("index", "sub", args, named).get("sub")!));
    if (found < 0) throw new ValueFault("`index` did not find the text.");
    return BigInt(found);
  },
  count: (self, args, named) => {
    const sub = textArgument("count", bindArguments("count", "sub", args, named).get("sub")!);
    return BigInt(sub === "" ? [...self].length + 1 : self.split(sub).length - 1);
  },
  format: (self, args, named) => bounded(formatBraces(self, args, named)),
  zfill: (self, args, named) => {
    const width = countArgument("zfill", bindArguments("zfill", "width", args, named).get("width")!);
    const sign = /^[+-]/.test(self) ? self[0]! : "";
    return sign + self.slice(sign.length).padStart(width - sign.length, "0");
  },
  ljust: padder("ljust", (self, width, fill) => self.padEnd(width, fill)),
  rjust: padder("rjust", (self, width, fill) => self.padStart(width, fill)),
  center: padder("center", centerText),
  isdigit: check("isdigit", /^\d+$/),
  isnumeric: check("isnumeric", /^\p{N}+$/u),
  isalpha: check("isalpha", /^\p{L}+$/u),
  isalnum: check("isalnum", /^[\p{L}\p{N}]+$/u),
  isspace: check("isspace", /^\s+$/),
  isidentifier: check("isidentifier", /^[\p{L}_][\p{L}\p{N}_]*$/u),
  isupper: simple("isupper", (text) => text !== text.toLowerCase() && text === text.toUpperCase()),
  islower: simple("islower", (text) => text !== text.toUpperCase() && text === text.toLowerCase()),
};

function simple(name: string, run: (text: string) => Value): TextMethod {
  return (self, args, named) => {
    bindArguments(name, "", args, named);
    return run(self);
  };
}

function check(name: string, pattern: RegExp): TextMethod {
  return simple(name, (text) => pattern.test(text));
}

function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, (word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase());
}

function stripper(name: string, left: boolean, right: boolean): TextMethod {
  return (self, args, named) => {
    const chars = bindArguments(name, "chars?", args, named).get("chars");
    return stripText(self, chars === undefined || chars === null ? undefined : textArgument(name, chars), left, right);
  };
}

export function stripText(text: string, chars: string | undefined, left = true, right = true): string {
  if (chars === undefined) return left && right ? text.trim() : left ? text.trimStart() : text.trimEnd();
  const letters = [...text];
  const drop = new Set(chars);
  let start = 0;
  let end = letters.length;
  while (left && start < end && drop.has(letters[start]!)) start++;
  while (right && end > start && drop.has(letters[end - 1]!)) end--;
  return letters.slice(start, end).join("");
}

function split(name: string, self: string, args: Value[], named: Map<string, Value>, fromRight: boolean): Value {
  const bound = bindArguments(name, "sep?, maxsplit?", args, named);
  const separator = bound.get("sep") ?? null;
  const limit = limitOf(name, bound.get("maxsplit"));
  if (separator === null && limit < 0) return self.trim() === "" ? [] : self.trim().split(/\s+/);
  const by = separator === null ? undefined : textArgument(name, separator);
  if (by === "") throw new ValueFault(`\`${name}\` cannot split by an empty text.`);
  const parts = by === undefined ? self.trim().split(/\s+/) : self.split(by);
  if (limit < 0 || parts.length <= limit + 1) return by === undefined && self.trim() === "" ? [] : parts;
  if (by !== undefined) {
    return fromRight
      ? [parts.slice(0, parts.length - limit).join(by), ...parts.slice(parts.length - limit)]
      : [...parts.slice(0, limit), parts.slice(limit).join(by)];
  }
  return splitWords(fromRight ? self.trimEnd() : self.trimStart(), limit, fromRight);
}

function limitOf(name: string, value: Value | undefined): number {
  return value === undefined ? -1 : countArgument(name, value);
}

/** Splits by runs of white space at most `limit` times; the rest keeps its white space. */
function splitWords(text: string, limit: number, fromRight: boolean): Value {
  const pattern = fromRight ? /\s+(?=\S+$)/ : /\s+/;
  const parts: string[] = [];
  let rest = text;
  for (let i = 0; i < limit; i++) {
    const match = pattern.exec(rest);
    if (match === null) break;
    const before = rest.slice(0, match.index);
    const after = rest.slice(match.index + match[0].length);
    parts.push(fromRight ? after : before);
    rest = fromRight ? before : after;
  }
  return fromRight ? [rest, ...parts.toReversed()] : [...parts, rest];
}

function partition(name: string, self: string, separator: string, fromRight: boolean): Value {
  if (separator === "") throw new ValueFault(`\`${name}\` cannot split by an empty text.`);
  const at = fromRight ? self.lastIndexOf(separator) : self.indexOf(separator);
  if (at < 0) return tuple(fromRight ? ["", "", self] : [self, "", ""]);
  return tuple([self.slice(0, at), separator, self.slice(at + separator.length)]);
}

/** Python's `replace`; a negative count replaces all. */
export function replaceText(text: string, old: string, replacement: string, count: number): string {
  const parts = old === "" ? ["", ...text, ""] : text.split(old);
  const limit = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  const length = text.length + limit * (replacement.length - old.length);
  if (length > maxTextLength) throw new ValueFault(`This text would be longer than ${maxTextLength} characters.`);
  return (
    parts.slice(0, limit + 1).join(replacement) +
    parts
      .slice(limit + 1)
      .map((part) => old + part)
      .join("")
  );
}

function hasAffix(name: string, args: Value[], named: Map<string, Value>, test: (affix: string) => boolean): boolean {
  const affix = bindArguments(name, "affix", args, named).get("affix")!;
  return (isTuple(affix) ? affix.items : [affix]).some((item) => test(textArgument(name, item)));
}

function affixRemover(name: string, run: (self: string, affix: string) => string): TextMethod {
  return (self, args, named) => run(self, textArgument(name, bindArguments(name, "affix", args, named).get("affix")!));
}

function padder(name: string, run: (self: string, width: number, fill: string) => string): TextMethod {
  return (self, args, named) => {
    const bound = bindArguments(name, "width, fill?", args, named);
    return run(self, Math.max(0, countArgument(name, bound.get("width")!)), textArgument(name, bound.get("fill") ?? " "));
  };
}

/** Python puts the odd space on the left when the width is odd, on the right when it is even. */
export function centerText(text: string, width: number, fill = " "): string {
  const missing = width - text.length;
  if (missing <= 0) return text;
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
