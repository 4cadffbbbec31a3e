import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AppError } from "#kit/app-error";
import { baseGlobals } from "./jinja-globals.ts";
import { parseTemplate } from "./jinja-parser.ts";
import { renderTemplate } from "./jinja-render.ts";
import type { Limits } from "./jinja-runtime.ts";
import { templateSource } from "./jinja-source.ts";
import { fromHost, type Value } from "./jinja-values.ts";

interface Snippets {
  jinja2: string;
  context: Record<string, unknown>;
  snippets: { group: string; template: string; expected?: string; error?: true }[];
}

// Made by Python's Jinja2 with jinja-snippets.py; the file names the version.
const reference: Snippets = JSON.parse(readFileSync(new URL("./jinja-snippets.json", import.meta.url), "utf8"));

function render(template: string, options: { context?: Record<string, unknown>; limits?: Partial<Limits> } = {}): string {
  const names = baseGlobals();
  for (const [name, value] of Object.entries(options.context ?? {})) names.set(name, fromHost(value));
  const parsed = parseTemplate(templateSource("models/test.sql", template));
  return renderTemplate(parsed, { globals: { names, parent: undefined }, ...(options.limits !== undefined && { limits: options.limits }) }).text;
}

function errorOf(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe(`renders as Jinja2 ${reference.jinja2} does`, () => {
  for (const { group, template, expected } of reference.snippets) {
    test(`${group}: ${template}`, () => {
      if (expected !== undefined) expect(render(template, { context: reference.context })).toBe(expected);
      else expect(errorOf(() => render(template, { context: reference.context })).code).toBe("sql_error");
    });
  }
});

describe("errors", () => {
  test("name the file, line and column and point to the place", () => {
    const error = errorOf(() => render("select 1,\n  {{ nam | upper }}\n  {{ 1 + 'a' }}\n"));
    expect(error.message).toBe("models/test.sql:3:8: `+` does not work on a int and a str.\n3 |   {{ 1 + 'a' }}\n           ^");
    expect(error.hint).toBe("Use `~` to join texts with other values.");
    expect(error.details).toMatchObject({ file: "models/test.sql", line: 3, column: 8 });
  });

  test("suggest the filter, test or tag that was meant", () => {
    expect(errorOf(() => render("{{ 1 | uper }}")).hint).toBe("Did you mean `upper`?");
    expect(errorOf(() => render("{{ 1 is defind }}")).hint).toBe("Did you mean `defined`?");
    expect(errorOf(() => render("{% macr x() %}")).hint).toBe("Did you mean `macro`?");
  });

  test("say of tags that dbt has and Millrace has not that they are not supported", () => {
    expect(errorOf(() => render("{% snapshot s %}{% endsnapshot %}")).message).toContain("The tag `snapshot` is not supported.");
  });

  test("tell which block was never closed, and with what to close it", () => {
    const error = errorOf(() => render("a\n{% for i in [1] %}\n{{ i }}\n"));
    expect(error.message).toMatch(/^models\/test.sql:2:4: This `{% for %}` is never closed\.\n2 \| {% for/);
    expect(error.hint).toBe("Close it with `{% endfor %}`.");
  });

  test("tell through which macros the place was reached", () => {
    const error = errorOf(() =>
      render("{% macro inner() %}{{ 1 // 0 }}{% endmacro %}\n{% macro outer() %}{{ inner() }}{% endmacro %}\n{{ outer() }}"),
    );
    expect(error.message).toMatch(/^models\/test.sql:1:25: Division by zero\./);
    expect(error.message).toContain("in macro `inner`, called from models/test.sql:2\n  in macro `outer`, called from models/test.sql:3");
  });

  test("of `return` outside a macro and of an unknown argument are told", () => {
    expect(errorOf(() => render("{{ return(1) }}")).message).toContain("`return` is used outside of a macro");
    expect(errorOf(() => render("{% macro m(a) %}{% endmacro %}{{ m(b=1) }}")).hint).toBe("It takes: a.");
  });
});

describe("limits", () => {
  test("stop a template that would never end", () => {
    const endless = "{% for i in range(100000) %}{% for j in range(100000) %}{% set x = 1 %}{% endfor %}{% endfor %}";
    expect(errorOf(() => render(endless, { limits: { steps: 50_000 } })).message).toContain("more than 50000 steps");
  });

  test("stop macros that call themselves without end", () => {
    expect(errorOf(() => render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")).message).toContain("more than 100 levels deep");
  });

  test("stop a loop that calls itself without end", () => {
    expect(errorOf(() => render("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}")).message).toContain("more than 100 levels deep");
  });

  test("stop values that double until the memory is full", () => {
    const texts = "{% set ns = namespace(t='aaaaaaaa') %}{% for i in range(100) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}";
    expect(errorOf(() => render(texts)).message).toContain("longer than");
    const lists = "{% set l = [1, 2] %}{% for i in range(100) %}{% do l.extend(l) %}{% endfor %}";
    expect(errorOf(() => render(lists)).message).toContain("more than 1000000 items");
    expect(errorOf(() => render("{{ 'a' * 1000000000 }}")).message).toContain("longer than");
    expect(errorOf(() => render("{{ 9 ** 99999 }}")).message).toContain("too large");
    expect(errorOf(() => render("{{ 'a' | center(100000000) }}")).code).toBe("sql_error");
    expect(errorOf(() => render("{{ '%9999999d' % 1 }}")).code).toBe("sql_error");
  });

  test("stop output without end", () => {
    expect(errorOf(() => render("{% for i in range(1000) %}0123456789{% endfor %}", { limits: { output: 5000 } })).message).toContain(
      "more than 5000 characters",
    );
  });

  test("refuse brackets and blocks nested beyond reason, and lists that contain themselves", () => {
    expect(errorOf(() => render(`{{ ${"(".repeat(5000)}1${")".repeat(5000)} }}`)).message).toContain("levels deep");
    expect(errorOf(() => render("{% if 1 %}".repeat(5000))).message).toContain("levels deep");
    expect(errorOf(() => render("{% set l = [] %}{% do l.append(l) %}{{ l }}")).message).toContain("contain itself");
    expect(errorOf(() => render(`{{ ${"-".repeat(5000)}1 }}`)).message).toContain("levels deep");
  });
});

test("pieces of the output know the line of the template they come from", () => {
  const source = templateSource("models/m.sql", "{% set q %}\nx\n{% endset %}select\n{% for i in [1, 2] %}\n  {{ i }},\n{% endfor %}\n1");
  const { pieces } = renderTemplate(parseTemplate(source), { globals: { names: new Map<string, Value>(), parent: undefined } });
  expect(pieces.map(({ text, at }) => [text, source.text.slice(0, at).split("\n").length])).toEqual([
    ["select\n", 3],
    ["\n  ", 4],
    ["1", 5],
    [",\n", 5],
    ["\n  ", 4],
    ["2", 5],
    [",\n", 5],
    ["\n1", 6],
  ]);
});
