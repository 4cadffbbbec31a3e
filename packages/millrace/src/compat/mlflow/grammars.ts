import type { Grammar } from "./filter.ts";
import { pythonText } from "./filter-tokens.ts";

const metric = { metric: "metric", metrics: "metric" } as const;
const parameter = { parameter: "parameter", parameters: "parameter", param: "parameter", params: "parameter" } as const;
const tag = { tag: "tag", tags: "tag" } as const;
const attribute = { attribute: "attribute", attributes: "attribute", attr: "attribute", run: "attribute" } as const;

export const runGrammar: Grammar = {
  entities: { ...metric, ...parameter, ...tag, ...attribute, dataset: "dataset", datasets: "dataset" },
  entityNames: "['metric', 'parameter', 'tag', 'attribute', 'dataset']",
  attributes: {
    run_id: "text",
    run_name: "text",
    "run name": "text",
    "Run name": "text",
    "Run Name": "text",
    user_id: "text",
    status: "text",
    artifact_uri: "text",
    start_time: "number",
    end_time: "number",
    created: "number",
    Created: "number",
  },
  listKeys: ["run_id"],
  nullable: ["tag", "parameter"],
};

const plain = { entities: { attribute: "attribute", ...tag }, entityNames: "('attribute', 'tag', 'tags')" } as const;

export const experimentGrammar: Grammar = {
  ...plain,
  attributes: { name: "text", experiment_id: "text", creation_time: "number", last_update_time: "number" },
  listKeys: ["experiment_id"],
  nullable: ["tag"],
};

export const modelGrammar: Grammar = { ...plain, attributes: { name: "text" }, listKeys: ["name"], nullable: [] };

export const modelOrderGrammar: Grammar = {
  ...plain,
  attributes: { name: "text", timestamp: "number", last_updated_timestamp: "number" },
  listKeys: [],
  nullable: [],
  words: { attribute: (key, keys) => `Invalid order by key '${key}' specified. Valid keys are '{${keys}}'` },
};

export const versionGrammar: Grammar = {
  ...plain,
  attributes: { name: "text", version_number: "number", run_id: "text", source_path: "text" },
  listKeys: ["name", "run_id"],
  quotedNumbers: true,
  nullable: [],
};

export const versionOrderGrammar: Grammar = {
  ...versionGrammar,
  attributes: { name: "text", version_number: "number", creation_timestamp: "number", last_updated_timestamp: "number" },
};

export const loggedModelGrammar: Grammar = {
  entities: { ...metric, ...parameter, ...tag, ...attribute },
  entityNames: "['metric', 'parameter', 'tag', 'attribute']",
  attributes: {
    name: "text",
    model_id: "text",
    model_type: "text",
    status: "text",
    source_run_id: "text",
    creation_timestamp: "number",
    creation_time: "number",
    last_updated_timestamp: "number",
    last_updated_time: "number",
  },
  listKeys: undefined,
  nullable: [],
  words: {
    filter: (filter) =>
      `Invalid filter string: ${pythonText(filter)}. Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01').`,
    operator: (name, op, known) =>
      `Invalid comparison operator for ${name.includes(".") ? name : `attributes.${name}`}: '${op}'. Expected one of (${known.map(pythonText).join(", ")}).`,
  },
};
