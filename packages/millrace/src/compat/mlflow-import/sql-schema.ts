import { AppError } from "#kit/app-error";
import { sql, sqlText } from "#kit/sql";
import type { Reader } from "#ports/database";

/**
 * Revisions of MLflow's database in their order (mlflow/store/db_migrations/versions), from the first that has every column read
 * here (MLflow 2.9) to the one of MLflow 3.17.
 */
const revisions = `acf3f17fdcc7 867495a8f9d4 5b0e9adcef9c 4465047574b1 f5a4f2784254 0584bdc529eb 400f98739977 6953534de441 bda7b8c39065
  cbc13b556ace 770bee3ae1dd a1b2c3d4e5f6 de4033877273 1a0cddfcaa16 534353b11cbc 71994744cf8e 3da73c924c2f bf29a5ff90ea 1bd49d398cd23
  b7c8d9e0f1a2 5d2d30f0abce c9d4e5f6a7b8 2c33131f4dae d3e4f5a6b7c8 d0e1f2a3b4c5 c8d9e0f1a2b3 1b5f0d9ad7c1 e1f2a3b4c5d6 76601a5f987d
  c3d6457b6d8a a5b4c3d2e1f0 ae8bbe7743c9 7d34483879f0 da6fb0208061 89d3d66ed43f b7e4c1a90f23 a8b9c0d1e2f3 c1d2e3f4a5b6 c3d9e7f1a2b4
  6f8d9c3b2a1e 1971f2d9a75b 17e22815139b b7e2c1a4d9f3 75868b020152 dc11669786a5`.split(/\s+/);

/** What a database of MLflow's has, by its revision. */
export interface SqlSchema {
  revision: string;
  /** Models with ids of their own (3.0). */
  loggedModels: boolean;
  /** `inputs` have a step. */
  inputSteps: boolean;
  /** Traces (2.14). */
  traces: boolean;
  /** They have previews (3.0). */
  tracePreviews: boolean;
  /** They have assessments (3.2). */
  assessments: boolean;
  /** Spans of traces stand in a table (3.4). */
  spans: boolean;
  /** Several teams in one database (3.10). */
  workspaces: boolean;
}

/** Looks which schema a database has. Throws where it is none of MLflow's, too old, or newer than what is known here. */
export async function readSchema(reader: Reader, where: string): Promise<SqlSchema> {
  const rows = await reader.all<{ version_num: string }>(sql`select version_num from alembic_version`).catch((error: unknown) => {
    throw new AppError("corrupt_data", `${where} is no database of an MLflow tracking server: it has no table alembic_version.`, {
      cause: error,
      hint: "Name the database that `mlflow server --backend-store-uri` has; `mlflow db upgrade` makes the tables of an empty one.",
    });
  });
  const revision = rows[0]?.version_num ?? "none";
  const at = revisions.indexOf(revision);
  if (at < 0) {
    throw new AppError("unsupported", `${where} has the schema ${revision}, which is not one of MLflow 2.9 to 3.17.`, {
      hint: "Of an older MLflow: run `mlflow db upgrade` on a copy of it. Of a newer one: import from its server's http:// address instead.",
    });
  }
  const since = (first: string) => at >= revisions.indexOf(first);
  return {
    revision,
    loggedModels: since("400f98739977"),
    inputSteps: since("6953534de441"),
    traces: since("867495a8f9d4"),
    tracePreviews: since("cbc13b556ace"),
    assessments: since("770bee3ae1dd"),
    spans: since("a1b2c3d4e5f6"),
    workspaces: since("1b5f0d9ad7c1"),
  };
}

/** Tables of what is not taken over, in words. */
const others: [table: string, what: string, first: string][] = [
  ["evaluation_datasets", "evaluation datasets", "71994744cf8e"],
  ["scorers", "scorers", "534353b11cbc"],
  ["webhooks", "webhooks", "1a0cddfcaa16"],
  ["endpoints", "gateway endpoints", "5d2d30f0abce"],
  ["secrets", "gateway secrets", "1bd49d398cd23"],
  ["issues", "issues", "76601a5f987d"],
  ["label_schemas", "label schemas", "89d3d66ed43f"],
  ["review_queues", "review queues", "b7e4c1a90f23"],
  ["mcp_servers", "MCP servers", "a8b9c0d1e2f3"],
];

/** Counts what a database holds and is not taken over. */
export async function countOthers(reader: Reader, schema: SqlSchema): Promise<{ what: string; count: number }[]> {
  const found: { what: string; count: number }[] = [];
  const at = revisions.indexOf(schema.revision);
  const count = async (what: string, from: string) => {
    const row = await reader.get<{ n: number }>(sql`select count(*) as n from ${sqlText(from)}`);
    if (Number(row?.n ?? 0) > 0) found.push({ what, count: Number(row!.n) }); // it has one row
  };
  for (const [table, what, first] of others) {
    if (at < revisions.indexOf(first)) continue;
    await count(what, table);
  }
  if (schema.workspaces) {
    for (const table of ["experiments", "registered_models"])
      await count(`${table.replace("_", " ")} of workspaces other than default`, `${table} where workspace <> 'default'`);
  }
  return found;
}
