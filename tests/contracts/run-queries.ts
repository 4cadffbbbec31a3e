/** Random filters of runs, random runs, and a plain reading of what a filter means, to hold searches against. */
import fc from "fast-check";
import type { RunFilter, RunInput, RunStatus } from "#domains/tracking";

export interface PlainRun {
  id: string;
  name: string;
  experiment: string;
  experimentName: string;
  status: RunStatus;
  actor: string | undefined;
  startedMs: number;
  endedMs: number | undefined;
  params: Record<string, string>;
  tags: Record<string, string>;
  metrics: Record<string, number>;
  inputs: RunInput[];
  note: string;
}

const keys = ["auc", "val loss", "lr", "a.b", 'say "x"', "mlflow.source"];
const texts = ["trees", "Trees", "10", "9", "1e1", "0.5", "late arrival", "it's", "50%", "a_b", "", " "];
const numbers = [0, -0, 1, 10, 9.5, -3, 1e21, 5e-7];
const times = [1_000, 1_500, 2_000, 86_400_000];
const statuses: RunStatus[] = ["running", "scheduled", "finished", "failed", "killed"];
const patterns = ["%", "tre%", "%s", "_0", "T%s", "late_arrival", "%'%", ""];

/** Filters that the query language can say. */
export function filters(): fc.Arbitrary<RunFilter> {
  const { filter } = fc.letrec<{ filter: RunFilter }>((tie) => {
    const parts = fc.array(tie("filter"), { minLength: 2, maxLength: 3 });
    return {
      filter: fc.oneof(
        { maxDepth: 3, depthSize: "small" },
        { arbitrary: conditions(), weight: 4 },
        { arbitrary: parts.map((and): RunFilter => ({ and })), weight: 2 },
        { arbitrary: parts.map((or): RunFilter => ({ or })), weight: 2 },
        { arbitrary: tie("filter").map((not): RunFilter => ({ not })), weight: 1 },
      ),
    };
  });
  return filter;
}

function conditions(): fc.Arbitrary<RunFilter> {
  const key = fc.constantFrom(...keys);
  const text = fc.constantFrom(...texts);
  const number = fc.constantFrom(...numbers);
  const keyed = key.chain((name) => fc.constantFrom({ param: name }, { tag: name }));
  const textual = fc.oneof(
    fc
      .constantFrom("name" as const, "actor" as const, "experimentName" as const, "folder" as const, "note" as const)
      .map((attribute) => ({ attribute })),
    fc.constantFrom("name" as const, "digest" as const).map((input) => ({ input })),
  );
  const numeric = (field: fc.Arbitrary<object>, value: fc.Arbitrary<number>) =>
    fc.oneof(compared(field, value), listed(field, value), bounded(field, value), known(field));
  const made = fc.oneof(
    numeric(
      key.map((metric) => ({ metric })),
      fc.oneof(number, fc.constantFrom(Number.NaN, Infinity, -Infinity)),
    ),
    numeric(fc.constantFrom({ attribute: "startedMs" }, { attribute: "endedMs" }, { attribute: "durationMs" }), fc.constantFrom(...times)),
    ...[keyed, textual].flatMap((field: fc.Arbitrary<object>) => [
      compared(field, text),
      listed(field, text),
      bounded(field, text),
      matched(field),
      known(field),
    ]),
    ...[compared(keyed, number), listed(keyed, fc.oneof(number, text)), bounded(keyed, number)],
    ...[
      compared(fc.constant({ attribute: "status" }), fc.constantFrom(...statuses)),
      listed(fc.constant({ attribute: "status" }), fc.constantFrom(...statuses)),
    ],
    fc.constantFrom("tree", "ARRIVAL", "0", "it's", '"', "%").map((wanted) => ({ text: wanted })),
  );
  return made as fc.Arbitrary<RunFilter>; // put together above
}

const compared = (field: fc.Arbitrary<object>, value: fc.Arbitrary<unknown>) =>
  fc.tuple(field, fc.constantFrom("=", "!=", "<", "<=", ">", ">="), value).map(([named, op, each]) => ({ ...named, op, value: each }));
const listed = (field: fc.Arbitrary<object>, value: fc.Arbitrary<unknown>) =>
  fc
    .tuple(field, fc.constantFrom("in", "not in"), fc.array(value, { minLength: 1, maxLength: 3 }))
    .map(([named, op, list]) => ({ ...named, op, value: list }));
const bounded = (field: fc.Arbitrary<object>, value: fc.Arbitrary<unknown>) =>
  fc.tuple(field, fc.constantFrom("between", "not between"), value, value).map(([named, op, low, high]) => ({ ...named, op, value: [low, high] }));
