import { randomUUID } from "node:crypto";
import type { Assessment } from "#domains/traces";
import { invalid } from "./protocol.ts";
import { type Fields, object, text } from "./request.ts";
import { readTimestamp, writeTimestamp } from "./trace-times.ts";

/** An assessment as a client sends it. Throws for one that is neither feedback nor expectation nor issue. */
export function readAssessment(given: Fields, nowMs: number): Assessment {
  const name = text(given, "assessment_name") ?? "";
  const { kind, value, error } = readJudgement(given);
  const source = object(given, "source");
  const span = text(given, "span_id");
  const rationale = text(given, "rationale");
  const overrides = text(given, "overrides");
  return {
    id: text(given, "assessment_id") || `a-${randomUUID().replaceAll("-", "")}`,
    name: kind === "issue" && name === "" ? String(value) : name,
    kind,
    ...(value !== undefined && { value }),
    ...(error !== undefined && { error }),
    source: { kind: text(source, "source_type") ?? "CODE", id: text(source, "source_id") ?? "default" },
    ...(span && { span }),
    ...(rationale && { rationale }),
    metadata: textsOf(given, "metadata"),
    createdMs: given["create_time"] === undefined ? nowMs : readTimestamp(given["create_time"], "create_time"),
    updatedMs: given["last_update_time"] === undefined ? nowMs : readTimestamp(given["last_update_time"], "last_update_time"),
    ...(overrides && { overrides }),
    valid: given["valid"] !== false,
  };
}

export type Judgement = Pick<Assessment, "kind" | "value" | "error">;

/** What is said: a `feedback` with a value or an error, an `expectation`, or an `issue`. */
export function readJudgement(given: Fields): Judgement {
  if (given["feedback"] !== undefined) {
    const feedback = object(given, "feedback");
    const error = feedback["error"] === undefined ? undefined : object(feedback, "error");
    const message = error && text(error, "error_message");
    const stack = error && text(error, "stack_trace");
    return {
      kind: "feedback",
      value: (feedback["value"] ?? null) as Assessment["value"], // parsed JSON
      ...(error && {
        error: { code: text(error, "error_code") ?? "", ...(message !== undefined && { message }), ...(stack !== undefined && { stack }) },
      }),
    };
  }
  if (given["expectation"] !== undefined) {
    const expectation = object(given, "expectation");
    if (expectation["serialized_value"] === undefined) return { kind: "expectation", value: (expectation["value"] ?? null) as Assessment["value"] }; // parsed JSON
    return { kind: "expectation", value: parse(text(object(expectation, "serialized_value"), "value") ?? "null") };
  }
  if (given["issue"] !== undefined) return { kind: "issue", value: text(object(given, "issue"), "issue_name") ?? "" };
  throw invalid("Exactly one of `expectation`, `feedback`, or `issue` should be specified.");
}

export function wireAssessment(assessment: Assessment, trace: string): object {
  const { source, span, rationale, metadata, overrides } = assessment;
  return {
    assessment_id: assessment.id,
    assessment_name: assessment.name,
    trace_id: trace,
    ...(span !== undefined && { span_id: span }),
    ...(source !== undefined && { source: { source_type: source.kind, source_id: source.id } }),
    create_time: writeTimestamp(assessment.createdMs),
    last_update_time: writeTimestamp(assessment.updatedMs),
    ...wireJudgement(assessment),
    ...(rationale !== undefined && { rationale }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(overrides !== undefined && { overrides }),
    valid: assessment.valid,
  };
}

function wireJudgement({ kind, value, error }: Judgement): object {
  switch (kind) {
    case "feedback":
      return {
        feedback: {
          value: value ?? null,
          ...(error !== undefined && {
            error: {
              error_code: error.code,
              ...(error.message !== undefined && { error_message: error.message }),
              ...(error.stack !== undefined && { stack_trace: error.stack }),
            },
          }),
        },
      };
    case "expectation":
      return typeof value === "object" && value !== null
        ? { expectation: { serialized_value: { serialization_format: "JSON_FORMAT", value: JSON.stringify(value) } } }
        : { expectation: { value: value ?? null } };
    case "issue":
      return { issue: { issue_name: String(value ?? "") } };
  }
}

/** A map of texts; other values are written as JSON. */
export function textsOf(given: Fields, name: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(object(given, name)).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value ?? null)]),
  );
}

function parse(json: string): Assessment["value"] {
  try {
    return JSON.parse(json) as Assessment["value"]; // JSON gives nothing else
  } catch {
    throw invalid("The expectation's serialized value is not JSON.");
  }
}
