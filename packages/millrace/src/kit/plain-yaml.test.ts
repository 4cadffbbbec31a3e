import { describe, expect, it } from "vitest";
import { type PlainValue, readPlainYaml } from "./plain-yaml.ts";

function plain(value: PlainValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]));
  return Array.isArray(value) ? value.map(plain) : value;
}
const read = (source: string) => plain(readPlainYaml(source));

// As PyYAML 6.0 writes them (yaml.safe_dump), and reads them back to the same values.
describe("plain YAML", () => {
  it("reads what MLflow writes", () => {
    const source = `artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    python_version: 3.11.2
  sklearn:
    code: null
    pickled_model: model.pkl
mlflow_version: 3.17.2
model_size_bytes: 1234
prompts: null
signature:
  inputs: '[{"type": "double", "name": "it''s", "required": true}, {"type": "long",
    "name": "b", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-01-02 03:04:05.678901'
`;
    expect(read(source)).toEqual({
      artifact_path: "model",
      flavors: {
        python_function: {
          env: { conda: "conda.yaml", virtualenv: "python_env.yaml" },
          loader_module: "mlflow.sklearn",
          python_version: "3.11.2",
        },
        sklearn: { code: null, pickled_model: "model.pkl" },
      },
      mlflow_version: "3.17.2",
      model_size_bytes: 1234,
      prompts: null,
      signature: {
        inputs: '[{"type": "double", "name": "it\'s", "required": true}, {"type": "long", "name": "b", "required": true}]',
        outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
        params: null,
      },
      type_hint_from_example: false,
      utc_time_created: "2026-01-02 03:04:05.678901",
    });
  });

  it.each<[string, unknown]>([
    ["", null],
    ["# only a comment\n", null],
    ["---\na: 1 # one\n", { a: 1 }],
    [
      "a: -1.5e3\nb: 1_000\nc: 0123\nd: 12345678901234567890\ne: .5\nf: +7",
      { a: -1500, b: "1_000", c: "0123", d: "12345678901234567890", e: 0.5, f: 7 },
    ],
    ["a: yes\nb: ~\nc:\nd: True", { a: "yes", b: null, c: null, d: true }],
    ["- 1\n- two\n- [3, four]\n- []\n- {}\n", [1, "two", [3, "four"], [], {}]],
    ["a:\n- b: 1\n  c: 2\n- b: 3\nd:\n  - - 1\n    - 2\n", { a: [{ b: 1, c: 2 }, { b: 3 }], d: [[1, 2]] }],
    ["a: \"x\\ty\\u00e9\\n\"\nb: 'it''s'\n\"c d\": e\n", { a: "x\tyé\n", b: "it's", "c d": "e" }],
    ["a: |\n  one\n    two\n\n  three\nb: >-\n  folded\n  text\n", { a: "one\n  two\n\nthree\n", b: "folded text" }],
    ["a: a long text\n  that goes on\nb: http://x:80/y#z\n", { a: "a long text that goes on", b: "http://x:80/y#z" }],
    [
      "dependencies:\n- python=3.11\n- pip:\n  - mlflow==3.17.2\n  - 'numpy<3'\nname: env\n",
      { dependencies: ["python=3.11", { pip: ["mlflow==3.17.2", "numpy<3"] }], name: "env" },
    ],
    ['a: {"b": [1, null], "c": "d"}', { a: { b: [1, null], c: "d" } }],
    ["a: '1'\nb: 'x\n\n  y'\n", { a: "1", b: "x\ny" }],
    ["a: b: c", { a: "b: c" }],
    ['a: "one \\\n  two\n  three"', { a: "one two three" }],
    ["url: a:b", { url: "a:b" }],
    ["__proto__: 1", { ["__proto__"]: 1 }],
  ])("reads %j", (source, value) => {
    expect(JSON.stringify(read(source))).toBe(JSON.stringify(value));
  });

  it.each([
    ["a: !!python/object/apply:os.system ['id']", "not plain YAML"],
    ["!!js/function 'x'", "not plain YAML"],
    ["a: &x 1\nb: *x", "not plain YAML"],
    ["a: [*x, *x]", "in one line"],
    ["a: 1\n<<: 2", "merge keys"],
    ["? a\n: b", "not plain YAML"],
    ["a: 1\n---\nb: 2", "further documents"],
    ["%YAML 1.2\n---\na: 1", "further documents"],
    ["a: 1\na: 2", "twice"],
    ["a: 1\n  b: 2", "indented further"],
    ["a:\n\tb: 1", "tab"],
    ["a: 'x", "no end"],
    ['a: "\\q"', "stands for nothing"],
    ["a\nb: 1", "indented further"],
    ["a: 1\n - b", "indented further"],
    ["- 1\nb: 1", "belongs to nothing"],
  ])("refuses %j", (source, why) => {
    expect(() => readPlainYaml(source)).toThrow(why);
    expect(() => readPlainYaml(source)).toThrow(expect.objectContaining({ code: "corrupt_data" }));
  });

  it("refuses what is too deep, too much or too long", () => {
    const deep = Array.from({ length: 40 }, (_, i) => `${" ".repeat(i)}a:`).join("\n");
    expect(() => readPlainYaml(deep)).toThrow("too deep");
    expect(() => readPlainYaml(`a: ${"[".repeat(100)}${"]".repeat(100)}`)).toThrow("in one line");
    expect(() => readPlainYaml("- 1\n".repeat(60_000))).toThrow("holds too much");
    expect(() => readPlainYaml(`a: ${"x".repeat(1_100_000)}`)).toThrow("longer than");
  });

  it("reads long lines in time that grows with their length", () => {
    const evil = [
      `${"a".repeat(200_000)}:x`,
      `'${"''".repeat(100_000)}`,
      `a: ${" ".repeat(200_000)}x#`,
      `"${"\\\\".repeat(100_000)}`,
      "a: >\n" + " \n".repeat(100_000),
    ];
    evil.push(
      `a${" ".repeat(300_000)}b`,
      `'a${"\n".repeat(5)}${"b\n".repeat(300_000)}`,
      `"a\n${"b\\\n".repeat(200_000)}`,
      `a:\n${"  b\n".repeat(200_000)}`,
    );
    for (const source of evil) {
      try {
        readPlainYaml(source);
      } catch (error) {
        expect(error).toMatchObject({ code: "corrupt_data" });
      }
    }
  });
});
