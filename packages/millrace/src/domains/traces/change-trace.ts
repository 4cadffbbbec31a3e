import { AppError } from "#kit/app-error";
import { parseArgument } from "#kit/parse-argument";
import { forgetEarlyLinks, joinedLinks, keepEarlyLinks } from "./early-links.ts";
import {
  type Assessment,
  assessmentSchema,
  labelsSchema,
  linkSchema,
  type Trace,
  type TraceLink,
  traceLimits,
  type TracesServices,
  traceIdSchema,
  type TraceStatus,
} from "./model.ts";
import { lockTrace, parseAssessments, parseLabels, parseLinks, parseTrace, saveTrace, traceNotFound, type TraceRow } from "./store.ts";
import { cut } from "./trace-summary.ts";

export interface TraceChange {
  id: string;
  name?: string | null;
  status?: TraceStatus;
  durationMs?: number;
  session?: string;
  user?: string;
  /** A tag with null is removed. */
  tags?: Record<string, string | null>;
  metadata?: Record<string, string>;
}

/** Changes what a trace is called and how it is tagged, or how it ended. Throws `not_found`, `invalid_argument` past a limit. */
export async function updateTrace(services: TracesServices, { id, ...change }: TraceChange): Promise<Trace> {
  const tags = Object.entries(change.tags ?? {});
  parseArgument(labelsSchema, "tags", Object.fromEntries(tags.filter(([, value]) => value !== null)));
  const metadata = parseArgument(labelsSchema, "metadata", change.metadata ?? {});
  return changeRow(services, id, (row) => {
    const next = new Map(Object.entries(parseLabels(row.tags)));
    for (const [key, value] of tags) {
      if (value === null) next.delete(key);
      else next.set(key, value);
    }
    const grown = { ...parseLabels(row.metadata), ...metadata };
    if (next.size > traceLimits.tagsPerTrace || Object.keys(grown).length > traceLimits.tagsPerTrace)
      throw full(id, traceLimits.tagsPerTrace, "tags");
    return {
      ...row,
      name: change.name === undefined ? row.name : cut(change.name ?? undefined, traceLimits.nameLength),
      status: change.status ?? row.status,
      ended_ms: change.durationMs === undefined ? row.ended_ms : row.started_ms + change.durationMs,
      session: cut(change.session, traceLimits.keyLength) ?? row.session,
      person: cut(change.user, traceLimits.textLength) ?? row.person,
      tags: JSON.stringify(Object.fromEntries(next)),
      metadata: JSON.stringify(grown),
    };
  });
}

/** Adds links to a trace; those it has already stay as they are. Throws `not_found`. */
export async function linkTrace(services: TracesServices, { id, links }: { id: string; links: TraceLink[] }): Promise<Trace> {
  const given = parseArgument(linkSchema.array(), "links", links);
  return changeRow(services, id, (row) => linked(row, given));
}

/** As `linkTrace`, for a trace that may be yet to come: the links wait for it, a day at most. */
export async function linkComingTrace({ state, clock }: TracesServices, { id, links }: { id: string; links: TraceLink[] }): Promise<void> {
  const given = parseArgument(linkSchema.array(), "links", links);
  parseArgument(traceIdSchema, "trace's id", id);
  await state.write(async (transaction) => {
    const nowMs = clock.now();
    const waiting = await keepEarlyLinks(transaction, id, given, nowMs);
    if (waiting.length > traceLimits.linksPerTrace) throw full(id, traceLimits.linksPerTrace, "links");
    const row = await lockTrace(transaction, id, nowMs);
    if (row === undefined) return;
    await forgetEarlyLinks(transaction, id);
    await saveTrace(transaction, linked(row, waiting));
  });
}

function linked(row: TraceRow, links: TraceLink[]): TraceRow {
  const next = joinedLinks(parseLinks(row.links), links);
  if (next.length > traceLimits.linksPerTrace) throw full(row.id, traceLimits.linksPerTrace, "links");
  return { ...row, links: JSON.stringify(next) };
}

/**
 * Adds an assessment to a trace, or replaces the one of its id. One that overrides another makes that invalid. Throws `not_found`
 * for the trace and for the one to override.
 */
export async function assessTrace(services: TracesServices, { trace, assessment }: { trace: string; assessment: Assessment }): Promise<Assessment> {
  const given = parseArgument(assessmentSchema, "assessment", assessment);
  await changeAssessments(services, trace, (assessments) => {
    const overridden = given.overrides === undefined ? undefined : assessments.get(given.overrides);
    if (given.overrides !== undefined && overridden === undefined) throw assessmentNotFound(trace, given.overrides);
    if (overridden !== undefined) assessments.set(overridden.id, { ...overridden, valid: false });
    assessments.set(given.id, given);
  });
  return given;
}

/** Changes an assessment that is there. Throws `not_found`. */
export async function updateAssessment(
  services: TracesServices,
  { trace, id, change }: { trace: string; id: string; change: (standing: Assessment) => Assessment },
): Promise<Assessment> {
  let changed: Assessment | undefined;
  await changeAssessments(services, trace, (assessments) => {
    const standing = assessments.get(id);
    if (standing === undefined) throw assessmentNotFound(trace, id);
    changed = parseArgument(assessmentSchema, "assessment", { ...change(standing), id });
    assessments.set(id, changed);
  });
  return changed!; // set, or thrown
}

/** Removes an assessment; what it overrode is valid again. No error where there is none. Throws `not_found` for the trace. */
export async function deleteAssessment(services: TracesServices, { trace, id }: { trace: string; id: string }): Promise<void> {
  await changeAssessments(services, trace, (assessments) => {
    const overridden = assessments.get(assessments.get(id)?.overrides ?? "");
    if (overridden !== undefined) assessments.set(overridden.id, { ...overridden, valid: true });
    assessments.delete(id);
  });
}

async function changeAssessments(services: TracesServices, trace: string, change: (assessments: Map<string, Assessment>) => void): Promise<void> {
  await changeRow(services, trace, (row) => {
    const assessments = new Map(parseAssessments(row.assessments).map((each) => [each.id, each]));
    change(assessments);
    if (assessments.size > traceLimits.assessmentsPerTrace) throw full(trace, traceLimits.assessmentsPerTrace, "assessments");
    const text = JSON.stringify([...assessments.values()]);
    if (text.length > traceLimits.assessmentBytes)
      throw new AppError("invalid_argument", `The assessments of trace "${trace}" would take more than ${traceLimits.assessmentBytes} characters.`, {
        hint: "Keep long explanations elsewhere, and put a link into the rationale.",
      });
    return { ...row, assessments: text };
  });
}

async function changeRow({ state, clock }: TracesServices, id: string, change: (row: TraceRow) => TraceRow): Promise<Trace> {
  return state.write(async (transaction) => {
    const row = await lockTrace(transaction, id, clock.now());
    if (row === undefined) throw traceNotFound(id);
    const next = change(row);
    await saveTrace(transaction, next);
    return parseTrace(next);
  });
}

function full(trace: string, most: number, what: string): AppError {
  return new AppError("invalid_argument", `Trace "${trace}" would have more than ${most} ${what}.`);
}

function assessmentNotFound(trace: string, id: string): AppError {
  return new AppError("not_found", `Trace "${trace}" has no assessment "${id}".`, { details: { assessment: id } });
}
