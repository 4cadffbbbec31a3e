import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parseFilter } from "../../packages/millrace/src/compat/mlflow/filter.ts";
import {
  experimentGrammar,
  loggedModelGrammar,
  modelGrammar,
  runGrammar,
  versionGrammar,
} from "../../packages/millrace/src/compat/mlflow/grammars.ts";
import { mlflowPython } from "./mlflow-client.ts";

const grammars = {
  runs: runGrammar,
  experiments: experimentGrammar,
  models: modelGrammar,
  versions: versionGrammar,
  "logged models": loggedModelGrammar,
};
type Kind = keyof typeof grammars;

const names: Record<Kind, string[]> = {
  runs: [
    "metrics.acc",
    "metric.`val loss`",
    'metrics."a.b"',
    "params.depth",
    "parameter.x",
    "tags.mlflow.user",
    "tag.`a b`",
    "attributes.status",
    "attr.start_time",
    "run_id",
    "run_name",
    "run.user_id",
    "end_time",
    "created",
    "dataset.name",
    "datasets.digest",
    "dataset.other",
    "foo",
    "foo.bar",
    "attributes.foo",
  ],
  experiments: ["name", "attribute.name", "experiment_id", "creation_time", "last_update_time", "tags.a", "tag.`a b`", "params.a", "foo"],
  models: ["name", "attribute.name", "tags.a", "tag.`mlflow.prompt.is_prompt`", "run_id", "metrics.a"],
  versions: ["name", "version_number", "run_id", "source_path", "tags.a", "stage", "params.a"],
  "logged models": ["name", "model_id", "status", "source_run_id", "creation_time", "creation_timestamp", "metrics.acc", "params.a", "tags.a"],
};
const operators = ["=", "!=", ">", ">=", "<", "<=", "==", "<>", "LIKE", "like", "ILIKE", "RLIKE", "IN", "NOT IN"];
const values = ["1", "'2'", "-2.5", "1e3", "'a'", '"a b"', "''", "'it%'", "abc", "('a', 'b')", "('a')", "()", "(1, 2)", "''x", "NULL"];
const wholes = ["", " ", "AND", "x", "'a'", "metrics.acc", "metrics.acc >", "> 1", "metrics.acc > 1 AND", "metrics.acc > 1 OR params.a = 'b'", "(metrics.acc > 1)", "NOT metrics.acc > 1", "metrics.acc > 1, params.a = 'b'", "metrics.acc > 1 AND params.a = 'b' and tags.c LIKE '%d'", "params.a IS NULL", "tags.a is not null", "metrics.a IS NULL", "name IS NULL", "params.a BETWEEN 'a' AND 'b'", "metrics.acc > 1;", "params.a='b'", "metrics.a>=1", "tags.a != 'x' AND tags.b = \"y\"", "metrics.acc > metrics.b", "'a' = params.a", "params.a = 'AND'", "params.a = 'x = y'", "tags.a = 'b''c'", "metrics.a > .5", "metrics.a > 5.", "metrics.a > +1", "params.`a.b` = 'c'", "`params`.a = 'c'", "params.a = `c`", "params.a = 'b' AND AND tags.c = 'd'", "run_id IN ('a','b') AND metrics.a > 1", "name NOT IN ('a')"]; // prettier-ignore

const kinds = Object.keys(grammars) as Kind[];
const corpus: [Kind, string][] = kinds.flatMap((kind) => [
  ...wholes.map((whole): [Kind, string] => [kind, whole]),
  ...names[kind].flatMap((name) => operators.flatMap((operator) => values.map((value): [Kind, string] => [kind, `${name} ${operator} ${value}`]))),
]);

describe("filters", () => {
  it("are read as MLflow 3.17.2 reads them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-filters-"));
    try {
      await writeFile(join(folder, "corpus.json"), JSON.stringify(corpus));
      const script = join(import.meta.dirname, "mlflow-filters.py");
      const { stdout } = await promisify(execFile)(await mlflowPython("3.17.2"), [script, join(folder, "corpus.json")], { maxBuffer: 1 << 28 });
      const verdicts = JSON.parse(stdout.trim().split("\n").at(-1)!) as unknown[]; // one for each of the corpus
      const different = corpus.flatMap(([kind, filter], i) => {
        const ours = read(kind, filter);
        return JSON.stringify(ours) === JSON.stringify(normal(verdicts[i])) ? [] : [{ kind, filter, ours, theirs: verdicts[i] }];
      });
      expect(different).toEqual([]);
      expect(corpus.length).toBeGreaterThan(5_000);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function read(kind: Kind, filter: string): unknown {
  try {
    return parseFilter(filter, grammars[kind]).map(({ entity, key, op, value }) => [entity, key, op, value ?? null]);
  } catch {
    return null;
  }
}

/** MLflow keeps a metric's number as text until it compares. */
function normal(verdict: unknown): unknown {
  if (!Array.isArray(verdict)) return verdict;
  return verdict.map(([entity, key, op, value]: [string, string, string, unknown]) => [entity, key, op, entity === "metric" ? Number(value) : value]);
}
