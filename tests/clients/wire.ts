/** Calls to a server over plain HTTP, and what it answered, told so that the answers of two servers can be compared. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Exchange {
  /** What was asked, with its number in the scenario. */
  asked: string;
  status: number;
  /** The body, without what two servers may tell differently: ids, times, names and tokens they make up, words of errors. */
  answer: Json;
  /** Words of an error, for whoever looks into a difference. */
  message: string | undefined;
  /** Why Millrace answers otherwise than MLflow, on purpose. */
  unlike: string | undefined;
}

export interface Wire {
  get(path: string, query?: Record<string, string | string[]>): Promise<Json>;
  post(path: string, body?: Json): Promise<Json>;
  patch(path: string, body?: Json): Promise<Json>;
  delete(path: string, body?: Json): Promise<Json>;
  /** Any method with any body; answers the body as text. */
  send(method: string, path: string, sent?: Sent): Promise<string>;
  /** For calls that Millrace answers otherwise, and why. That it does is checked too. */
  unlike(why: string): Wire;
}

interface Sent {
  body?: string | Uint8Array;
  headers?: Record<string, string>;
  query?: string;
}

/** What a scenario does; its calls are recorded. */
export type Scenario = (wire: Wire) => Promise<void>;

/** Plays a scenario on a server. Paths are below `/api/2.0/mlflow/`, or begin with `/`. */
export async function play(address: string, scenario: Scenario): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  const names = namesOf(() => exchanges.length + 1);
  const send = async (unlike: string | undefined, method: string, path: string, { body, headers = {}, query = "" }: Sent = {}) => {
    const url = address + (path.startsWith("/") ? path : `/api/2.0/mlflow/${path}`) + query;
    const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
    const text = await response.text();
    const parsed = parse(text);
    const sent = typeof body === "string" ? body : body === undefined ? "" : `${body.length} bytes`;
    const message = isObject(parsed) && typeof parsed["message"] === "string" ? parsed["message"] : undefined;
    const asked = names.inText(`${exchanges.length + 1}: ${method} ${path}${decodeURIComponent(query)} ${sent}`.trim());
    exchanges.push({ asked: asked.slice(0, 300), status: response.status, answer: names.inAnswer(withoutWords(parsed)), message, unlike });
    return text;
  };
  const wireOf = (unlike: string | undefined): Wire => {
    const withBody =
      (method: string) =>
      async (path: string, body: Json = {}): Promise<Json> =>
        parse(await send(unlike, method, path, { body: JSON.stringify(body), headers: { "content-type": "application/json" } }));
    return {
      send: (method, path, sent) => send(unlike, method, path, sent),
      get: async (path, query = {}) => {
        const pairs = Object.entries(query).flatMap(([key, value]) => [value].flat().map((each): [string, string] => [key, each]));
        return parse(await send(unlike, "GET", path, { query: pairs.length > 0 ? `?${new URLSearchParams(pairs).toString()}` : "" }));
      },
      post: withBody("POST"),
      patch: withBody("PATCH"),
      delete: withBody("DELETE"),
      unlike: wireOf,
    };
  };
  await scenario(wireOf(undefined));
  return exchanges;
}

/** A part of an answer, such as `run.info.run_id`, as text; empty where there is none. */
export function at(answer: Json, path: string): string {
  let value: Json | undefined = answer;
  for (const part of path.split(".")) value = isObject(value) ? value[part] : Array.isArray(value) ? value[Number(part)] : undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function withoutWords(answer: Json): Json {
  // GraphQL's errors are words alone.
  if (isObject(answer) && "data" in answer && Array.isArray(answer["errors"])) return { ...answer, errors: answer["errors"].length };
  if (!isObject(answer) || !("error_code" in answer)) return answer;
  const { error_code, error_class, sqlstate } = answer;
  return { error_code: error_code ?? null, error_class: error_class ?? null, sqlstate: sqlstate ?? null };
}

/** Gives what a server made up the name of the place where it is first seen: what another made up there has the same. */
function namesOf(place: () => number) {
  const given = new Map<string, string>();
  const counts = new Map<number, number>();
  const nameOf = (kind: string, value: string) => {
    const standing = given.get(`${kind} ${value}`);
    if (standing !== undefined) return standing;
    const count = (counts.get(place()) ?? 0) + 1;
    counts.set(place(), count);
    const name = `<${kind} ${place()}${count > 1 ? `.${count}` : ""}>`;
    given.set(`${kind} ${value}`, name);
    return name;
  };
  const experiments = new Set<string>();
  const inText = (text: string): string => {
    if (/^<!doctype/i.test(text)) return "<a page>";
    const within = /^[[{]/.test(text) ? parse(text) : text; // JSON within JSON is laid out differently
    if (typeof within !== "string") return JSON.stringify(canonical(inAnswer(within)));
    let named = text.replaceAll(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g, (id) => nameOf("id", id));
    for (const id of experiments)
      named = named.replaceAll(
        new RegExp(`(?<=artifacts:/|"experiment_ids?":\\s*\\[?"|experiment_ids?=)${id}(?=[/"& ]|$)`, "g"),
        nameOf("experiment", id),
      );
    return named;
  };
  const inAnswer = (value: Json, key = ""): Json => {
    if (Array.isArray(value))
      return sorted(
        value.map((item) => inAnswer(item, key)),
        key,
      );
    if (isObject(value)) {
      const id = value["experiment_id"] ?? value["experimentId"];
      if (typeof id === "string" && id !== "0") experiments.add(id);
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inAnswer(item, name)]));
    }
    if (typeof value === "number") return /time|timestamp/.test(key) && value > 1.6e12 ? "<now>" : value;
    if (typeof value !== "string") return value;
    if (/^experiment(_i|I)d$/.test(key) && value !== "0") return nameOf("experiment", value);
    if (/^next(_page_t|PageT)oken$/.test(key) && value !== "") return "<token>";
    if (/(Time|Timestamp)$/.test(key) && Number(value) > 1.6e12) return "<now>";
    if (/time/.test(key) && Math.abs(Date.parse(value) - Date.now()) < 600_000) return "<now>";
    if (/^([a-z]+-[a-z]+-\d+|(run|model)-[0-9a-f]{6})$/.test(value)) return "<made name>";
    return inText(value);
  };
  return { inText, inAnswer };
}

/** With the fields of objects in order of their names. */
export function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, canonical(value[key]!)]),
  );
}

/** Lists of keys with values have no order, a schema's types neither; a history has one key many times. */
function sorted(list: Json[], of: string): Json[] {
  const name = of === "types" ? "name" : "key";
  const keys = list.map((item) => (isObject(item) && typeof item[name] === "string" ? item[name] : undefined));
  if (keys.includes(undefined) || new Set(keys).size < keys.length) return list;
  return list.toSorted((a, b) => (JSON.stringify(canonical(a)) < JSON.stringify(canonical(b)) ? -1 : 1));
}
