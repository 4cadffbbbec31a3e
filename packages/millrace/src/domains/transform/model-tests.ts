import { AppError } from "#kit/app-error";
import { isRelation, type Relation } from "./dbt-relation.ts";
import { isCallable, isHost, toHost, type Value } from "./jinja-values.ts";
import type { DataTest, RelationArgument, Severity } from "./model.ts";

/**
 * Reads `tests={'column': ['not_null', {'accepted_values': {'values': […], 'severity': 'warn'}}]}`. The shape of one column's list is
 * that of `data_tests:` in dbt's schema.yml. `relations` are the references among the arguments.
 */
export function readTests(model: string, file: string, value: Value): { tests: DataTest[]; relations: Set<Relation> } {
  const relations = new Set<Relation>();
  const plain = toHost(value, (object): RelationArgument => {
    if (isHost(object) && isRelation(object)) {
      relations.add(object);
      return { relation: { schema: object.schema, name: object.name } };
    }
    throw invalid(file, isCallable(object) ? `\`tests\` holds the function \`${object.name}\`` : "`tests` holds something that is not defined");
  });
  if (!isRecord(plain)) throw invalid(file, "`tests` is not a dict of columns");
  const tests = Object.entries(plain).flatMap(([column, list]) => {
    if (!Array.isArray(list)) throw invalid(file, `the tests of column \`${column}\` are not a list`);
    return list.map((item: unknown) => readTest(model, file, column, item));
  });
  const counts = new Map<string, number>();
  for (const test of tests) {
    const count = (counts.get(test.name) ?? 0) + 1;
    counts.set(test.name, count);
    if (count > 1) test.name += `_${count}`;
  }
  return { tests, relations };
}

function readTest(model: string, file: string, column: string, item: unknown): DataTest {
  if (typeof item === "string") return dataTest(model, file, column, item, {});
  if (!isRecord(item)) throw invalid(file, `a test of column \`${column}\` is neither a name nor a dict`);
  const entries = Object.entries(item);
  const [entry] = entries;
  if (entry === undefined || entries.length !== 1 || !isRecord(entry[1])) {
    throw invalid(file, `a test of column \`${column}\` is not of the form {'name': {arguments}}`);
  }
  return dataTest(model, file, column, entry[0], entry[1]);
}

const requiredArguments: Record<string, string[]> = { not_null: [], unique: [], accepted_values: ["values"], relationships: ["to", "field"] };

function dataTest(model: string, file: string, column: string, kind: string, given: Record<string, unknown>): DataTest {
  // dbt puts these beside the arguments or under `config`, and lately the arguments under `arguments`
  const config = isRecord(given["config"]) ? given["config"] : {};
  const nested = isRecord(given["arguments"]) ? given["arguments"] : {};
  const { where, severity, config: _config, arguments: _arguments, name: _name, ...rest } = { ...given, ...nested, ...config };
  for (const needed of requiredArguments[kind] ?? []) {
    if (!(needed in rest)) throw invalid(file, `the test \`${kind}\` of column \`${column}\` lacks \`${needed}\``);
  }
  if (where !== undefined && typeof where !== "string")
    throw invalid(file, `\`where\` of the test \`${kind}\` of column \`${column}\` is not a text`);
  return { name: `${kind}_${model}_${column}`, kind, column, args: rest, where, severity: readSeverity(file, column, kind, severity) };
}

function readSeverity(file: string, column: string, kind: string, severity: unknown): Severity {
  if (severity === undefined) return "error";
  const lower = typeof severity === "string" ? severity.toLowerCase() : "";
  if (lower === "warn" || lower === "error") return lower;
  throw invalid(file, `\`severity\` of the test \`${kind}\` of column \`${column}\` is ${JSON.stringify(severity)}, not "warn" or "error"`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(file: string, reason: string): AppError {
  return new AppError("invalid_definition", `${file}: ${reason}.`, {
    hint: "Write tests={'column': ['not_null', {'accepted_values': {'values': [1, 2]}}]}.",
    details: { file },
  });
}
