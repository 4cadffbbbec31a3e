import { deleteTag, getRun, logBatch, type MetricPoint, setTags, type TrackingServices, updateRun } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import type { AnyRoute } from "#kit/route";
import { endpoint, type Handler, type MlflowServices } from "./endpoint.ts";
import { checkKey, checkLength, checkName, checkRunId, cut, limits } from "./limits.ts";
import { noteModelMetrics } from "./logged-model-metrics.ts";
import { absent, invalid } from "./protocol.ts";
import { double, type Fields, integer, invalidValue, missing, needRun, needText, objects, text, wrongType } from "./request.ts";
import { translated } from "./runs.ts";
import { nameTag } from "./wire-run.ts";

/** Logs one metric point. Budget: half a millisecond beside the commit; numbers are read by hand. */
const logMetric: Handler = async (services, fields) => {
  const run = needRun(fields);
  const key = needText(fields, "key");
  checkName(key, "name");
  checkLength("Metric name", limits.keyLength, key);
  const point = pointOf(fields, key, "");
  await writeBatch(services, run, { metrics: [point] });
  await noteModelMetrics(services.tracking, run, [fields], [point]);
  return {};
};

const logParam: Handler = async (services, fields) => {
  const run = needRun(fields);
  const key = needText(fields, "key");
  checkKey(key, "key", "Param key");
  await writeBatch(services, run, { params: { [key]: cut(text(fields, "value") ?? "", limits.paramLength) } });
  return {};
};

const setTag: Handler = async (services, fields) => {
  const run = needRun(fields);
  const key = needText(fields, "key");
  checkKey(key, "key", "key");
  await writeBatch(services, run, { tags: { [key]: cut(text(fields, "value") ?? "", limits.tagLength) } });
  return {};
};

const removeTag: Handler = async ({ tracking }, fields) => {
  const run = needRun(fields);
  const key = needText(fields, "key");
  await translated(run, () => (key === nameTag ? removeNameTag(tracking, run) : deleteTag(tracking, { run, tag: key }))).catch((error: unknown) => {
    if (error instanceof AppError && error.message.includes("has no tag")) throw absent(`No tag with name: ${key} in run with id ${run}`);
    throw error;
  });
  return {};
};

/** A run keeps its name; that it no longer has the tag, an empty one says. */
async function removeNameTag(tracking: TrackingServices, run: string): Promise<void> {
  if (Object.hasOwn((await getRun(tracking, run)).tags, nameTag)) throw new AppError("not_found", `Run "${run}" has no tag "${nameTag}".`);
  await setTags(tracking, { run, tags: { [nameTag]: "" } });
}

const logMany: Handler = async (services, fields) => {
  const run = needRun(fields);
  const metrics = objects(fields, "metrics");
  const params = objects(fields, "params");
  const tags = objects(fields, "tags");
  checkCount("metrics", limits.metricsPerBatch, metrics.length);
  checkCount("params", limits.paramsPerBatch, params.length);
  checkCount("tags", limits.paramsPerBatch, tags.length);
  checkCount("metrics, params, and tags", limits.metricsPerBatch, metrics.length + params.length + tags.length);
  const points = readPoints(metrics);
  const paramTexts = readTexts(params, "params", "Param key", limits.paramLength);
  if (Object.keys(paramTexts).length < params.length) {
    const keys = params.map((param) => String(param["key"]));
    const twice = keys.filter((key, i) => keys.indexOf(key) !== i);
    throw invalid(
      `Duplicate parameter keys have been submitted: [${twice.map((key) => `'${key}'`).join(", ")}]. Please ensure the request contains only one param value per param key.`,
    );
  }
  await writeBatch(services, run, { metrics: points, params: paramTexts, tags: readTexts(tags, "tags", "key", limits.tagLength) });
  await noteModelMetrics(services.tracking, run, metrics, points);
  return {};
};

/** Old clients note a model they put among the run's artifacts; MLflow keeps the notes in a tag. */
const logModel: Handler = async ({ tracking }, fields) => {
  const run = needRun(fields);
  const note = noteOf(parseModel(needText(fields, "model_json")));
  await translated(run, async () => {
    const standing: unknown = JSON.parse((await getRun(tracking, run)).tags[historyTag] ?? "[]");
    const history = JSON.stringify([...(Array.isArray(standing) ? standing : []), note]);
    if (history.length <= 16_000) await setTags(tracking, { run, tags: { [historyTag]: history } }); // what is longer is in the MLmodel files
  });
  return {};
};
const historyTag = "mlflow.log-model.history";

/** What MLflow keeps of a model's description. */
function noteOf(model: unknown): object {
  if (typeof model !== "object" || model === null || Array.isArray(model)) throw invalid("Malformed model info: it is not a JSON object.");
  const given: Partial<Record<string, unknown>> = { ...model };
  const absentFields = ["artifact_path", "flavors", "utc_time_created", "run_id"].filter((field) => !Object.hasOwn(given, field));
  if (absentFields.length > 0) throw invalid(`Model json is missing mandatory fields: {${absentFields.map((field) => `'${field}'`).join(", ")}}`);
  const { run_id, artifact_path, utc_time_created, model_uuid = null, flavors } = given;
  return { run_id, artifact_path, utc_time_created, model_uuid, flavors };
}

