import { type MetricColumns, metricColumns, sampleMetric, trackingLimits, type TrackingServices } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { endpoint, type Handler } from "./endpoint.ts";
import { invalid } from "./protocol.ts";
import { integer, missing, needRun, needText, text, texts } from "./request.ts";
import { textAnswer } from "./text-answer.ts";
import { wireMetric } from "./wire-run.ts";
import { pointsText } from "./wire-text.ts";

const pointsPerPage = 25_000;
const pointsPerText = 200;
const runsAtMost = 100;
const samplesAtMost = 2_500;

/** Without a limit: everything. */
const history: Handler = async ({ tracking }, fields) => {
  const run = needRun(fields);
  const key = needText(fields, "metric_key");
  const limit = integer(fields, "max_results");
  if (limit !== undefined && limit <= 0) throw invalid(`Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer.`);
  const pointsAtMost = limit ?? trackingLimits.pointsPerPage;
  const first = await pointsFrom(tracking, run, key, pointsAtMost, text(fields, "page_token") || undefined);
  return first.columns.count === 0 ? {} : textAnswer(historyTexts(first));

  async function* historyTexts(page: Awaited<ReturnType<typeof pointsFrom>>): AsyncGenerator<string> {
    let front = '{"metrics":[';
    for (;;) {
      const { columns, nextCursor } = page;
      for (let i = 0; i < columns.count; i += pointsPerText) {
        yield front + pointsText(key, columns, i, Math.min(i + pointsPerText, columns.count));
        front = ",";
      }
      if (nextCursor === undefined || limit !== undefined) break;
      page = await pointsFrom(tracking, run, key, pointsAtMost, nextCursor);
    }
    yield page.nextCursor === undefined ? "]}" : `],"next_page_token":${JSON.stringify(page.nextCursor)}}`;
  }
};

const bulk: Handler = async ({ tracking }, fields) => {
  const runs = texts(fields, "run_id");
  if (runs.length === 0) throw invalid("GetMetricHistoryBulk request must specify at least one run_id.");
  if (runs.length > runsAtMost)
    throw invalid(`GetMetricHistoryBulk request cannot specify more than ${runsAtMost} run_ids. Received ${runs.length} run_ids.`);
  const key = text(fields, "metric_key");
  if (key === undefined) throw invalid("GetMetricHistoryBulk request must specify a metric_key.");
  const limit = Math.min(integer(fields, "max_results") ?? pointsPerPage, pointsPerPage);
  const metrics: object[] = [];
  for (const run of runs.toSorted()) {
    const { columns } = await pointsFrom(tracking, run, key, pointsPerPage, undefined);
    for (let i = 0; i < columns.count && metrics.length < limit; i++) {
      const point = { value: columns.values[i]!, timeMs: columns.times[i]!, step: columns.steps[i]! };
      metrics.push({ ...wireMetric(key, point), run_id: run });
    }
    if (metrics.length >= limit) break;
  }
  return { metrics };
};

/** For charts: as many points of each run, evenly chosen, the first and the last among them. */
const interval: Handler = async ({ tracking }, fields) => {
  const runs = texts(fields, "run_ids");
  if (runs.length === 0) throw missing("run_ids");
  if (runs.length > runsAtMost)
    throw invalid(`GetMetricHistoryBulkInterval request must specify at most ${runsAtMost} run_ids. Received ${runs.length} run_ids.`);
  const key = needText(fields, "metric_key");
  const limit = integer(fields, "max_results") ?? samplesAtMost;
  if (limit < 1 || limit > samplesAtMost) throw invalid(`max_results must be between 1 and ${samplesAtMost}.`);
  const range = rangeOf(integer(fields, "start_step"), integer(fields, "end_step"));
  const metrics: object[] = [];
  for (const run of runs) {
    const buckets = await orNone(sampleMetric(tracking, { run, key, buckets: limit, each: "points", ...range }), []);
    const points = buckets.map(({ first }) => first);
    const last = buckets.at(-1);
    if (last !== undefined && last.count > 1) points.splice(points.length < limit ? points.length : points.length - 1, 1, last.last);
    metrics.push(...points.map((point) => ({ ...wireMetric(key, point), run_id: run })));
  }
  return metrics.length > 0 ? { metrics } : {};
};

export const metricRoutes = [
  ...endpoint("GET", "metrics/get-history", "project:read", history),
  ...endpoint("GET", "metrics/get-history-bulk", "project:read", bulk),
  ...endpoint("GET", "metrics/get-history-bulk-interval", "project:read", interval),
];

/** Points by time; none where the run has no such metric. */
async function pointsFrom(tracking: TrackingServices, run: string, key: string, limit: number, cursor: string | undefined) {
  const query = { run, key, order: "time" as const, limit: Math.min(limit, trackingLimits.pointsPerPage), ...(cursor !== undefined && { cursor }) };
  return orNone(metricColumns(tracking, query), { columns: noPoints, nextCursor: undefined }).catch((error: unknown) => {
    if (error instanceof AppError && error.message.includes("is not a cursor")) throw invalid("Invalid page token, could not base64-decode");
    throw error;
  });
}
const noPoints: MetricColumns = { count: 0, steps: new Float64Array(0), times: new Float64Array(0), values: new Float64Array(0) };

/** A metric that a run does not have has no points. */
async function orNone<Result>(asked: Promise<Result>, none: Result): Promise<Result> {
  return asked.catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return none;
    throw error;
  });
}

function rangeOf(fromStep: number | undefined, toStep: number | undefined): { fromStep?: number; toStep?: number } {
  if (fromStep === undefined && toStep === undefined) return {};
  if (fromStep === undefined || toStep === undefined) throw invalid("If either start step or end step are specified, both must be specified.");
  if (fromStep > toStep) throw invalid(`end_step must be greater than start_step. Found start_step=${fromStep} and end_step=${toStep}.`);
  return { fromStep, toStep };
}
