import type { AdoptedTrace } from "#compat/mlflow";
import { sql, sqlIn } from "#kit/sql";
import type { Reader } from "#ports/database";
import { text, textsOf } from "./record-values.ts";
import type { SourceTrace } from "./source.ts";
import type { SqlSchema } from "./sql-schema.ts";

const tracesPerPage = 50;
type Row = Record<string, unknown>;

/** Traces in pages. Their spans stand in the database, as MLflow keeps them from 3.4 on, or among their files. */
export async function* sqlTraces(
  reader: Reader,
  schema: SqlSchema,
  experiment: string,
  fileSpans: (location: string, trace: string) => Promise<string[]>,
): AsyncGenerator<SourceTrace[]> {
  if (!schema.traces) return;
  const previews = schema.tracePreviews ? sql`, client_request_id, request_preview, response_preview` : sql``;
  for (let after = ""; ;) {
    const rows = await reader.all<Row>(
      sql`select request_id as id, timestamp_ms, execution_time_ms, status${previews} from trace_info
        where experiment_id = cast(${experiment} as bigint) and request_id > ${after} order by request_id limit ${tracesPerPage}`,
    );
    const ids = rows.map((row) => text(row["id"]));
    const tagsOf = textsOf(await reader.all(sql`select request_id as id, key, value from trace_tags where request_id in ${sqlIn(ids)}`));
    const metadataOf = textsOf(
      await reader.all(sql`select request_id as id, key, value from trace_request_metadata where request_id in ${sqlIn(ids)}`),
    );
    const assessments = !schema.assessments
      ? []
      : await reader.all<Row>(
          sql`select assessment_id, trace_id, name, assessment_type, value, error, created_timestamp, last_updated_timestamp, source_type, source_id,
        span_id, rationale, overrides, valid, assessment_metadata from assessments where trace_id in ${sqlIn(ids)} order by created_timestamp, assessment_id`,
        );
    const page: SourceTrace[] = [];
    for (const row of rows) {
      const id = text(row["id"]);
      // One by one: the spans of a trace may be many, and large.
      const rowsOfSpans = !schema.spans
        ? []
        : await reader.all<{ content: string }>(sql`select content from spans where trace_id = ${id} order by start_time_unix_nano, span_id`);
      const spans = rowsOfSpans.map(({ content }) => content);
      const location = tagsOf(id)["mlflow.artifactLocation"] ?? "";
      page.push({
        location,
        record: {
          ...{ id, experiment, status: text(row["status"]), startedMs: Number(row["timestamp_ms"]), tags: tagsOf(id), metadata: metadataOf(id) },
          durationMs: row["execution_time_ms"] === null ? undefined : Number(row["execution_time_ms"]),
          ...{ request: optional(row["client_request_id"]), inputs: optional(row["request_preview"]), outputs: optional(row["response_preview"]) },
          assessments: assessments.filter((each) => each["trace_id"] === id).map(assessmentOf),
          spans: spans.length > 0 || location === "" ? spans : await fileSpans(location, id),
        },
      });
    }
    if (page.length > 0) yield page;
    if (rows.length < tracesPerPage) return;
    after = ids.at(-1)!;
  }
}

type Assessment = AdoptedTrace["assessments"][number];

function assessmentOf(row: Row): Assessment {
  const error = row["error"] === null ? undefined : (JSON.parse(text(row["error"])) as Record<string, string | undefined>); // written by MLflow
  const [message, stack] = [error?.["error_message"], error?.["stack_trace"]];
  return {
    ...{ id: text(row["assessment_id"]), name: text(row["name"]), kind: kindOf(row["assessment_type"]) },
    value: JSON.parse(text(row["value"])) as Assessment["value"], // as above
    ...(error && { error: { code: error["error_code"] ?? "", ...(message && { message }), ...(stack && { stack }) } }),
    source: { kind: text(row["source_type"]), id: text(row["source_id"]) || "default" },
    ...(row["span_id"] !== null && { span: text(row["span_id"]) }),
    ...(row["rationale"] !== null && { rationale: text(row["rationale"]) }),
    metadata: row["assessment_metadata"] === null ? {} : (JSON.parse(text(row["assessment_metadata"])) as Record<string, string>), // as above
    ...{ createdMs: Number(row["created_timestamp"]), updatedMs: Number(row["last_updated_timestamp"]), valid: Boolean(row["valid"]) },
    ...(row["overrides"] !== null && { overrides: text(row["overrides"]) }),
  };
}

function kindOf(value: unknown): Assessment["kind"] {
  return value === "expectation" || value === "issue" ? value : "feedback";
}

function optional(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
