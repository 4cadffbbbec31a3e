export { traceBlobs, tracePlace } from "./blob-references.ts";
export { assessTrace, deleteAssessment, linkComingTrace, linkTrace, type TraceChange, updateAssessment, updateTrace } from "./change-trace.ts";
export { deleteTraces, type TraceDeletion } from "./delete-traces.ts";
export { tracesMigrations } from "./migrations.ts";
export {
  type Assessment,
  type Attributes,
  type AttributeValue,
  type Span,
  type SpanEvent,
  type SpanFacts,
  type SpanKind,
  spanKinds,
  type SpanLink,
  type SpanStatus,
  spanStatuses,
  type TellTrace,
  type Trace,
  traceLimits,
  type TracesServices,
  type TraceStatus,
} from "./model.ts";
export { getTrace, getTraces, readSpans, readTrace, type TraceWithSpans } from "./read-trace.ts";
export { recordSpans, type RefusedSpans } from "./record-spans.ts";
export { tracesRoutes } from "./routes.ts";
export { searchTraces, type TraceOrder, type TracePage, type TraceSearch } from "./search-traces.ts";
export { tellTrace } from "./tell-trace.ts";
export { type FieldTest, type FilterOperator, plainValue, type SpanTest, type TraceCondition, type TraceField } from "./trace-filter.ts";
export { type ReceivedSpan } from "./trace-summary.ts";
export { countTraces, type TraceWalk, walkTraces } from "./walk-traces.ts";
