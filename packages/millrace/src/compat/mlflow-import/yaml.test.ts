import { describe, expect, it } from "vitest";
import { parseTypedYaml, parseYaml } from "./yaml.ts";

/** As PyYAML 6.0.3 writes these values (`yaml.dump(value, default_flow_style=False, allow_unicode=True)`). */
const written: [text: string, value: unknown][] = [
  ["aliases: {}\ncreation: 17\ndescription: null\nname: pr\n", { aliases: {}, creation: "17", description: null, name: "pr" }],
  ["aliases:\n  champ: '1'\nlist:\n- a\n- b c\n", { aliases: { champ: "1" }, list: ["a", "b c"] }],
  [
    "d: 'descr\n\n  with: lines and ''quotes'' and \"double\" word word word word word word word\n  word word '\n",
    { d: "descr\nwith: lines and 'quotes' and \"double\" word word word word word word word word word " },
  ],
  [
    's: "\\ttab \\x07 back\\\\slash long long long long long long long long long long long\\\n  \\ long"\n',
    { s: "\ttab \u0007 back\\slash long long long long long long long long long long long long" },
  ],
  [
    "plain: word word word word word word word word word word word word word word word\n  word word\nstage: None\n",
    { plain: `${"word ".repeat(16)}word`, stage: "None" },
  ],
  ["'x: y': ''\na:b: c:d\n", { "x: y": "", "a:b": "c:d" }],
];

describe("MLflow's YAML", () => {
  it.each(written)("is read as it was written: %j", (text, value) => {
    expect(parseYaml(text, "meta.yaml")).toEqual(value);
  });

  it.each(["a: &x 1", "a: *x", "a: !!python/object:os.system {}", "a: |\n  b", "a: [1, 2]", "a: 'no end", "a: 1\n   b: 2", "<<: *base", "? a\n: b"])(
    "is not more than MLflow writes: %j",
    (text) => {
      expect(() => parseYaml(text, "meta.yaml")).toThrow(/meta\.yaml, line \d+:/);
    },
  );

  it("has the types of Python's values where they are asked for, and lists of maps and lists", () => {
    const text = "feedback:\n  value:\n  - a: 1\n    b:\n    - x\n    - 2.5\n  - a: '1'\n    b: null\n  - - true\n    - 'true'\n    - -1.0e-05\n";
    expect(parseTypedYaml(text, "a.yaml")).toEqual({
      feedback: { value: [{ a: 1, b: ["x", 2.5] }, { a: "1", b: null }, [true, "true", -1.0e-5]] },
    });
    expect(() => parseYaml(text, "a.yaml")).toThrow("a list of maps or lists is not expected");
  });
});
