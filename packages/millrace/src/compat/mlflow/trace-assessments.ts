import { type Assessment, assessTrace, deleteAssessment, updateAssessment } from "#domains/traces";
import { endpoint, type Handler } from "./endpoint.ts";
import { absent, invalid } from "./protocol.ts";
import { type Fields, missing, needText, object, text } from "./request.ts";
import { readAssessment, readJudgement, textsOf, wireAssessment } from "./trace-assessment-wire.ts";
import { findTrace, translated } from "./trace-lookup.ts";
import { ownId } from "./trace-wire.ts";

const create: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const given = needAssessment(fields);
  const assessment = await translated(id, () => assessTrace(tracking, { trace: ownId(id), assessment: readAssessment(given, tracking.clock.now()) }));
  return { assessment: wireAssessment(assessment, id) };
};

const get: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const wanted = needText(fields, "assessment_id");
  const assessment = (await findTrace(tracking, id)).assessments.find((each) => each.id === wanted);
  if (assessment === undefined) throw absent(`Assessment with ID '${wanted}' not found for trace '${id}'`);
  return { assessment: wireAssessment(assessment, id) };
};

/** Changes what the mask names; metadata is added to. */
const update: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  const given = needAssessment(fields);
  const paths = maskOf(fields["update_mask"]);
  const change = (standing: Assessment): Assessment => {
    const next = { ...standing, updatedMs: tracking.clock.now() };
    for (const path of paths) {
      if (path === "assessment_name") next.name = text(given, "assessment_name") ?? "";
      else if (path === "rationale") next.rationale = text(given, "rationale") ?? "";
      else if (path === "metadata") next.metadata = { ...next.metadata, ...textsOf(given, "metadata") };
      else if (path === "feedback" || path === "expectation") Object.assign(next, judgementFor(standing, path, given));
    }
    return next;
  };
  const assessment = await translated(id, () => updateAssessment(tracking, { trace: ownId(id), id: needText(fields, "assessment_id"), change }));
  return { assessment: wireAssessment(assessment, id) };
};

const remove: Handler = async ({ tracking }, fields) => {
  const id = needText(fields, "trace_id");
  await translated(id, () => deleteAssessment(tracking, { trace: ownId(id), id: needText(fields, "assessment_id") }));
  return {};
};

export const assessmentRoutes = [
  ...endpoint("POST", "traces/{trace_id}/assessments", "project:run", create, "3.0"),
  ...endpoint("GET", "traces/{trace_id}/assessments/{assessment_id}", "project:read", get, "3.0"),
  ...endpoint("PATCH", "traces/{trace_id}/assessments/{assessment_id}", "project:run", update, "3.0"),
  ...endpoint("DELETE", "traces/{trace_id}/assessments/{assessment_id}", "project:run", remove, "3.0"),
];

function needAssessment(fields: Fields): Fields {
  if (fields["assessment"] === undefined || fields["assessment"] === null) throw missing("assessment");
  return object(fields, "assessment");
}

function judgementFor(standing: Assessment, kind: "feedback" | "expectation", given: Fields): object {
  const names = { feedback: "Feedback", expectation: "Expectation", issue: "IssueReference" };
  if (standing.kind !== kind) throw invalid(`Cannot update ${kind} value on a ${names[standing.kind]} assessment.`);
  const { value, error } = readJudgement({ [kind]: given[kind] ?? {} });
  return { value, error };
}

/** Protocol Buffers' FieldMask in JSON: paths in camel case, between commas. */
function maskOf(mask: unknown): string[] {
  const paths =
    typeof mask === "string"
      ? mask.split(",")
      : typeof mask === "object" && mask !== null && "paths" in mask && Array.isArray(mask.paths)
        ? mask.paths
        : undefined;
  if (paths === undefined) throw missing("update_mask");
  return paths.map((path) => String(path).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}
