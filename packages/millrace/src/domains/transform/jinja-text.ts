import { ValueFault, isUndefined, maxTextLength, type Value } from "./jinja-values.ts";

/** The text of a value as Python's `str()` gives it; undefined is empty. */
export function toText(value: Value): string {
  if (typeof value === "string") return value;
  if (isUndefined(value)) return "";
  if (typeof value === "object" && value !== null && !Array.isArray(value) && value.type === "host") return value.render();
  return repr(value);
}

/** The text of a value as Python's `repr()` gives it: texts quoted, containers written out. */
export function repr(value: Value, depth = 0): string {
  if (depth > 100) throw new ValueFault("This value is nested too deeply to print (does it contain itself?).");
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return floatText(value);
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return bounded(`[${value.map((item) => repr(item, depth + 1)).join(", ")}]`);
  switch (value.type) {
    case "tuple": {
      const items = value.items.map((item) => repr(item, depth + 1));
      return bounded(items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`);
    }
    case "dict":
      return bounded(`{${[...value.entries.values()].map((e) => `${repr(e.key, depth + 1)}: ${repr(e.value, depth + 1)}`).join(", ")}}`);
    case "undefined":
      return "Undefined";
    case "callable":
      return `<function ${value.name}>`;
    case "host":
      return value.render();
  }
}

export function bounded(text: string): string {
  if (text.length > maxTextLength) throw new ValueFault(`This text is longer than ${maxTextLength} characters.`);
  return text;
}

/** Python writes floats with as few digits as needed, `.0` on whole ones, and an exponent below 1e-4 and from 1e16. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponentText] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  const digits = mantissa!.replace("-", "").replace(".", "");
  const sign = value < 0 ? "-" : "";
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let result = quote;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === "\\" || character === quote) result += `\\${character}`;
    else if (character === "\n") result += "\\n";
    else if (character === "\r") result += "\\r";
    else if (character === "\t") result += "\\t";
    else if (code < 32 || (code >= 127 && code < 161)) result += `\\x${code.toString(16).padStart(2, "0")}`;
    else result += character;
  }
  return result + quote;
}
