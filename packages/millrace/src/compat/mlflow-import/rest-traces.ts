import { type AdoptedTrace, adoptedAssessment } from "#compat/mlflow";
import { AppError } from "#kit/app-error";
import { text } from "./record-values.ts";
import type { Answer, RestClient } from "./rest-client.ts";
import { keyValues, objectOf, objects, pages } from "./rest-values.ts";
import type { SourceTrace } from "./source.ts";
import { spansIn } from "./span-file.ts";

const tracesPerPage = 50;

/** Traces of an experiment, as a server of 3.x tells them, or one of 2.x; none of one that has none. */
export async function* restTraces(client: RestClient, experiment: string): AsyncGenerator<SourceTrace[]> {
  const location = { type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } };
  const order = ["timestamp_ms ASC"]; // new ones come last, so that pages stay in place
  const ask = (token?: string) =>
    ifThere(
      client.post("/api/3.0/mlflow/traces/search", { locations: [location], max_results: tracesPerPage, order_by: order, page_token: token }),
      () =>
        ifThere(
          client.get("/api/2.0/mlflow/traces", {
            ...{ experiment_ids: experiment, max_results: String(tracesPerPage), order_by: order[0], page_token: token },
          }),
          async () => ({}),
        ),
    );
  for await (const answer of pages(ask)) {
    const page: SourceTrace[] = [];
    for (const told of objects(answer, "traces")) {
      const trace = told["trace_id"] === undefined ? oldTrace(told, experiment) : newTrace(told, experiment);
      page.push({ location: trace.tags["mlflow.artifactLocation"] ?? "", record: { ...trace, spans: await readSpans(client, trace.id) } });
    }
    if (page.length > 0) yield page;
  }
}

function newTrace(told: Answer, experiment: string): Omit<AdoptedTrace, "spans"> {
  const optional = (name: string) => text(told[name]) || undefined;
  return {
    ...{ id: text(told["trace_id"]), experiment, status: text(told["state"]), startedMs: Date.parse(text(told["request_time"])) },
    durationMs: durationOf(told["execution_duration"]),
    ...{ request: optional("client_request_id"), inputs: optional("request_preview"), outputs: optional("response_preview") },
    ...{ tags: textsIn(told, "tags"), metadata: textsIn(told, "trace_metadata") },
    assessments: objects(told, "assessments").map(adoptedAssessment),
  };
}

function oldTrace(told: Answer, experiment: string): Omit<AdoptedTrace, "spans"> {
  const status = text(told["status"]);
  return {
    ...{ id: text(told["request_id"]), experiment, status, startedMs: Number(told["timestamp_ms"] ?? 0) },
    durationMs: status === "IN_PROGRESS" || told["execution_time_ms"] === undefined ? undefined : Number(told["execution_time_ms"]),
    ...{ request: undefined, inputs: undefined, outputs: undefined },
    ...{ tags: keyValues(told, "tags"), metadata: keyValues(told, "request_metadata"), assessments: [] },
  };
}

/** The file of a trace's spans, which servers make of those in their database; none where there is none. */
async function readSpans(client: RestClient, trace: string): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of client.bytes("/ajax-api/2.0/mlflow/get-trace-artifact", { request_id: trace })) chunks.push(chunk);
  } catch (error) {
    if (error instanceof AppError && error.details?.["status"] === 404) return [];
    throw error;
  }
  return spansIn(Buffer.concat(chunks).toString("utf8"), trace);
}

/** Protocol Buffers' duration in JSON, such as `0.250s`, in milliseconds. */
function durationOf(value: unknown): number | undefined {
  const match = /^(\d+)(?:\.(\d+))?s$/.exec(text(value));
  return match === null ? undefined : Number(match[1]) * 1_000 + Math.floor(Number((match[2] ?? "").padEnd(9, "0")) / 1e6);
}

function textsIn(told: Answer, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(told, name)).map(([key, value]) => [key, text(value)]));
}

async function ifThere(asked: Promise<Answer>, otherwise: () => Promise<Answer>): Promise<Answer> {
  return asked.catch((error: unknown) => {
    if (error instanceof AppError && (error.details?.["status"] === 404 || error.details?.["status"] === 405)) return otherwise();
    throw error;
  });
}