export const logRoutes = [
  ...endpoint("POST", "runs/log-metric", "project:run", logMetric),
  ...endpoint("POST", "runs/log-parameter", "project:run", logParam),
  ...endpoint("POST", "runs/set-tag", "project:run", setTag),
  ...endpoint("POST", "runs/delete-tag", "project:run", removeTag),
  ...endpoint("POST", "runs/log-batch", "project:run", logMany).map(withTextLimit),
  ...endpoint("POST", "runs/log-model", "project:run", logModel),
];

/** Old clients send JSON within JSON; of batches that text has a limit, which is looked at before it is read. */
function withTextLimit(route: AnyRoute): AnyRoute {
  return {
    ...route,
    handle(services: never, given: { body: Uint8Array }, context: never) {
      const { body } = given;
      if (body.length > limits.batchTextLength && body[0] === quotationMark && textWithin(body) > limits.batchTextLength)
        throw invalid(`Batched logging API requests must be at most ${limits.batchTextLength} bytes, got a request of size ${textWithin(body)}.`);
      return route.handle(services, given, context);
    },
  };
}
const quotationMark = 0x22;

/** How long a text in JSON is; 0 where it is none. */
function textWithin(body: Uint8Array): number {
  try {
    return String(JSON.parse(Buffer.from(body).toString("utf8"))).length;
  } catch {
    return 0; // refused where it is read
  }
}

interface Batch {
  metrics?: MetricPoint[];
  params?: Record<string, string>;
  tags?: Record<string, string>;
}

async function writeBatch({ tracking }: MlflowServices, run: string, { tags, ...batch }: Batch): Promise<void> {
  checkRunId(run);
  const { [nameTag]: name, ...others } = tags ?? {};
  await translated(run, () => logBatch(tracking, { run, ...batch, ...(tags && { tags: others }) })).catch(translateParam(run, batch));
  if (name) await updateRun(tracking, { run, name, tags: { [nameTag]: null } });
}

function translateParam(run: string, { params = {}, metrics }: Batch) {
  return (error: unknown): never => {
    const key = error instanceof AppError && error.code === "conflict" ? error.details?.["key"] : undefined;
    if (typeof key !== "string" || !(error instanceof AppError)) throw error;
    const before = String(error.details?.["value"]);
    const which =
      metrics === undefined
        ? `Param with key='${key}' was already logged with value='${before}' for run ID='${run}'. Attempted logging new value '${params[key]}'.`
        : `Params were already logged='[{'key': '${key}', 'old_value': '${before}', 'new_value': '${params[key]}'}]' for run ID='${run}'.`;
    throw invalid(`Changing param values is not allowed. ${which}`);
  };
}

function readPoints(metrics: Fields[]): MetricPoint[] {
  const known = new Set<string>();
  return metrics.map((metric, i) => {
    const { key } = metric;
    if (key === undefined || key === null || key === "") throw missing(`metrics[${i}].key`);
    if (typeof key !== "string") throw wrongType("metrics", metrics);
    if (!known.has(key)) {
      checkName(key, `metrics[${i}].name`);
      checkLength("Metric name", limits.keyLength, key);
      known.add(key);
    }
    return pointOf(metric, key, `metrics[${i}].`);
  });
}

function pointOf(metric: Fields, key: string, path: string): MetricPoint {
  const given = metric["value"];
  if (given === undefined || given === null || given === "") throw missing(`${path}value`);
  const value = double(given);
  if (value === undefined) throw wrongType(`${path}value`, given);
  const timeMs = integer(metric, "timestamp");
  if (timeMs === undefined) throw missing(`${path}timestamp`);
  if (timeMs < 0)
    throw invalid(
      invalidValue(`${path}timestamp`, timeMs, `metric '${key}' (value=${value}). Timestamp must be a nonnegative long (64-bit integer) `),
    );
  return { key, value, timeMs, step: integer(metric, "step") ?? 0 };
}

function readTexts(items: Fields[], field: string, what: string, limit: number): Record<string, string> {
  const entries = items.map((item, i): [string, string] => {
    const key = text(item, "key");
    if (key === undefined || key === "") throw missing(`${field}[${i}].key`);
    checkKey(key, `${field}[${i}].key`, what);
    return [key, cut(text(item, "value") ?? "", limit)];
  });
  return Object.fromEntries(entries);
}

function checkCount(what: string, limit: number, count: number): void {
  if (count <= limit) return;
  throw invalid(
    `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`,
  );
}

function parseModel(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw invalid(`Malformed model info. \n ${json.slice(0, 200)} \n is not valid JSON.`);
  }
}
