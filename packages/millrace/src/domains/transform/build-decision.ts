import { buildKey, emptySource, testKey, type InputVersion, type PreparedModel } from "./build-key.ts";
import type { BuildRecord } from "./model.ts";

/** `full`: all rows anew; `incremental`: only new rows; `test`: the rows stand, only the tests run; `skip`: nothing changed. */
export type BuildAction = "full" | "incremental" | "test" | "skip";

export interface BuildDecision {
  action: BuildAction;
  /** Why, in words: "new version of raw.flights (3 → 4)". */
  reason: string;
}

export interface DecisionFacts {
  prepared: PreparedModel;
  record: BuildRecord | undefined;
  /** What the rows are made from, now. `undefined` for a version that is not known yet because the input is about to be rebuilt. */
  inputs: readonly (InputVersion | { table: string; identity: undefined })[];
  testInputs: readonly (InputVersion | { table: string; identity: undefined })[];
  engine: string;
  /** Version of the model's table in the lake now, or undefined where there is none. */
  lakeVersion: number | undefined;
  fullRefresh: boolean;
}

/** Decides what a model needs. Everything that its rows depend on is compared with what stood at the last build. */
export function decideBuild(facts: DecisionFacts): BuildDecision {
  const { prepared, record, engine, lakeVersion, fullRefresh } = facts;
  const { config } = prepared.model;
  if (record === undefined) return { action: "full", reason: "not built yet" };
  if (record.materialized !== config.materialized) {
    const keeps = config.materialized === "incremental" && record.materialized === "table" && !fullRefresh;
    return {
      action: keeps && config.full_refresh === false ? "incremental" : "full",
      reason: `it was a ${record.materialized} and is now a ${config.materialized}`,
    };
  }
  const inLake = config.materialized === "table" || config.materialized === "incremental";
  if (inLake && lakeVersion === undefined) return { action: "full", reason: "its table is gone" };
  const keepsRows = config.materialized === "incremental";
  const mayRebuild = !(keepsRows && config.full_refresh === false);
  if (inLake && lakeVersion !== record.version && mayRebuild) return { action: "full", reason: "its table was changed by somebody else" };
  if (fullRefresh && mayRebuild) return { action: "full", reason: "a full refresh was asked for" };
  const update = keepsRows ? "incremental" : "full";
  if (record.codeDigest !== prepared.codeDigest) return { action: mayRebuild ? "full" : "incremental", reason: "its SQL or configuration changed" };
  if (record.engine !== engine) return { action: mayRebuild ? "full" : "incremental", reason: `the engine changed (${record.engine} → ${engine})` };

  const rebuilt = facts.inputs.find((input) => input.identity === undefined);
  if (rebuilt !== undefined) return { action: update, reason: `its input ${rebuilt.table} is built anew` };
  const inputs = facts.inputs.filter(isKnown);
  if (record.key !== buildKey(prepared.codeDigest, engine, inputs)) return { action: update, reason: inputChange(record, inputs) };

  const pendingTest = facts.testInputs.find((input) => input.identity === undefined);
  if (pendingTest !== undefined) return { action: "test", reason: `its tests read ${pendingTest.table}, which is built anew` };
  if (record.testKey !== testKey(prepared.testsDigest, facts.testInputs.filter(isKnown)))
    return { action: "test", reason: "its tests changed, or what they read" };
  return { action: "skip", reason: "unchanged" };
}

function isKnown(input: InputVersion | { table: string; identity: undefined }): input is InputVersion {
  return input.identity !== undefined;
}

function inputChange(record: BuildRecord, inputs: readonly InputVersion[]): string {
  const before = new Map(record.inputs.map(({ table, version }) => [table, version]));
  const changed = inputs.filter(({ table, version, identity }) => before.get(table) !== version && !(identity === emptySource && !before.has(table)));
  const described = changed.map(({ table, version }) =>
    before.has(table) ? `${table} (${before.get(table)} → ${version})` : `${table} (${version})`,
  );
  return described.length === 0 ? "its inputs changed" : `new version of ${described.join(", ")}`;
}
