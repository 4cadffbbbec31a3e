import { z } from "zod";
import { ensureStandard } from "#compat/mlflow";
import type { TrackingServices } from "#domains/tracking";
import { linkTrace, recordSpans, type ReceivedSpan, traceLimits } from "#domains/traces";
import { AppError, toAppError } from "#kit/app-error";
import { type AnyRoute, type Protocol, type RawAnswer, route } from "#kit/route";
import { type Encoding, encodingOf, inEncoding, refused, taken } from "./answers.ts";
import { factsOf, withType } from "./conventions.ts";
import { problemOf } from "./incoming.ts";
import { spansInJson } from "./json-spans.ts";
import { spansInProtobuf } from "./protobuf-spans.ts";
import { unpackBody } from "./request-body.ts";

/** The stores that traces share with runs. */
interface OtlpServices {
  tracking: TrackingServices;
}

const protocol: Protocol = { name: "otlp", bytes: true, errorAnswer: refused };

/** Which experiment the spans belong to, and a run that their traces are linked to: the headers that MLflow's clients send. */
const experimentHeader = "x-mlflow-experiment-id";
const runHeader = "x-mlflow-run-id";

/** A few milliseconds' worth. */
const spansAtOnce = 500;

/** OTLP over HTTP: programs instrumented with OpenTelemetry send their spans here. */
export const otlpRoutes: AnyRoute[] = [
  route<OtlpServices>()({
    name: "otlp.traces",
    method: "POST",
    path: "/v1/traces",
    summary: "OpenTelemetry's POST /v1/traces: takes spans, in Protocol Buffers or JSON.",
    permission: "project:run",
    protocol,
    cli: false,
    produces: "application/x-protobuf",
    input: z
      .object({ body: z.custom<Uint8Array>((value) => value instanceof Uint8Array), headers: z.record(z.string(), z.unknown()) })
      .catchall(z.unknown()),
    errors: ["invalid_argument", "not_found", "corrupt_data"],
    async handle({ tracking }, { body, headers }) {
      const encoding = encodingOf(headers["content-type"]);
      if (encoding === undefined) {
        throw new AppError("invalid_argument", `Invalid Content-Type: ${String(headers["content-type"]).slice(0, 100)}.`, {
          hint: "Expected: application/x-protobuf or application/json",
        });
      }
      try {
        return await take(tracking, await unpackBody(body, headers["content-encoding"]), encoding, headers);
      } catch (error) {
        throw inEncoding(toAppError(error), encoding);
      }
    },
  }),
];

async function take(tracking: TrackingServices, bytes: Uint8Array, encoding: Encoding, headers: Record<string, unknown>): Promise<RawAnswer> {
  const experiment = headers[experimentHeader];
  if (typeof experiment !== "string" || experiment === "") {
    throw new AppError("invalid_argument", `The header ${experimentHeader} is missing: it says which experiment the spans belong to.`, {
      hint: `Set OTEL_EXPORTER_OTLP_HEADERS=${experimentHeader}=<id of an experiment>.`,
      details: { status: 422 },
    });
  }
  await ensureStandard(tracking); // which MLflow's clients name where they are told of none
  const spans: ReceivedSpan[] = [];
  const problems: { count: number; reason: string }[] = [];
  let count = 0;
  for (const span of encoding === "json" ? spansInJson(bytes) : spansInProtobuf(bytes)) {
    if (++count % spansAtOnce === 0) await new Promise((resolve) => setImmediate(resolve)); // others want their turn
    const problem = problemOf(span);
    if (problem === undefined) spans.push({ span: withType(span), facts: factsOf(span) });
    else problems.push({ count: 1, reason: problem });
  }
  if (spans.length === 0 && problems.length === 0) throw new AppError("invalid_argument", "Invalid OpenTelemetry format - no spans found");
  if (spans.length === 0) throw new AppError("invalid_argument", `No span can be taken: ${told(problems)}.`, { details: { status: 422 } });
  const { traces, refused: late } = await recordSpans(tracking, { experiment, spans });
  const run = headers[runHeader];
  if (typeof run === "string" && run !== "") await linkToRun(tracking, traces, run);
  const all = [...problems, ...late];
  return taken(
    encoding,
    all.reduce((sum, { count }) => sum + count, 0),
    told(all),
  );
}

async function linkToRun(tracking: TrackingServices, traces: string[], run: string): Promise<void> {
  for (const id of traces) await linkTrace(tracking, { id, links: [{ kind: "run", id: run.slice(0, traceLimits.keyLength) }] });
}

function told(problems: { reason: string }[]): string {
  const reasons = [...new Set(problems.map(({ reason }) => reason))];
  return [...reasons.slice(0, 3), ...(reasons.length > 3 ? [`and ${reasons.length - 3} more`] : [])].join("; ");
}
