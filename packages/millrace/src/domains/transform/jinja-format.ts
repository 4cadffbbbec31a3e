import { countArgument } from "./jinja-arguments.ts";
import { itemAt } from "./jinja-items.ts";
import { floatText, repr, toText } from "./jinja-text.ts";
import { ValueFault, dictGet, isDict, isNumeric, isTuple, isUndefined, typeName, undefinedFault, type Value } from "./jinja-values.ts";

/** Python's `'%s of %d' % (a, b)`, with `%(name)s` from a dict. */
export function formatPercent(template: string, argument: Value): string {
  const items = isTuple(argument) ? argument.items : [argument];
  let used = 0;
  const next = () => {
    if (used >= items.length) throw new ValueFault("There are fewer values than `%` places in this text.");
    return items[used++]!;
  };
  let usedNames = false;
  const result = template.replace(
    /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\d+))?([a-zA-Z%]?)/g,
    (_whole, name: string | undefined, flags: string, width: string | undefined, precision: string | undefined, kind: string) => {
      if (kind === "%") return "%";
      if (name !== undefined) usedNames = true;
      const widthValue = width === "*" ? countArgument("%", next()) : Number(width ?? 0);
      const value = name === undefined ? next() : namedItem(argument, name);
      const spec: FormatSpec = {
        fill: flags.includes("0") && !flags.includes("-") && !["s", "r"].includes(kind) ? "0" : " ",
        align: flags.includes("-") ? "<" : flags.includes("0") && !["s", "r"].includes(kind) ? "=" : ">",
        sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
        alternate: flags.includes("#"),
        width: boundedWidth(widthValue),
        grouping: "",
        precision: precision === undefined ? undefined : boundedWidth(Number(precision)),
        kind,
      };
      if (kind === "s" || kind === "r" || kind === "a") {
        const text = kind === "s" ? toText(value) : repr(value);
        return pad(spec.precision === undefined ? text : text.slice(0, spec.precision), spec);
      }
      if (kind === "c") return pad(typeof value === "bigint" ? String.fromCodePoint(Number(value)) : toText(value), spec);
      if (!["d", "i", "u", "f", "F", "e", "E", "g", "G", "x", "X", "o"].includes(kind)) throw new ValueFault(`\`%${kind}\` is not a format.`);
      if (isUndefined(value)) throw undefinedFault(value);
      if (!isNumeric(value)) throw new ValueFault(`\`%${kind}\` needs a number, not a ${typeName(value)}.`);
      const whole = ["d", "i", "u"].includes(kind);
      return formatNumber(whole && typeof value === "number" ? BigInt(Math.trunc(value)) : value, { ...spec, kind: whole ? "d" : kind });
    },
  );
  if (!usedNames && used < items.length && !(items.length === 1 && (isDict(argument) || Array.isArray(argument)))) {
    throw new ValueFault("Not all values were used by the `%` places in this text.");
  }
  return result;
}

function namedItem(argument: Value, name: string): Value {
  if (!isDict(argument)) throw new ValueFault("`%(name)` needs a dict of values.");
  const value = dictGet(argument, name);
  if (value === undefined) throw new ValueFault(`The dict of values has no key \`${name}\`.`);
  return value;
}

/** Python's `'{} of {name:>5}'.format(…)`. */
export function formatBraces(template: string, args: Value[], named: Map<string, Value>): string {
  let automatic = 0;
  return template.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (whole, field: string | undefined) => {
    if (whole === "{{") return "{";
    if (whole === "}}") return "}";
    if (field === undefined) throw new ValueFault("A single `{` or `}` in a format; write it twice to print one.");
    const match = /^([^!:.[]*)((?:\.[^.[\]!:]+|\[[^\]]*\])*)(?:!([rsa]))?(?::(.*))?$/s.exec(field);
    if (match === null) throw new ValueFault(`\`{${field}}\` is not a place of a format.`);
    const [, name, path, conversion, spec] = match;
    let value = name === "" || /^\d+$/.test(name!) ? args[name === "" ? automatic++ : Number(name)] : named.get(name!);
    if (value === undefined) throw new ValueFault(`The format has a place \`{${field}}\` but no value for it.`);
    for (const step of path!.match(/\.[^.[]+|\[[^\]]*\]/g) ?? []) {
      const key = step.startsWith(".") ? step.slice(1) : step.slice(1, -1);
      value = itemAt(value, /^\d+$/.test(key) ? BigInt(key) : key);
    }
    if (conversion !== undefined) value = conversion === "s" ? toText(value) : repr(value);
    return formatValue(value, spec ?? "");
  });
}

