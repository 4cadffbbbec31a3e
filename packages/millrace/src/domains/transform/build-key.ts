import { digestOf } from "#kit/hash";
import { compile, type CompiledSql } from "./compile.ts";
import type { Model, ProjectGraph, SingularTest } from "./model.ts";

/** A model compiled for reading, with the digests that tell whether it changed. */
export interface PreparedModel {
  model: Model;
  /** As a first build: what keys, definitions and lineage are made from. */
  compiled: CompiledSql;
  /** Digest of its SQL (macros and variables included) and of the configuration that its rows depend on. */
  codeDigest: string;
  /** Tests of their own that can run as soon as this model is built. */
  singular: SingularTest[];
  /** Digest of its tests. */
  testsDigest: string;
  /** Models that only its tests read. */
  testRefs: string[];
}

/** The version of something that is read, as keys hold it. `identity` is equal only where the rows are. */
export interface InputVersion {
  table: string;
  version: number;
  identity: string;
}

/** The identity of a source that nothing has been written to yet. */
export const emptySource = "empty";

export function prepareModel(graph: ProjectGraph, model: Model, singular: SingularTest[]): PreparedModel {
  const { compiled } = compile(graph, model.template, { name: model.name });
  const again =
    model.config.materialized === "incremental" ? compile(graph, model.template, { name: model.name, isIncremental: true }).compiled.sql : "";
  const { materialized, unique_key, incremental_strategy } = model.config;
  const tests = singular.map((test) => ({
    name: test.name,
    severity: test.severity,
    sql: compile(graph, test.template, { name: test.name }).compiled.sql,
  }));
  const others = singular.flatMap((test) => test.refs).filter((name) => name !== model.name && !model.refs.includes(name));
  return {
    model,
    compiled,
    codeDigest: digestOf({ sql: compiled.sql, again, materialized, unique_key, incremental_strategy }),
    singular,
    testsDigest: digestOf({ declared: model.tests, tests, macros: model.tests.some(isCustom) ? graph.macros.map(({ source }) => source.text) : [] }),
    testRefs: [...new Set([...model.testRefs, ...others])],
  };
}

const builtinTests = ["not_null", "unique", "accepted_values", "relationships"];

function isCustom(test: { kind: string }): boolean {
  return !builtinTests.includes(test.kind);
}

/** Each test of its own stands with the last model it reads: all the others are built by then. */
export function singularTestsByModel(graph: ProjectGraph): Map<string, SingularTest[]> {
  const position = new Map([...graph.models.keys()].map((name, index) => [name, index]));
  const result = new Map<string, SingularTest[]>();
  for (const test of graph.tests) {
    const last = test.refs.toSorted((a, b) => position.get(b)! - position.get(a)!)[0]!; // a test without models is refused when it is loaded
    result.set(last, [...(result.get(last) ?? []), test]);
  }
  return result;
}

export function buildKey(codeDigest: string, engine: string, inputs: readonly InputVersion[]): string {
  return digestOf({ codeDigest, engine, inputs: inputs.map(({ table, identity }) => ({ table, identity })) });
}

export function testKey(testsDigest: string, inputs: readonly InputVersion[]): string {
  return digestOf({ testsDigest, inputs: inputs.map(({ table, identity }) => ({ table, identity })) });
}
