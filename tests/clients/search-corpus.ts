/** Searches with filters, orders and pages, over `search-data.ts`: valid ones only, as what is refused has a corpus of its own. */
import type { SearchData } from "./search-data.ts";
import type { Json } from "./wire.ts";

export type Kind = "runs" | "experiments" | "models" | "versions" | "logged models";

export interface Search {
  kind: Kind;
  /** Of the kind's own search call; experiments by their names. */
  asked: { [key: string]: Json };
}

const texts = ["=", "!=", "LIKE", "ILIKE"];
const numbers = ["=", "!=", ">", ">=", "<", "<="];

/** Every field with every operator and several values. */
const clauses: Record<Kind, string[]> = {
  runs: [
    ...each(["metrics.acc"], numbers, ["0.5", "0.17", "0", "-1", "1e-2"]),
    ...each(["metrics.`val loss`"], numbers, ["0", "-4", "2", "5e0"]),
    ...each(['metric."odd.name/x"'], numbers, ["0", "1e300"]),
    ...each(["metrics.rank"], numbers, ["2"]),
    ...each(["metrics.none"], numbers, ["0"]),
    ...each(["params.model"], texts, ["'tree'", "'T%'", "'%e%'", "'a_b'", "'100%'", '"it\'s"', "''", "'%'", "'_'", "'5'"]),
    ...each(["param.`a b`"], texts, ["'3'", "'1%'"]),
    ...each(["parameters.none"], texts, ["'x'"]),
    ...each(["tags.group"], texts, ["'x'", "'X'", "'%x'", "'y'"]),
    ...each(["tag.`mlflow.source.name`"], texts, ["'train.py'", "'%.py'", "'TRAIN%'"]),
    ...each(["tags.`note: a`"], texts, ["'quo\"te'", "'%\"%'"]),
    ...each(["tags.`mlflow.runName`"], texts, ["'run_1'", "'Run%'"]),
    ...each(["run_name", "attributes.run_name"], texts, ["'run_1'", "'run_1%'", "'run%'", "'Run 7'"]),
    ...each(["status"], texts, ["'FINISHED'", "'F%'", "'running'", "'RUNNING'", "'%ED'"]),
    ...each(["user_id"], texts, ["'ann'", "'b%'", "'Bob'"]),
    ...each(["start_time"], numbers, ["1000", "1100", "1155"]),
    ...each(["attributes.end_time"], numbers, ["4970", "4999"]),
    ...each(["dataset.name"], texts, ["'wine'", "'W%'"]),
    ...each(["datasets.digest"], texts, ["'d0'", "'d%'"]),
    ...each(["dataset.context"], texts, ["'train'", "'TR%'"]),
    "dataset.name IN ('wine', 'beer')",
    "dataset.context NOT IN ('train')",
    "params.`a b` IS NULL",
    "params.`a b` IS NOT NULL",
    "tags.`note: a` IS NULL",
    "tags.`note: a` IS NOT NULL",
  ],
  experiments: [
    ...each(["name", "attribute.name"], texts, ["'plain'", "'search/%'", "'SEARCH%'", "'100%'", "'search_third'", "'%\\%%'"]),
    ...each(["tags.team"], texts, ["'air'", "'A%'", "''"]),
    ...each(["tag.`even key`"], texts, ["'2'", "'%'"]),
    ...each(["creation_time"], numbers, ["0", "9000000000000"]),
    ...each(["last_update_time"], numbers, ["0"]),
    "tags.`even key` IS NULL",
    "tags.`even key` IS NOT NULL",
  ],
  models: [
    ...each(["name"], texts, ["'forest'", "'F%'", "'tree_1'", "'tree%'", "'%model'", "'t_ee%'"]),
    ...each(["tags.stage"], texts, ["'a'", "'A'", "'%'"]),
    "name IN ('forest', 'net')",
  ],
  versions: [
    ...each(["name"], texts, ["'forest'", "'F%'", "'tree%'", "'linear model'"]),
    ...each(["version_number"], numbers, ["1", "2", "'2'", "0"]),
    ...each(["source_path"], texts, ["'s3://bucket/1'", "'s3://%'", "'S3%2'"]),
    ...each(["tags.gate"], texts, ["'passed'", "'P%'"]),
    ...each(["run_id"], ["=", "!="], ["'x'"]),
    "name IN ('forest', 'net')",
  ],
  "logged models": [
    ...each(["name"], texts, ["'logged a'", "'logged%'", "'LOGGED b'", "'%c'"]),
    ...each(["model_type"], texts, ["'agent'", "'%'", "''"]),
    ...each(["params.depth"], texts, ["'1'", "'%'"]),
    ...each(["tags.team"], texts, ["'air'", "'A%'"]),
    ...each(["metrics.auc"], numbers, ["0.5", "0", "0.58"]),
    ...each(["metrics.f1"], numbers, ["1"]),
    ...each(["creation_time"], numbers, ["0"]),
    "name IN ('logged a', 'logged d')",
    "name NOT IN ('logged a', 'logged d')",
    "status = 'PENDING'",
  ],
};