interface FormatSpec {
  fill: string;
  align: string;
  sign: string;
  alternate: boolean;
  width: number;
  grouping: string;
  precision: number | undefined;
  kind: string;
}

/** Python's `format(value, spec)`. */
function formatValue(value: Value, specText: string): string {
  if (isUndefined(value)) throw undefinedFault(value);
  if (specText === "") return toText(value);
  const match = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su.exec(specText);
  if (match === null) throw new ValueFault(`\`${specText}\` is not a format.`);
  const [, fill, align, sign, alternate, zero, width, grouping, precision, kind] = match;
  const numeric = isNumeric(value) && !(typeof value === "boolean" && kind === undefined);
  const spec: FormatSpec = {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero !== undefined && numeric ? "=" : numeric ? ">" : "<"),
    sign: sign ?? "-",
    alternate: alternate !== undefined,
    width: boundedWidth(Number(width ?? 0)),
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : boundedWidth(Number(precision)),
    kind: kind ?? "",
  };
  if (isNumeric(value) && numeric) return formatNumber(value, spec);
  if (spec.kind !== "" && spec.kind !== "s") throw new ValueFault(`The format \`${spec.kind}\` does not work on a ${typeName(value)}.`);
  const text = toText(value);
  return pad(spec.precision === undefined ? text : [...text].slice(0, spec.precision).join(""), spec);
}

function formatNumber(input: boolean | bigint | number, spec: FormatSpec): string {
  const value = typeof input === "boolean" ? BigInt(input) : input;
  const negative = value < 0 || Object.is(value, -0);
  const digits = unsigned(negative ? -value : value, spec);
  const sign = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const grouped = spec.grouping === "" ? digits : digits.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+(?!\d))/g, spec.grouping));
  if (spec.align === "=") return sign + grouped.padStart(spec.width - sign.length, spec.fill);
  return pad(sign + grouped, spec);
}

function unsigned(value: bigint | number, spec: FormatSpec): string {
  const { kind } = spec;
  if (kind === "d" || (kind === "" && typeof value === "bigint")) {
    if (typeof value === "number") throw new ValueFault("The format `d` does not work on a float.");
    return String(value);
  }
  if (/^[xXob]$/.test(kind)) {
    if (typeof value === "number") throw new ValueFault(`The format \`${kind}\` does not work on a float.`);
    const text = value.toString(kind === "o" ? 8 : kind === "b" ? 2 : 16);
    return (spec.alternate ? `0${kind}` : "") + (kind === "X" ? text.toUpperCase() : text);
  }
  const number = Number(value);
  if (!Number.isFinite(number)) return floatText(number);
  const precision = Math.min(spec.precision ?? 6, 100);
  if (kind === "f" || kind === "F") return toFixed(number, precision);
  if (kind === "%") return `${toFixed(number * 100, precision)}%`;
  if (kind === "e" || kind === "E") {
    const text = twoDigitExponent(number.toExponential(precision));
    return kind === "E" ? text.toUpperCase() : text;
  }
  if (kind === "g" || kind === "G" || spec.precision !== undefined) return general(number, precision || 1, kind);
  return floatText(number);
}

/** `%g`: as many significant digits as the precision, without trailing zeros. */
function general(number: number, precision: number, kind: string): string {
  if (number === 0) return kind === "" ? "0.0" : "0";
  const exponent = Number(number.toExponential(precision - 1).split("e")[1]);
  const scientific = exponent < -4 || exponent >= (kind === "" ? precision - 1 : precision);
  const text = scientific
    ? twoDigitExponent(number.toExponential(precision - 1).replace(/\.?0+(?=e)/, ""))
    : trimZeros(toFixed(number, Math.max(0, precision - 1 - exponent)));
  return kind === "G" ? text.toUpperCase() : kind === "" && !scientific && !text.includes(".") ? `${text}.0` : text;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** JavaScript's toFixed gives up from 1e21 on; whole numbers that large are exact as a bigint. */
function toFixed(number: number, precision: number): string {
  if (number < 1e21) return number.toFixed(precision);
  return BigInt(number).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function pad(text: string, spec: FormatSpec): string {
  const missing = spec.width - [...text].length;
  if (missing <= 0) return text;
  if (spec.align === "<") return text + spec.fill.repeat(missing);
  if (spec.align === "^") return spec.fill.repeat(Math.floor(missing / 2)) + text + spec.fill.repeat(Math.ceil(missing / 2));
  return spec.fill.repeat(missing) + text;
}

function boundedWidth(width: number): number {
  if (width > 100_000) throw new ValueFault("This format is too wide.");
  return width;
}
