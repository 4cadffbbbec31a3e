import { randomUUID } from "node:crypto";
import { walkTraces } from "#domains/traces";
import type { TrackingServices } from "#domains/tracking";
import { type Sql, sql, sqlJoin } from "#kit/sql";
import { endpoint, type Handler } from "./endpoint.ts";
import { findActive } from "./trace-lookup.ts";
import { comparisonsOf, unquoted } from "./filter.ts";
import { pythonText } from "./filter-tokens.ts";
import { insertIssue, type Issue, issueOf, issuesWhere, issueStatuses, rankOf, saveIssue, severities } from "./issue-store.ts";
import { checkLength, checkPage } from "./limits.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, integer, needText, text, texts, truth } from "./request.ts";
import { findRun } from "./runs.ts";

const issuesPerPage = 50_000;

const create: Handler = async ({ tracking }, fields) => {
  const [name, description, experiment] = [needText(fields, "name"), needText(fields, "description"), needText(fields, "experiment_id")];
  checkTexts(name, description);
  const status = oneOf(fields, "status", issueStatuses) ?? "pending";
  const severity = oneOf(fields, "severity", severities);
  await findActive(tracking, experiment);
  const sourceRun = text(fields, "source_run_id") || undefined;
  if (sourceRun !== undefined) await findRun(tracking, sourceRun);
  const nowMs = tracking.clock.now();
  const issue: Issue = {
    ...{ id: `iss-${randomUUID().replaceAll("-", "")}`, experiment, name, description, status, severity, sourceRun },
    ...{ rootCauses: checked(fields, "root_causes"), categories: checked(fields, "categories") },
    ...{ createdBy: text(fields, "created_by") || undefined, createdMs: nowMs, updatedMs: nowMs },
  };
  await tracking.state.write((transaction) => insertIssue(transaction, issue));
  return { issue: wireIssue(issue) };
};

const get: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "issue_id");
  const issue = await issueOf(tracking.state, id);
  if (issue === undefined) throw noIssue(id);
  return { issue: wireIssue(issue) };
};

/** What is empty stays as it is. */
const update: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "issue_id");
  const status = oneOf(fields, "status", issueStatuses);
  const severity = oneOf(fields, "severity", severities);
  const [name, description] = [text(fields, "name") || undefined, text(fields, "description") || undefined];
  checkTexts(name ?? "", description ?? "");
  const changed = await tracking.state.write(async (transaction) => {
    const standing = await issueOf(transaction, id);
    if (standing === undefined) throw noIssue(id);
    const next: Issue = {
      ...standing,
      ...{ name: name ?? standing.name, description: description ?? standing.description, status: status ?? standing.status },
      ...{ severity: severity ?? standing.severity, updatedMs: tracking.clock.now() },
    };
    await saveIssue(transaction, next);
    return next;
  });
  return { issue: wireIssue(changed) };
};

const search: Handler = async ({ tracking }, fields) => {
  const limit = checkPage(integer(fields, "max_results") ?? 100, issuesPerPage);
  const offset = readToken(text(fields, "page_token"));
  const experiment = text(fields, "experiment_id");
  const conditions = [...(experiment ? [sql`experiment = ${experiment}`] : []), ...readFilter(text(fields, "filter_string"))];
  const where = conditions.length === 0 ? sql`1 = 1` : sqlJoin(conditions, " and ");
  const counted = truth(fields, "include_trace_count") === true;
  const found = counted
    ? (await byTraces(tracking, where)).slice(offset, offset + limit + 1)
    : (await issuesWhere(tracking.state, where, { offset, limit: limit + 1 })).map((issue) => ({ issue, traces: undefined }));
  const page = found.slice(0, limit).map(({ issue, traces }) => wireIssue(issue, traces));
  return { ...(page.length > 0 && { issues: page }), next_page_token: found.length > limit ? writeToken(offset + limit) : "" };
};

export const issueRoutes = [
  ...endpoint("POST", "issues", "project:run", create, "3.0"),
  ...endpoint("POST", "issues/search", "project:read", search, "3.0"),
  ...endpoint("GET", "issues/{issue_id}", "project:read", get, "3.0"),
  ...endpoint("PATCH", "issues/{issue_id}", "project:run", update, "3.0"),
];