const directions = ["", " ASC", " DESC", " desc"];
const orders: Record<Kind, string[]> = {
  runs: ["metrics.acc", "metrics.`val loss`", 'metric."odd.name/x"', "metrics.none", "params.model", "param.`a b`", "tags.group", "tag.`note: a`", "start_time", "attributes.end_time", "run_name", "status", "user_id"],
  experiments: ["name", "creation_time", "last_update_time", "attribute.name"],
  models: ["name", "timestamp", "last_updated_timestamp"],
  versions: ["name", "version_number", "creation_timestamp", "last_updated_timestamp"],
  "logged models": ["name", "creation_time", "metrics.auc", "metrics.f1", "model_type"],
}; // prettier-ignore
/** A field to order by beside any other, so that nothing is left to chance. */
const last: Record<Kind, string> = {
  runs: "start_time ASC",
  experiments: "name ASC",
  models: "name ASC",
  versions: "creation_timestamp ASC",
  "logged models": "creation_time",
};

/** Over 1,000 searches: each clause alone, some pairs and triples of clauses, each order alone and with a filter, and pages. */
export function searchCorpus({ experiments }: SearchData): Search[] {
  const kinds = Object.keys(clauses) as Kind[];
  return kinds.flatMap((kind) => {
    const known = clauses[kind];
    const filters = [
      ...known,
      ...known.filter((_, i) => i % 2 === 0).map((clause, i) => `${clause} AND ${known[(i * 7 + 3) % known.length]!}`),
      ...known
        .filter((_, i) => i % 3 === 0)
        .map((clause, i) => `${clause} and ${known[(i * 5 + 1) % known.length]!} AND ${known[(i * 11 + 2) % known.length]!}`),
    ];
    const filtered = filters.map((filter, i): Search => ask(kind, experiments, { filter, ...orderOf(kind, [i % 2 === 0 ? last[kind] : ""]) }));
    const ordered = orders[kind].flatMap((field) =>
      directions.flatMap((direction, i) => {
        const by = orderOf(kind, [`${field}${direction}`, ...(field === last[kind].split(" ")[0] ? [] : [last[kind]])]);
        const filter = known[(field.length * 3 + i) % known.length]!;
        return [by, { ...by, filter }, { ...by, max_results: 3 }, { ...by, ...(kind === "runs" && { run_view_type: "ALL" }) }];
      }),
    );
    return [...filtered, ...ordered.map((given) => ask(kind, experiments, given))];
  });
}

function each(fields: string[], operators: string[], values: string[]): string[] {
  return fields.flatMap((field) => operators.flatMap((operator) => values.map((value) => `${field} ${operator} ${value}`)));
}

function orderOf(kind: Kind, terms: string[]): { order_by?: Json } {
  const given = terms.filter(Boolean);
  if (given.length === 0) return {};
  if (kind !== "logged models") return { order_by: given };
  return {
    order_by: given.map((term) => {
      const [field_name, direction = "ASC"] = term.split(" ");
      return { field_name: field_name!, ascending: direction.toUpperCase() !== "DESC" };
    }),
  };
}

function ask(kind: Kind, experiments: string[], given: { [key: string]: Json }): Search {
  if (kind === "runs" || kind === "logged models") return { kind, asked: { experiment_ids: experiments, ...given } };
  return { kind, asked: { max_results: 1_000, ...given } };
}