const matched = (field: fc.Arbitrary<object>) =>
  fc
    .tuple(field, fc.constantFrom("like", "ilike", "not like", "not ilike"), fc.constantFrom(...patterns))
    .map(([named, op, value]) => ({ ...named, op, value }));
const known = (field: fc.Arbitrary<object>) => fc.tuple(field, fc.constantFrom("exists", "missing")).map(([named, op]) => ({ ...named, op }));

/** What runs of a test are made from; ids and experiments come when they are started. */
export function plainRuns(): fc.Arbitrary<Omit<PlainRun, "id" | "experiment">[]> {
  const some = <Value>(value: fc.Arbitrary<Value>) => fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 4 }).map((each) => ({ ...each }));
  const word = fc.constantFrom(...texts.filter((text) => text !== ""));
  const input = fc.record({ name: word, digest: fc.constantFrom("10", "d1") }, { requiredKeys: ["name"] });
  const run = fc.record({
    name: word,
    experimentName: fc.constantFrom("trees", "late/arrival", "late/deep/trees"),
    status: fc.constantFrom(...statuses),
    actor: fc.option(word, { nil: undefined }),
    startedMs: fc.constantFrom(...times),
    endedMs: fc.constant(undefined),
    params: some(fc.constantFrom(...texts)),
    tags: some(fc.constantFrom(...texts)),
    metrics: some(fc.constantFrom(...numbers, Number.NaN, Infinity)),
    inputs: fc.array(input, { maxLength: 2 }),
    note: fc.constantFrom("", "late arrival", "50% of trees"),
  });
  return fc.array(
    run.map((each) => ({ ...each, endedMs: each.status === "running" || each.status === "scheduled" ? undefined : each.startedMs + 500 })),
    { minLength: 1, maxLength: 12 },
  );
}

/** Whether a filter holds for a run, read one condition at a time. */
export function holdsFor(run: PlainRun, filter: RunFilter): boolean {
  if ("and" in filter) return filter.and.every((part) => holdsFor(run, part));
  if ("or" in filter) return filter.or.some((part) => holdsFor(run, part));
  if ("not" in filter) return !holdsFor(run, filter.not);
  if ("text" in filter) {
    const places = [run.id, run.name, run.note, run.experimentName, ...Object.values(run.params), ...Object.values(run.tags)];
    return places.some((place) => place.toLowerCase().includes(filter.text.toLowerCase()));
  }
  const { op, value } = filter;
  const actual = valuesOf(run, filter);
  if (op === "missing") return actual.length === 0;
  if (op === "exists") return actual.length > 0;
  const negated = op.startsWith("not ") || op === "!=";
  const positive = op === "!=" ? "=" : op.replace("not ", "");
  const passes = (each: string | number) => compare(each, positive, value);
  return actual.length > 0 && (negated ? !actual.some(passes) : actual.some(passes));
}

function valuesOf(run: PlainRun, field: object): (string | number)[] {
  const own = (record: Record<string, string | number>, key: string) => (Object.hasOwn(record, key) ? [record[key]!] : []);
  if ("metric" in field) return own(run.metrics, String(field.metric));
  if ("param" in field) return own(run.params, String(field.param));
  if ("tag" in field) return own(run.tags, String(field.tag));
  if ("input" in field) return run.inputs.flatMap((input) => (field.input === "name" ? [input.name] : (input.digest ?? [])));
  const cut = run.experimentName.lastIndexOf("/");
  const attributes: Record<string, string | number | undefined> = {
    ...run,
    folder: cut < 0 ? undefined : run.experimentName.slice(0, cut),
    durationMs: run.endedMs === undefined ? undefined : run.endedMs - run.startedMs,
    note: run.note || undefined,
  } as never; // the other fields are not asked for
  return [attributes[String((field as { attribute: string }).attribute)] ?? []].flat();
}

function compare(actual: string | number, op: string, value: unknown): boolean {
  if (op === "in") return (value as unknown[]).some((each) => compare(actual, "=", each));
  if (op === "between") {
    const [low, high] = value as unknown[];
    return compare(actual, ">=", low) && compare(actual, "<=", high);
  }
  if (op === "like" || op === "ilike") {
    const pattern = String(value)
      .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll("%", "[^]*")
      .replaceAll("_", "[^]");
    return new RegExp(`^${pattern}$`, op === "ilike" ? "iu" : "u").test(String(actual));
  }
  const left = typeof value === "number" && typeof actual === "string" ? (actual.trim() === "" ? Number.NaN : Number(actual)) : actual;
  if (typeof value === "number" && typeof actual === "string" && Number.isNaN(left)) return false;
  const right = value as string;
  if (op === "=") return left === right || (Number.isNaN(left) && Number.isNaN(right));
  if (op === "<") return left < right;
  if (op === "<=") return left <= right;
  return op === ">" ? left > right : left >= right;
}