/** All issues with the number of traces whose assessments name them; of the same severity, those of more traces first. */
async function byTraces(tracking: TrackingServices, where: Sql): Promise<{ issue: Issue; traces: number }[]> {
  const issues = await issuesWhere(tracking.state, where, { offset: 0, limit: issuesPerPage });
  const counts = new Map(issues.map(({ id }) => [id, 0]));
  const experiments = [...new Set(issues.map(({ experiment }) => experiment))];
  for await (const { trace } of walkTraces(tracking, { experiments })) {
    const named = new Set(trace.assessments.filter(({ kind }) => kind === "issue").map(({ name }) => name));
    for (const id of named) if (counts.has(id)) counts.set(id, counts.get(id)! + 1); // just asked
  }
  const rows = issues.map((issue) => ({ issue, traces: counts.get(issue.id)! })); // each has one
  return rows.sort((a, b) => rankOf(b.issue.severity) - rankOf(a.issue.severity) || b.traces - a.traces); // they came the newest first
}

const filterFields: Record<string, Sql> = { status: sql`status`, source_run_id: sql`source_run` };

function readFilter(filter: string | undefined): Sql[] {
  return comparisonsOf(filter).map(({ name, op, value }) => {
    const key = unquoted(name, "`'\"").trim();
    if (!Object.hasOwn(filterFields, key)) throw invalid(`Invalid filter field '${key}'. Supported fields: ${set(Object.keys(filterFields))}`);
    if ((op !== "=" && op !== "!=") || value === undefined) throw invalid(`Invalid comparator '${op}'. Supported comparators: ${set(["=", "!="])}`);
    const wanted = unquoted(value.text, "'\"").trim();
    return op === "=" ? sql`${filterFields[key]!} = ${wanted}` : sql`${filterFields[key]!} <> ${wanted}`; // just asked
  });
}

function set(names: string[]): string {
  return `{${names.map(pythonText).join(", ")}}`;
}

function writeToken(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString("base64");
}

function readToken(token: string | undefined): number {
  if (!token) return 0;
  try {
    const { offset } = JSON.parse(Buffer.from(token, "base64").toString()) as { offset?: unknown }; // judged below
    if (typeof offset === "number" && Number.isSafeInteger(offset) && offset >= 0) return offset;
  } catch {
    // told below
  }
  throw invalid("Invalid page token, could not base64-decode");
}

function oneOf<Name extends string>(fields: Fields, field: string, names: readonly Name[]): Name | undefined {
  const value = text(fields, field);
  if (value === undefined) return undefined;
  const name = names.find((each) => each === value);
  if (name === undefined) throw invalid(`Invalid value '${value}' for parameter '${field}' supplied: it is one of ${names.join(", ")}.`);
  return name;
}

function checkTexts(name: string, description: string): void {
  checkLength("name", 250, name);
  checkLength("description", 65_535, description);
}

function checked(fields: Fields, field: string): string[] {
  const list = texts(fields, field);
  if (list.length > 100) throw invalid(`'${field}' holds at most 100 texts`);
  for (const each of list) checkLength(field, 65_535, each);
  return list;
}

function wireIssue(issue: Issue, traces?: number): object {
  return {
    ...{ issue_id: issue.id, experiment_id: issue.experiment, name: issue.name, description: issue.description, status: issue.status },
    ...(issue.severity !== undefined && { severity: issue.severity }),
    ...(issue.rootCauses.length > 0 && { root_causes: issue.rootCauses }),
    ...(issue.sourceRun !== undefined && { source_run_id: issue.sourceRun }),
    ...(issue.categories.length > 0 && { categories: issue.categories }),
    ...{ created_timestamp: issue.createdMs, last_updated_timestamp: issue.updatedMs },
    ...(issue.createdBy !== undefined && { created_by: issue.createdBy }),
    ...(traces !== undefined && { trace_count: traces }),
  };
}

function noIssue(id: string): Error {
  return absent(`Issue with ID '${id.slice(0, 300)}' not found`);
}
