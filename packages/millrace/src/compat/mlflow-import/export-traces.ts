import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type AdoptedTrace, givenTrace, traceFolder, wireTraceId } from "#compat/mlflow";
import { walkTraces } from "#domains/traces";
import { artifactKey } from "#domains/tracking";
import { digestOf } from "#kit/hash";
import { type Sql, sql, sqlJoin, sqlText } from "#kit/sql";
import type { Reader, Transaction } from "#ports/database";
import { exportFiles, folderFiles } from "./export-files.ts";
import type { ExportContext } from "./export-mlflow.ts";
import { fileOf, layout, locationOf } from "./export-target.ts";
import type { ExperimentRecord } from "./records.ts";
import { orProblem } from "./report.ts";
import type { ArtifactFolder } from "./source.ts";
import { spansAmong, spansIn } from "./span-file.ts";

/** Spans stand in a table, or in this file where the schema has none. */
const spanFile = "traces.json";

/** Writes the traces of an experiment with their spans, assessments and files. */
export async function exportTraces(context: ExportContext, experiment: ExperimentRecord, copied: boolean): Promise<void> {
  const { here, target, report, written, idThere, dryRun, signal } = context;
  const number = idThere.get(experiment.id)!; // all are numbered
  const { schema } = target;
  const tables = await traceTables(target.database);
  let leftOut = 0;
  for await (const found of walkTraces(here.tracking, { experiments: [experiment.id], spans: true })) {
    signal.throwIfAborted();
    if (!schema.traces) {
      leftOut++;
      continue;
    }
    report.kinds.traces.found++;
    const id = wireTraceId(found.trace.id);
    await orProblem(report, "traces", id, async () => {
      const folder = await traceFolder(here.tracking, experiment.id, id);
      const path = layout.trace(number, id);
      const isHere = copied && folder !== undefined;
      const generation = schema.spans ? "table" : "file";
      const location = isHere ? locationOf(target, path) : `${experiment.location}/traces/${id}/artifacts`;
      const given = givenTrace(found, { experiment: number, location, generation });
      const own = isHere && !schema.spans ? await spansAmong(folderHere(context, folder), id) : [];
      const trace: AdoptedTrace = {
        ...given,
        ...(!schema.assessments && { assessments: [] }),
        ...(!schema.spans && { spans: own.length > 0 ? own : spansIn(spanText(given), id) }),
      };
      report.kinds.traces.new++;
      if (!dryRun) {
        await target.database.write((transaction) => insertTraceRows(transaction, tables, trace));
        written.set(`traces ${id}`, digestOf(trace));
      }
      if (isHere)
        await exportFiles(here.tracking, report, {
          ...{ id: `trace ${id}`, files: folderFiles(here.tracking, folder), dryRun },
          place: (file) => fileOf(target, `${path}/${file}`),
        });
      if (isHere && !schema.spans && own.length === 0 && !dryRun && trace.spans.length > 0)
        await writeSpans(fileOf(target, `${path}/${spanFile}`), trace);
      return true;
    });
    if (report.kinds.traces.found % 100 === 0) context.progress(`${report.kinds.traces.found} traces`);
  }
  if (leftOut > 0) report.leftOut.push({ what: `traces of experiment ${number}`, count: leftOut });
}

/** Files below a folder here, as those of a source. */
function folderHere({ here: { tracking } }: ExportContext, folder: string): ArtifactFolder {
  return {
    async *list() {
      for await (const { path, content, sizeBytes } of folderFiles(tracking, folder))
        yield {
          ...{ path, sizeBytes, stamp: content },
          async *bytes() {
            yield* await tracking.blobs.get(artifactKey(content));
          },
        };
    },
  };
}

async function writeSpans(file: string, trace: AdoptedTrace): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, spanText(trace), { flush: true });
}

function spanText({ spans }: AdoptedTrace): string {
  return `{"spans": [${spans.join(", ")}]}`;
}

