import { AppError } from "./app-error.ts";

/**
 * The plain part of YAML that programs write for settings: block mappings and sequences, plain and quoted scalars (also over several
 * lines), `|` and `>` texts, empty `{}` and `[]`. Values are those of JSON. Tags, anchors, aliases, merge keys, complex keys and further
 * documents are refused: a file from elsewhere must make neither objects of a language nor a gigabyte from a line.
 * Throws `corrupt_data` with the line.
 */
export type PlainValue = string | number | boolean | null | PlainValue[] | Map<string, PlainValue>;

const limits = { bytes: 1_000_000, depth: 30, values: 50_000 };

interface Line {
  number: number;
  indent: number;
  /** Without indentation and trailing space. */
  text: string;
}

export function readPlainYaml(source: string): PlainValue {
  if (Buffer.byteLength(source) > limits.bytes) throw new AppError("corrupt_data", `This YAML is longer than ${limits.bytes} bytes.`);
  const raw = source.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const state = { at: 0, values: 0, begun: false };

  /** The next line with something in it, without passing it. */
  function peek(): Line | undefined {
    for (; state.at < raw.length; state.at++) {
      const whole = raw[state.at]!;
      const text = whole.trim();
      if (text === "" || text.startsWith("#") || (!state.begun && text === "---")) continue;
      const indent = whole.length - whole.trimStart().length;
      if (whole.slice(0, indent).includes("\t")) throw damaged(state.at, "a tab indents it");
      if (indent === 0 && /^(---|\.\.\.|%)/.test(text)) throw damaged(state.at, "directives and further documents are not read");
      state.begun = true;
      return { number: state.at, indent, text };
    }
    return undefined;
  }

  function block(indent: number, depth: number): PlainValue {
    count(depth);
    const line = peek();
    if (line === undefined || line.indent < indent) return null;
    if (isItem(line.text)) return sequence(line.indent, depth);
    if (keyOf(line) !== undefined) return mapping(line.indent, depth);
    state.at++;
    return scalar(line.text, line, line.indent - 1);
  }

  function mapping(indent: number, depth: number): Map<string, PlainValue> {
    const found = new Map<string, PlainValue>();
    for (let line = peek(); line !== undefined && line.indent >= indent; line = peek()) {
      if (line.indent > indent) throw damaged(line.number, "it is indented further than its neighbours");
      const key = keyOf(line);
      if (key === undefined) throw damaged(line.number, "it is no `key: value`");
      if (found.has(key.name)) throw damaged(line.number, `the key "${key.name}" stands there twice`);
      state.at++;
      found.set(key.name, valueAfter(key.rest, line, indent, depth, true));
    }
    return found;
  }

  function sequence(indent: number, depth: number): PlainValue[] {
    const found: PlainValue[] = [];
    for (let line = peek(); line !== undefined && line.indent === indent && isItem(line.text); line = peek()) {
      const rest = line.text.slice(1).trimStart();
      if (rest !== "" && (isItem(rest) || keyOf({ ...line, text: rest }) !== undefined)) {
        // The item is itself a block: read again as if it began on a line of its own.
        const inner = indent + line.text.length - rest.length;
        raw[line.number] = " ".repeat(inner) + rest;
        found.push(block(inner, depth + 1));
      } else {
        state.at++;
        found.push(valueAfter(rest, line, indent, depth, false));
      }
    }
    return found;
  }

  function valueAfter(rest: string, line: Line, indent: number, depth: number, inMapping: boolean): PlainValue {
    count(depth);
    if (rest !== "" && !rest.startsWith("#")) return scalar(rest, line, indent);
    const next = peek();
    if (next === undefined) return null;
    // A sequence may stand under its key without being indented.
    if (inMapping && next.indent === indent && isItem(next.text)) return sequence(indent, depth + 1);
    return next.indent > indent ? block(indent + 1, depth + 1) : null;
  }

  function scalar(text: string, line: Line, indent: number): PlainValue {
    count(0);
    const first = text[0]!; // it is not empty
    if (first === "'" || first === '"') return quoted(text, first, line);
    if (first === "|" || first === ">") return textBlock(text, line, indent);
    if (/^(\{\s*\}|\[\s*\])(\s+#.*)?$/.test(text)) return first === "{" ? new Map() : [];
    if (first === "{" || first === "[") return flow(text, line);
    if ("&*!?@`%".includes(first)) throw damaged(line.number, `"${first}" begins something that is not plain YAML`);
    let whole = withoutComment(text);
    // A plain text goes on in lines that are indented further.
    for (let next = peek(); next !== undefined && next.indent > indent && next.number > line.number; next = peek()) {
      if (keyOf(next) !== undefined || isItem(next.text)) throw damaged(next.number, "it is indented further than its neighbours");
      whole += ` ${withoutComment(next.text)}`;
      state.at++;
    }
    return plain(whole);
  }

  function quoted(text: string, quote: "'" | '"', line: Line): string {
    const parts: string[] = [];
    for (let piece = text.slice(1); ;) {
      const end = closing(piece, quote);
      if (end !== undefined) {
        if (!/^\s*(#|$)/.test(piece.slice(end + 1))) throw damaged(line.number, "something stands behind its quotation");
        parts.push(piece.slice(0, end));
        break;
      }
      let next = raw[state.at++];
      let breaks = 0;
      for (; next !== undefined && next.trim() === ""; next = raw[state.at++]) breaks++;
      if (next === undefined) throw damaged(line.number, "its quotation has no end");
      const joins = quote === '"' && /(?:^|[^\\])(?:\\\\)*\\$/.test(piece.slice(-100)); // a backslash at the end of a line joins it with the next
      parts.push(joins ? piece.slice(0, -1) : piece, joins ? "" : breaks === 0 ? " " : "\n".repeat(breaks));
      piece = next.trim();
    }
    const whole = parts.join("");
    return quote === "'" ? whole.replaceAll("''", "'") : unescaped(whole, line);
  }

  function textBlock(header: string, line: Line, indent: number): string {
    const match = /^([|>])([+-]?)\s*(#.*)?$/.exec(header);
    if (match === null) throw damaged(line.number, "this kind of text is not read");
    const lines: string[] = [];
    let inner: number | undefined;
    for (; state.at < raw.length; state.at++) {
      const whole = raw[state.at]!;
      const own = whole.length - whole.trimStart().length;
      if (whole.trim() !== "" && own <= indent) break;
      if (whole.trim() !== "") inner ??= own;
      lines.push(whole.trim() === "" ? "" : whole.slice(Math.min(own, inner!)));
    }
    const text = match[1] === "|" ? lines.join("\n") : lines.join("\n").replaceAll(/([^\n])\n(?=[^\n ])/g, "$1 ");
    return match[2] === "-" ? text.replace(/\n+$/, "") : match[2] === "+" ? `${text}\n` : `${text.replace(/\n+$/, "")}\n`;
  }

  /** `[a, b]` and `{"a": 1}` where they are JSON, or plain words. */
  function flow(text: string, line: Line): PlainValue {
    const body = withoutComment(text);
    try {
      return fromJson(JSON.parse(body), 0);
    } catch {
      const words = /^\[([^[\]{}"'&*!#]*)\]$/.exec(body)?.[1];
      if (words === undefined) throw damaged(line.number, "this kind of list or mapping in one line is not read");
      return words.split(",").map((word) => plain(word.trim()));
    }
  }

  function fromJson(value: unknown, depth: number): PlainValue {
    count(depth);
    if (Array.isArray(value)) return value.map((each) => fromJson(each, depth + 1));
    if (typeof value === "object" && value !== null) return new Map(Object.entries(value).map(([name, each]) => [name, fromJson(each, depth + 1)]));
    return value as PlainValue; // what JSON has beside lists and objects
  }

  function count(depth: number): void {
    if (depth > limits.depth || ++state.values > limits.values) throw damaged(state.at, "it is too deep, or holds too much");
  }

  const value = block(0, 0);
  const rest = peek();
  if (rest !== undefined) throw damaged(rest.number, "it belongs to nothing");
  return value;
}

function isItem(text: string): boolean {
  return text === "-" || text.startsWith("- ");
}

function keyOf({ text, number }: Line): { name: string; rest: string } | undefined {
  const first = text[0]!; // no line is empty
  let name: string;
  let end: number;
  if (first === "'" || first === '"') {
    const close = closing(text.slice(1), first);
    const colon = close === undefined ? null : /^\s*:(?=\s|$)/.exec(text.slice(close + 2));
    if (close === undefined || colon === null) return undefined;
    name = text.slice(1, close + 1);
    name = first === "'" ? name.replaceAll("''", "'") : unescaped(name, { number, indent: 0, text });
    end = close + 2 + colon[0].length;
  } else {
    const at = text.search(/:(?:\s|$)/);
    if (at <= 0 || "[]{}#&*!|>%@`,?".includes(first)) return undefined;
    name = text.slice(0, at).trimEnd();
    if (name.includes(" #")) return undefined;
    end = at + 1;
  }
  if (name === "<<") throw damaged(number, "merge keys are not read");
  return { name, rest: text.slice(end).trim() };
}

/** Where a quotation ends in a line whose opening mark is cut off. */
function closing(text: string, quote: "'" | '"'): number | undefined {
  for (let i = 0; i < text.length; i++) {
    if (quote === '"' && text[i] === "\\") i++;
    else if (text[i] === quote) {
      if (quote === '"' || text[i + 1] !== "'") return i;
      i++;
    }
  }
  return undefined;
}

function plain(text: string): PlainValue {
  if (text === "" || /^(null|Null|NULL|~)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(0|[1-9]\d{0,15})$/.test(text) || /^[-+]?(\d+\.\d*|\.?\d+)([eE][-+]?\d+)?$/.test(text)) {
    const number = Number(text);
    if (Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number)) && !/^[-+]?0\d/.test(text)) return number;
  }
  return text;
}

function withoutComment(text: string): string {
  return text.replace(/\s#.*$/, "").trimEnd();
}

function unescaped(text: string, line: Line): string {
  return text.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_, code: string) => {
    if (code.length > 1) {
      const point = Number.parseInt(code.slice(1), 16);
      if (point > 0x10ffff) throw damaged(line.number, "it names a character that does not exist");
      return String.fromCodePoint(point);
    }
    const known = escapes[code];
    if (known === undefined) throw damaged(line.number, `"\\${code}" stands for nothing`);
    return known;
  });
}

const escapes: Record<string, string> = {
  ...{ "0": "\0", a: "\u0007", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\u001b" },
  ...{ " ": " ", '"': '"', "/": "/", "\\": "\\", N: "\u0085", _: "\u00a0", L: "\u2028", P: "\u2029" },
};

function damaged(line: number, why: string): AppError {
  return new AppError("corrupt_data", `Line ${line + 1} of this YAML cannot be read: ${why}.`);
}
