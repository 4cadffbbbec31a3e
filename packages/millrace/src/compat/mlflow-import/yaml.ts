import { AppError } from "#kit/app-error";

/** What a file of MLflow's file store says: texts as they are written there (`3`, not a number), maps and lists. */
export type Yaml = string | null | Yaml[] | { [key: string]: Yaml };
/** As `Yaml`, where plain words and numbers have the types that Python gives them. */
export type TypedYaml = string | number | boolean | null | TypedYaml[] | { [key: string]: TypedYaml };

/**
 * Reads the YAML that MLflow writes (PyYAML's block style): maps, lists, empty flow collections, and texts that are plain or quoted,
 * over as many lines as they take. Anything else, such as anchors, types and aliases, is refused: it is not MLflow's. Throws `corrupt_data`.
 */
export function parseYaml(text: string, file: string): Yaml {
  return parse(text, file, false) as Yaml; // without types all is text
}

/** As `parseYaml`, with types, and with lists of maps and of lists. */
export function parseTypedYaml(text: string, file: string): TypedYaml {
  return parse(text, file, true);
}

function parse(text: string, file: string, typed: boolean): TypedYaml {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  let at = lines[0]?.startsWith("---") ? 1 : 0;
  const fail = (why: string) =>
    new AppError("corrupt_data", `${file}, line ${at + 1}: ${why}.`, { hint: "It is not as MLflow writes it; correct it, or take it away." });
  const value = block(0);
  skipBlank();
  if (at < lines.length) throw fail("it goes on where it should end");
  return value;

  function skipBlank(): void {
    while (at < lines.length && lines[at]!.trim() === "") at++;
  }

  function block(indent: number): TypedYaml {
    skipBlank();
    if (at >= lines.length) return null;
    if (lines[at]!.slice(indent).startsWith("- ") || lines[at]!.slice(indent) === "-") return list(indent);
    return map(indent);
  }

  function map(indent: number): TypedYaml {
    const entries: [string, TypedYaml][] = [];
    for (skipBlank(); at < lines.length && indentOf(lines[at]!) === indent && !/^- |^-$/.test(lines[at]!.slice(indent)); skipBlank()) {
      const line = lines[at]!;
      if (line.startsWith("? ", indent)) throw fail("a key over several lines is not expected");
      const match = /^(?:'((?:[^']|'')*)'|"((?:[^"\\]|\\.)*)"|([^\s'"[\]{}&*!|>%@`#,][^]*?)):(?: +|$)/.exec(line.slice(indent));
      if (match === null) throw fail("a key is expected");
      const key = match[1]?.replaceAll("''", "'") ?? (match[2] === undefined ? match[3]! : unescape(match[2]));
      entries.push([key, scalar(line, indent + match[0].length, indent)]);
    }
    if (at < lines.length && indentOf(lines[at]!) > indent) throw fail("its indentation fits nothing above it");
    return Object.fromEntries(entries); // not by assignment: a key may be `__proto__`
  }

  function list(indent: number): TypedYaml[] {
    const items: TypedYaml[] = [];
    for (skipBlank(); at < lines.length && indentOf(lines[at]!) === indent && /^- |^-$/.test(lines[at]!.slice(indent)); skipBlank()) {
      const line = lines[at]!;
      const isNested = /^- +(?:[\w.]+:(?: |$)|- )/.test(line.slice(indent));
      if (isNested && !typed) throw fail("a list of maps or lists is not expected");
      if (isNested) {
        lines[at] = " ".repeat(indent + 2) + line.slice(indent + 2);
        items.push(block(indent + 2));
        continue;
      }
      items.push(scalar(line, indent + 2, indent));
    }
    return items;
  }

  /** The value that begins at a place of the current line; what belongs to it is indented further than `indent`. */
  function scalar(line: string, from: number, indent: number): TypedYaml {
    const rest = line.slice(from);
    if (rest.trim() === "") return nested(indent);
    if (rest === "{}" || rest === "[]") {
      at++;
      return rest === "{}" ? {} : [];
    }
    if (rest.startsWith("'") || rest.startsWith('"')) return quoted(rest);
    if (/^[[{&*!|>%@`]/.test(rest)) throw fail(`"${rest.slice(0, 20)}" is a form of YAML that MLflow does not write`);
    at++;
    const parts = [rest.trim()];
    while (at < lines.length && (lines[at]!.trim() === "" ? continues(indent) : indentOf(lines[at]!) > indent)) parts.push(lines[at++]!.trim());
    const plain = fold(parts.join("\n"));
    if (/: |:$| #/.test(plain)) throw fail("a text that needs quotes has none");
    if (/^(null|Null|NULL|~)$/.test(plain)) return null;
    return typed ? typedText(plain) : plain;
  }

  /** Whether after blank lines a text goes on. */
  function continues(indent: number): boolean {
    let next = at;
    while (next < lines.length && lines[next]!.trim() === "") next++;
    return next < lines.length && indentOf(lines[next]!) > indent;
  }

  function nested(indent: number): TypedYaml {
    at++;
    skipBlank();
    if (at >= lines.length) return null;
    const next = indentOf(lines[at]!);
    if (next > indent) return block(next);
    return next === indent && /^- |^-$/.test(lines[at]!.slice(indent)) ? list(indent) : null;
  }

  function quoted(first: string): string {
    const pattern = first.startsWith("'") ? /^'((?:[^']|'')*)'\s*$/ : /^"((?:[^"\\]|\\[^])*)"\s*$/;
    let raw = first;
    for (at++; ; at++) {
      const match = pattern.exec(raw);
      if (match !== null) return first.startsWith("'") ? fold(match[1]!).replaceAll("''", "'") : unescape(foldEscaped(match[1]!));
      if (at >= lines.length) throw fail("a quotation has no end");
      raw += `\n${lines[at]!}`;
    }
  }

  function unescape(raw: string): string {
    return raw.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])/g, (_, code: string) => {
      if (/^[xuU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      const plain = escapes[code];
      if (plain === undefined) throw fail(`\\${code} is no escape`);
      return plain;
    });
  }
}

/** What Python's YAML reads of a plain word. */
function typedText(plain: string): TypedYaml {
  if (plain === "true" || plain === "false") return plain === "true";
  return /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/.test(plain) ? Number(plain) : plain;
}

const escapes: Record<string, string> = {
  ...{ "0": "\0", a: "\u0007", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\u001b", " ": " ", '"': '"', "/": "/", "\\": "\\" },
  ...{ N: "\u0085", _: "\u00a0", L: "\u2028", P: "\u2029", "\t": "\t" },
};

/** A line's end is a space, and each empty line after it is a line's end. */
function fold(text: string): string {
  const folded = text.replaceAll(/[ \t]*\n((?:[ \t]*\n)*)[ \t]*/g, (_, blank: string) => "\n".repeat(blank.split("\n").length - 1) || " ");
  return folded.replaceAll(/[ \t]*([\u2028\u2029\u0085])[ \t]*/g, "$1"); // lines' ends to YAML 1.1, which stay
}

/** As `fold`, where a backslash at a line's end means that nothing is between. */
function foldEscaped(text: string): string {
  return text
    .split(/(?<=(?:^|[^\\])(?:\\\\)*)\\\n[ \t]*/)
    .map(fold)
    .join("");
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
