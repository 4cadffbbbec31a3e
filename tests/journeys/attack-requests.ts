/** Requests for every route there is, with one field after another in an attacker's hands. */
import { z } from "zod";
import { pathParameters, type AnyRoute } from "#kit/route";
import type { Asked } from "./attack-target.ts";

/** Values with which a field means something, so that what is attacked is reached: by the field's name. */
export type Known = Record<string, unknown>;

/** Fields that MLflow's clients send; its routes read their bodies themselves and so have no schema to ask. */
const mlflowFields = [
  ...["run_id", "run_uuid", "experiment_id", "name", "new_name", "path", "key", "tag_key", "metric_key", "value", "source", "model_id", "alias"],
  ...["version", "artifact_location", "artifact_path", "filter", "filter_string", "page_token", "stage", "run_ids", "experiment_ids", "order_by"],
  ...["model_json", "run_link", "source_run_id", "url", "secret", "description", "user_id", "run_name", "status", "model_type", "digest"],
  ...["max_results", "timestamp", "step", "tags", "params", "metrics", "datasets", "models", "trace_id", "request_id", "assessment_id", "session_id"],
  ...["trace_ids", "request_ids", "locations", "allow_partial"],
];

/** Fields that name places: those get every value. */
const places = /path|source|location|url|uri|^name$|^key$|^run_id$|^model_id$|^version$|^model$|^run$/;

/** Which values to try in which fields: all of them where a place is named, elsewhere each value in some field. */
export function trials(fields: string[], values: string[]): { field: string; value: string }[] {
  const others = fields.filter((field) => !places.test(field));
  return [
    ...fields.filter((field) => places.test(field)).flatMap((field) => values.map((value) => ({ field, value }))),
    ...values.map((value, index) => ({ field: others[index % others.length], value })),
    ...others.map((field, index) => ({ field, value: values[index % values.length]! })),
  ].filter((trial): trial is { field: string; value: string } => trial.field !== undefined);
}

/** Names of the fields of a route beside those of its path. */
export function fieldsOf(route: AnyRoute): string[] {
  const inPath = new Set(pathParameters(route.path));
  if (route.protocol) return mlflowFields.filter((field) => !inPath.has(field));
  const { properties = {} } = z.toJSONSchema(route.input, { io: "input", unrepresentable: "any" }) as { properties?: object };
  return Object.keys(properties).filter((field) => !inPath.has(field));
}

/** A request with known values everywhere, but for `attacked` fields. Parameters of the path are put there as they are, encoded already. */
export function requestFor(
  route: AnyRoute,
  known: Known,
  attacked: { field?: string; value?: unknown; inPath?: Record<string, string> } = {},
): Asked {
  const path = route.path.replaceAll(/\{(\w+)\*?\}/g, (_, name: string) => attacked.inPath?.[name] ?? encodeURIComponent(textOf(known[name] ?? "x")));
  const fields: Known = Object.fromEntries(fieldsOf(route).flatMap((field) => (Object.hasOwn(known, field) ? [[field, known[field]]] : [])));
  if (attacked.field !== undefined) fields[attacked.field] = attacked.value;
  const target = path.replace(/\*$/, "x");
  if (route.method !== "GET" && route.method !== "DELETE") return { method: route.method, path: target, body: JSON.stringify(fields) };
  const query = new URLSearchParams(Object.entries(fields).map(([field, value]): [string, string] => [field, textOf(value)]));
  return { method: route.method, path: `${target}?${query}`, ...(route.protocol && route.method === "DELETE" && { body: JSON.stringify(fields) }) };
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A path that leads out of where it stands, in every spelling known to have worked somewhere; encoded as it goes over the wire. */
export const traversals = [
  "../../../../../../etc/passwd",
  "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
  "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
  "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "%252e%252e%252f%252e%252e%252f%252e%252e%252fetc%252fpasswd",
  "..%5c..%5c..%5c..%5csecret.txt",
  "..%c0%af..%c0%af..%c0%afetc%c0%afpasswd",
  "..%ef%bc%8f..%ef%bc%8fsecret.txt",
  "....//....//....//etc/passwd",
  "%2fetc%2fpasswd",
  "//etc/passwd",
  "//proc/self/environ",
  "x/../../../secret.txt",
  "x%2f..%2f..%2f..%2fsecret.txt",
  ".",
  "%2e",
  "..",
  "%2e%2e",
  "C:%5csecret.txt",
  "secret.txt%00.png",
  "%00",
  "..;/..;/secret.txt",
];

/** Addresses that a server must not follow, store as its own or open. `trap` is a listener that counts. */
export function addresses(trap: string, folder: string): string[] {
  const port = new URL(trap).port;
  return [
    ...[trap, `${trap}/#/../../etc/`, `${trap}?/../../`, `${trap};@x`, `http://0x7f000001:${port}/`, `http://2130706433:${port}/`],
    ...[`http://[::ffff:127.0.0.1]:${port}/`, `http://127.1:${port}/`, `http://localhost:${port}/`, `http://user:pass@127.0.0.1:${port}/`],
    ...[
      `file://${folder}`,
      `file://${folder}/secret.txt`,
      `file:${folder}`,
      "file:///etc/passwd",
      "FILE:///etc",
      "file://localhost/etc/passwd",
      folder,
    ],
    ...[
      `${folder}/secret.txt`,
      "/etc/passwd",
      "//proc/1/cwd/etc",
      "dbfs:/../../etc",
      "http:///#/../../../../../etc/",
      "mlflow-artifacts:/../../../etc",
    ],
    ...[
      "mlflow-artifacts://evil.example/../..",
      "mlflow-artifacts:/%2e%2e/%2e%2e/etc",
      "runs:/../../etc",
      "models:/../../etc/1",
      "jar:file:///etc!/passwd",
    ],
    ...[
      "gopher://127.0.0.1:1/_",
      "data:text/plain,x",
      "javascript:alert(1)",
      ":",
      "://",
      "\\\\evil.example\\share",
      "$HOME",
      "${HOME}",
      "$(id)",
      "`id`",
    ],
  ];
}

/** Bodies that are no JSON object, or a very odd one. */
export const oddBodies: [what: string, body: string][] = [
  ["nothing", ""],
  ["not JSON", "{"],
  ["a list", "[]"],
  ["a list of objects", "[{}]"],
  ["null", "null"],
  ["a number", "1"],
  ["text", '"x"'],
  ["a bare NaN", '{"value": NaN}'],
  ["depth", `{"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ["a prototype", '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}'],
  ["a NUL", '{"name":"\\u0000","key":"\\u0000","run_id":"\\u0000"}'],
  ["half a surrogate pair", '{"name":"\\ud800","key":"\\ud800","value":"\\ud800"}'],
  ["objects for texts", '{"name":{},"run_id":{},"key":{},"value":{},"path":{},"source":{},"experiment_id":{}}'],
  ["lists for texts", '{"name":[],"run_id":[],"key":[],"value":[],"path":[],"source":[],"experiment_id":[]}'],
  ["numbers for texts", '{"name":1e308,"run_id":-1,"key":0,"value":1e999,"path":1,"source":1,"experiment_id":1.5}'],
  ["texts for lists", '{"experiment_ids":"0","run_ids":"x","metrics":"x","params":"x","tags":"x","datasets":"x","order_by":"x"}'],
  ["lists of odd things", '{"metrics":[null],"params":[1],"tags":["x"],"datasets":[[]],"models":[{}],"experiment_ids":[{}],"order_by":[null]}'],
];