/** MLflow's own tables of traces. What they hold beside of counts and costs, MLflow itself makes from the spans as they come. */
async function insertTraceRows(transaction: Transaction, tables: TraceTables, trace: AdoptedTrace): Promise<void> {
  const insert = (table: TraceTable, row: Row) => insertRow(transaction, table, tables[table], row);
  const { id, experiment, status, startedMs, durationMs = null, request, inputs, outputs, tags, metadata } = trace;
  const number = sql`cast(${experiment} as bigint)`; // file stores have numbers beyond 2^53
  await insert("trace_info", {
    ...{ request_id: id, experiment_id: number, timestamp_ms: startedMs, execution_time_ms: durationMs, status },
    ...{ client_request_id: request ?? null, request_preview: inputs ?? null, response_preview: outputs ?? null },
    ...{ trace_name: tags["mlflow.traceName"] ?? null, session_id: metadata["mlflow.trace.session"] ?? null },
    ...tokensIn(metadata["mlflow.trace.tokenUsage"]),
  });
  for (const [key, value] of Object.entries(tags)) await insert("trace_tags", { key, value, request_id: id });
  for (const [key, value] of Object.entries(metadata)) await insert("trace_request_metadata", { key, value, request_id: id });
  for (const each of trace.assessments) {
    const { error, source, span, rationale, overrides } = each;
    await insert("assessments", {
      ...{ assessment_id: each.id, trace_id: id, name: each.name, assessment_type: each.kind, value: JSON.stringify(each.value ?? null) },
      error: error === undefined ? null : JSON.stringify({ error_code: error.code, error_message: error.message, stack_trace: error.stack }),
      ...{
        created_timestamp: each.createdMs,
        last_updated_timestamp: each.updatedMs,
        source_type: source?.kind ?? "CODE",
        source_id: source?.id ?? "",
      },
      ...{ span_id: span ?? null, rationale: rationale ?? null, overrides: overrides ?? null, valid: each.valid ? 1 : 0 },
      assessment_metadata: Object.keys(each.metadata).length > 0 ? JSON.stringify(each.metadata) : null,
      ...{ experiment_id: number, trace_timestamp_ms: startedMs },
      ...(typeof each.value === "number" && { aggregate_value: each.value, is_numeric_value: 1 }),
      ...(typeof each.value === "boolean" && { aggregate_value: Number(each.value) }),
    });
  }
  if (tables.spans.size === 0) return; // they stand in a file
  for (const content of trace.spans) {
    const span = JSON.parse(content) as WrittenSpan; // made a moment ago
    const hex = (text: string) => Buffer.from(text, "base64").toString("hex");
    await insert("spans", {
      ...{ trace_id: id, experiment_id: number, span_id: hex(span.span_id), parent_span_id: span.parent_span_id && hex(span.parent_span_id) },
      ...{ name: span.name, type: typeIn(span.attributes["mlflow.spanType"]), status: span.status.code.replace("STATUS_CODE_", ""), content },
      ...{ start_time_unix_nano: digits(content, "start_time_unix_nano"), end_time_unix_nano: digits(content, "end_time_unix_nano") },
    });
  }
}

interface WrittenSpan {
  span_id: string;
  parent_span_id: string | null;
  name: string;
  status: { code: string };
  attributes: Record<string, string>;
}

/** A time in nanoseconds, which a number would not keep: the first of this name in a span's text is its own. */
function digits(content: string, name: string): Sql | null {
  const found = new RegExp(`"${name}": (\\d+)`).exec(content)?.[1];
  return found === undefined ? null : sql`cast(${found} as bigint)`;
}

function typeIn(json: string | undefined): string {
  const type: unknown = json === undefined ? undefined : JSON.parse(json); // every attribute is JSON
  return typeof type === "string" ? type : "UNKNOWN";
}

function tokensIn(json: string | undefined): Record<string, number> {
  try {
    const usage: unknown = JSON.parse(json ?? "{}");
    if (typeof usage !== "object" || usage === null) return {};
    const counts = Object.entries(usage).filter((entry): entry is [string, number] => typeof entry[1] === "number");
    return Object.fromEntries(counts.filter(([name]) => name === "input_tokens" || name === "output_tokens" || name === "total_tokens"));
  } catch {
    return {}; // what a program wrote there
  }
}

const traceTableNames = ["trace_info", "trace_tags", "trace_request_metadata", "assessments", "spans"] as const;
type TraceTable = (typeof traceTableNames)[number];
/** The names of each table's columns, which differ from one schema to the next; none where there is no such table. */
type TraceTables = Record<TraceTable, Set<string>>;
type Row = Record<string, Sql | string | number | null>;

async function traceTables(reader: Reader): Promise<TraceTables> {
  const found = {} as TraceTables; // filled by the loop
  for (const table of traceTableNames) {
    const rows = await reader.all<{ name: string }>(sql`select name from pragma_table_info(${table})`);
    found[table] = new Set(rows.map(({ name }) => name));
  }
  return found;
}

/** Inserts what a table has columns for. */
async function insertRow(transaction: Transaction, table: TraceTable, known: Set<string>, row: Row): Promise<void> {
  const entries = Object.entries(row).filter(([name]) => known.has(name));
  await transaction.run(sql`insert into ${sqlText(table)} (${sqlText(entries.map(([name]) => `"${name}"`).join(", "))})
    values (${sqlJoin(
      entries.map(([, value]) => (typeof value === "object" && value !== null ? value : sql`${value}`)),
      ", ",
    )})`);
}
