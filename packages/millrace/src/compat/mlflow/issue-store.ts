import { type Sql, sql } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";

export const issueStatuses = ["pending", "rejected", "resolved"] as const;
export type IssueStatus = (typeof issueStatuses)[number];
/** From the lightest on. */
export const severities = ["not_an_issue", "low", "medium", "high"] as const;
export type Severity = (typeof severities)[number];

/** What somebody found wrong with traces of an experiment. */
export interface Issue {
  id: string;
  experiment: string;
  name: string;
  description: string;
  status: IssueStatus;
  severity: Severity | undefined;
  rootCauses: string[];
  categories: string[];
  sourceRun: string | undefined;
  createdBy: string | undefined;
  createdMs: number;
  updatedMs: number;
}

interface IssueRow {
  id: string;
  experiment: string;
  name: string;
  description: string;
  status: IssueStatus;
  severity: Severity | null;
  root_causes: string;
  categories: string;
  source_run: string | null;
  created_by: string | null;
  created_ms: number;
  updated_ms: number;
}

const columns = sql`id, experiment, name, description, status, severity, root_causes, categories, source_run, created_by, created_ms, updated_ms`;

export async function insertIssue(transaction: Transaction, issue: Issue): Promise<void> {
  await transaction.run(sql`insert into mlflow_issue (${columns}, severity_rank) values (${issue.id}, ${issue.experiment}, ${issue.name},
    ${issue.description}, ${issue.status}, ${issue.severity ?? null}, ${JSON.stringify(issue.rootCauses)}, ${JSON.stringify(issue.categories)},
    ${issue.sourceRun ?? null}, ${issue.createdBy ?? null}, ${issue.createdMs}, ${issue.updatedMs}, ${rankOf(issue.severity)})`);
}

export async function saveIssue(transaction: Transaction, issue: Issue): Promise<void> {
  await transaction.run(sql`update mlflow_issue set name = ${issue.name}, description = ${issue.description}, status = ${issue.status},
    severity = ${issue.severity ?? null}, severity_rank = ${rankOf(issue.severity)}, updated_ms = ${issue.updatedMs} where id = ${issue.id}`);
}

export async function issueOf(reader: Reader, id: string): Promise<Issue | undefined> {
  const row = await reader.get<IssueRow>(sql`select ${columns} from mlflow_issue where id = ${id}`);
  return row && parse(row);
}

/** The gravest first, then the newest. */
export async function issuesWhere(reader: Reader, where: Sql, { offset, limit }: { offset: number; limit: number }): Promise<Issue[]> {
  const rows = await reader.all<IssueRow>(
    sql`select ${columns} from mlflow_issue where ${where} order by severity_rank desc, created_ms desc, id desc limit ${limit} offset ${offset}`,
  );
  return rows.map(parse);
}

/** -1 for none. */
export function rankOf(severity: Severity | undefined): number {
  return severity === undefined ? -1 : severities.indexOf(severity);
}

function parse(row: IssueRow): Issue {
  return {
    ...{ id: row.id, experiment: row.experiment, name: row.name, description: row.description, status: row.status },
    severity: row.severity ?? undefined,
    rootCauses: JSON.parse(row.root_causes) as string[], // written above
    categories: JSON.parse(row.categories) as string[], // written above
    sourceRun: row.source_run ?? undefined,
    createdBy: row.created_by ?? undefined,
    ...{ createdMs: row.created_ms, updatedMs: row.updated_ms },
  };
}
