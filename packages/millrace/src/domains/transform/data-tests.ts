import { AppError } from "#kit/app-error";
import { quoteName, quoteText } from "#kit/sql-text";
import type { Warehouse } from "#ports/warehouse";
import { compile, type CompiledSql } from "./compile.ts";
import { modelSqlError } from "./compiled-place.ts";
import { relation } from "./dbt-relation.ts";
import { parseTemplate } from "./jinja-parser.ts";
import { templateSource } from "./jinja-source.ts";
import { fromHost, type Value } from "./jinja-values.ts";
import { modelSchema, type DataTest, type ProjectGraph, type RelationArgument, type Severity, type SingularTest, type TestResult } from "./model.ts";

const exampleCount = 3;

/**
 * Runs the tests of a model on the relations that `database` holds under the models' names, so that rows can be tested before anybody
 * else sees them. Never throws because a test fails; throws `sql_error` where a test cannot be run.
 */
export async function runDataTests(options: {
  graph: ProjectGraph;
  warehouse: Warehouse;
  database: string;
  model: string;
  tests: readonly DataTest[];
  singular: readonly SingularTest[];
}): Promise<TestResult[]> {
  const { graph, warehouse, database, model, tests, singular } = options;
  const results: TestResult[] = [];
  for (const test of tests) {
    const compiled = compileDataTest(graph, model, test, database);
    const column = test.column === undefined ? {} : { column: test.column };
    results.push({ name: test.name, ...column, ...(await failingRows(warehouse, compiled, test.severity, database)) });
  }
  for (const test of singular) {
    const { compiled } = compile(graph, test.template, { name: test.name, database });
    results.push({ name: test.name, ...(await failingRows(warehouse, compiled, test.severity, database)) });
  }
  return results;
}

async function failingRows(
  warehouse: Warehouse,
  compiled: CompiledSql,
  severity: Severity,
  database: string,
): Promise<Omit<TestResult, "name" | "column">> {
  try {
    await warehouse.describe(compiled.sql); // complaints come with the place in the test's own text
    const [count] = await warehouse.rows(`select count(*) as failures from (${compiled.sql}\n) as failing`);
    const failures = Number(count!["failures"]);
    if (failures === 0) return { severity, status: "passed", failures, examples: [] };
    const examples = await warehouse.rows(`select * from (${compiled.sql}\n) as failing limit ${exampleCount}`);
    return { severity, status: severity === "warn" ? "warned" : "failed", failures, examples };
  } catch (error) {
    throw modelSqlError(compiled, error, { columns: [], database });
  }
}

/** The query that gives the rows that break a test. */
function compileDataTest(graph: ProjectGraph, model: string, test: DataTest, database: string): CompiledSql {
  const file = graph.models.get(model)!.file; // the test is one of this model's
  const label = `${file} (test ${test.name})`;
  const own = relationText(database, { schema: modelSchema, name: model });
  const rows = test.where === undefined ? own : `(select * from ${own} where ${test.where})`;
  const column = quoteName(test.column ?? "");
  const { args } = test;
  switch (test.kind) {
    case "not_null":
      return plain(label, `select * from ${rows} as tested where ${column} is null`);
    case "unique":
      return plain(
        label,
        `select ${column}, count(*) as "rows" from ${rows} as tested where ${column} is not null group by ${column} having count(*) > 1`,
      );
    case "accepted_values": {
      const values = Array.isArray(args["values"]) ? args["values"].map((value) => literal(value)) : [];
      if (values.length === 0) throw badArguments(label, "`values` is not a list with something in it");
      return plain(label, `select * from ${rows} as tested where ${column} not in (${values.join(", ")})`);
    }
    case "relationships": {
      if (!isRelationArgument(args["to"]) || typeof args["field"] !== "string") throw badArguments(label, "`to` is not ref(…) or `field` not a text");
      const parent = relationText(database, args["to"].relation);
      const field = quoteName(args["field"]);
      return plain(
        label,
        `select tested.* from ${rows} as tested where ${column} is not null and not exists (select 1 from ${parent} as parent where parent.${field} = tested.${column})`,
      );
    }
    default:
      return customTest(graph, model, test, database, rows);
  }
}

/** A test of the project's own: `{% test name(model, column_name, …) %}` in a file of macros. */
function customTest(graph: ProjectGraph, model: string, test: DataTest, database: string, rows: string): CompiledSql {
  const macro = `test_${test.kind}`;
  const owner = graph.macros.find(({ template }) => template.body.some((node) => node.type === "macro" && node.macro.name === macro));
  const file = graph.models.get(model)!.file;
  if (owner === undefined) {
    throw new AppError("invalid_definition", `${file}: there is no test \`${test.kind}\`.`, {
      hint: `The tests are not_null, unique, accepted_values, relationships, and those of macros/ written as {% test ${test.kind}(model, column_name) %}.`,
    });
  }
  const values = new Map<string, Value>([["model", rows]]);
  if (test.column !== undefined) values.set("column_name", test.column);
  for (const [name, value] of Object.entries(test.args)) {
    values.set(name, isRelationArgument(value) ? relation(database, value.relation.schema, value.relation.name) : fromHost(value));
  }
  const call = templateSource(file, `{{ ${macro}(${[...values.keys()].map((name) => `${name}=__test_arguments.${name}`).join(", ")}) }}`);
  const extra = new Map<string, Value>([
    ["__test_arguments", { type: "host", kind: "arguments", render: () => "", attribute: (name) => values.get(name) }],
  ]);
  return compile(graph, parseTemplate(call), { name: model, database, extra }).compiled;
}

function plain(file: string, sql: string): CompiledSql {
  return { file, sql, pieces: [] };
}

function relationText(database: string, { schema, name }: { schema: string; name: string }): string {
  return [database, schema, name].map(quoteName).join(".");
}

function isRelationArgument(value: unknown): value is RelationArgument {
  return typeof value === "object" && value !== null && "relation" in value;
}

function literal(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoteText(value);
  return "null";
}

function badArguments(label: string, reason: string): AppError {
  return new AppError("invalid_definition", `${label}: ${reason}.`);
}

/** What is wrong, for people: the tests that failed with their number of rows and an example each. */
export function testFailure(file: string, model: string, results: readonly TestResult[], standing: string): AppError {
  const failed = results.filter((result) => result.status === "failed");
  const lines = failed.map((result) => {
    const example = result.examples[0] === undefined ? "" : `, such as ${shortJson(result.examples[0])}`;
    return `  ${result.name}: ${result.failures} ${result.failures === 1 ? "row" : "rows"}${example}`;
  });
  return new AppError(
    "test_failed",
    `${file}: ${failed.length} of ${results.length} tests of \`${model}\` failed; ${standing}.\n${lines.join("\n")}`,
    {
      hint: "Correct the rows or the model, or give the test severity='warn'.",
      details: { model, file, tests: failed },
    },
  );
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
