import {
  createModel,
  deleteModel,
  getModel,
  type ModelFacts,
  type RegisteredModel,
  removeAlias,
  renameModel,
  searchModels,
  setAlias,
  updateModel,
} from "#domains/registry";
import { AppError } from "#kit/app-error";
import { endpoint, type Handler, type MlflowServices } from "./endpoint.ts";
import { parseFilter, parseOrder } from "./filter.ts";
import { modelGrammar, modelOrderGrammar } from "./grammars.ts";
import { checkKey, checkLength, cut } from "./limits.ts";
import type { Searchable } from "./match.ts";
import { taken } from "./prompts.ts";
import { absent, invalid } from "./protocol.ts";
import { findModel, findVersion, latestVersions, needModel, needVersion, notFound } from "./registry-reads.ts";
import { matchesModel, modelConditions, orderTerms, refuseToken } from "./registry-search.ts";
import { integer, keyValues, needText, text, texts, wrongType } from "./request.ts";
import { stages, wireModel, wireVersion } from "./wire-model.ts";

const create: Handler = async (services, fields) => {
  const name = needModel(fields);
  const tags = keyValues(fields, "tags");
  for (const [key, value] of Object.entries(tags)) checkRegistryTag(key, value);
  const model = await createModel(services.registry, { name, tags, description: text(fields, "description") ?? "" }).catch(
    translateTaken(services, name, tags),
  );
  return { registered_model: wireModel(model, []) };
};

const get: Handler = async (services, fields) => ({ registered_model: await answer(services, await findModel(services, needModel(fields))) });

const update: Handler = async (services, fields) => {
  const name = needModel(fields);
  await findModel(services, name);
  const model = await updateModel(services.registry, { name, description: text(fields, "description") ?? "" });
  return { registered_model: await answer(services, model) };
};

const rename: Handler = async (services, fields) => {
  const name = needModel(fields);
  const newName = needModel(fields, "new_name");
  const { tags } = await findModel(services, name);
  const model = await renameModel(services.registry, { name, newName }).catch(translateTaken(services, newName, tags));
  return { registered_model: await answer(services, model) };
};

/** Aliases go with their model. */
const remove: Handler = async (services, fields, { actor }) => {
  const name = needModel(fields);
  await findModel(services, name);
  await deleteModel(services.registry, name, { withAliases: { actor: actor.name, reason: "" } });
  return {};
};

const search: Handler = async (services, fields) => {
  const limit = integer(fields, "max_results") ?? 100;
  if (limit > 1_000) throw wrongType("max_results", fields["max_results"]);
  if (limit < 1) throw invalid(`Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer`);
  const clauses = parseFilter(text(fields, "filter"), modelGrammar);
  const order = texts(fields, "order_by").map((term) => parseOrder(term, modelOrderGrammar));
  const { where, exact } = await modelConditions(services.registry, clauses);
  const { models, nextCursor } = await searchModels(services.registry, {
    ...{ where, limit, cursor: text(fields, "page_token") || undefined },
    order: orderTerms(order, { name: "name", timestamp: "updatedMs", last_updated_timestamp: "updatedMs" }),
    keep: exact ? undefined : (found) => found.filter((model) => matchesModel(searchable(model), clauses)),
  }).catch(refuseToken);
  const page = await answers(services, models);
  return { ...(page.length > 0 && { registered_models: page }), ...(nextCursor !== undefined && { next_page_token: nextCursor }) };
};

const setTag: Handler = async (services, fields) => {
  const name = needModel(fields);
  const key = needText(fields, "key");
  const value = text(fields, "value") ?? "";
  checkRegistryTag(key, value);
  await findModel(services, name);
  await updateModel(services.registry, { name, tags: { [key]: value } });
  return {};
};

const deleteTag: Handler = async (services, fields) => {
  const name = needModel(fields);
  const key = needText(fields, "key");
  await findModel(services, name);
  await updateModel(services.registry, { name, tags: { [key]: null } });
  return {};
};

const latest: Handler = async (services, fields) => {
  const name = needModel(fields);
  const wanted = texts(fields, "stages").map(stageOf);
  const newest = (await latestVersions(services, [await findModel(services, name)])).get(name) ?? [];
  const versions = newest.filter(({ stage }) => wanted.length === 0 || wanted.includes(stage));
  return versions.length > 0 ? { model_versions: versions.map((version) => wireVersion(version)) } : {};
};

const putAlias: Handler = async (services, fields, { actor }) => {
  const name = needModel(fields);
  const alias = checkAlias(text(fields, "alias"));
  if (alias.toLowerCase() === "latest") throw invalid("'latest' alias name (case insensitive) is reserved.");
  if (/^[vV]\d+$/.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`);
  const version = needVersion(fields);
  await findVersion(services, name, version);
  await setAlias(services.registry, { model: name, alias, version, actor: actor.name });
  await services.serving?.reload();
  return {};
};

const getAlias: Handler = async (services, fields) => {
  const name = needModel(fields);
  const alias = checkAlias(text(fields, "alias"));
  const { aliases, latest } = await findModel(services, name);
  const newest = alias.toLowerCase() === "latest"; // nobody may set that one
  const version = newest ? latest : Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
  if (version === undefined)
    throw newest ? absent(`Latest version not found for model ${name}.`) : invalid(`Registered model alias ${alias} not found.`);
  return { model_version: wireVersion(await findVersion(services, name, version)) };
};

const deleteAlias: Handler = async (services, fields, { actor }) => {
  const name = needModel(fields);
  const alias = checkAlias(text(fields, "alias"));
  await findModel(services, name);
  await removeAlias(services.registry, { model: name, alias, actor: actor.name }).catch((error: unknown) => {
    if (!notFound(error)) throw error; // taking away what is not there is fine
  });
  await services.serving?.reload();
  return {};
};

export const modelRoutes = [
  ...endpoint("POST", "registered-models/create", "models:write", create),
  ...endpoint("GET", "registered-models/get", "project:read", get),
  ...endpoint("PATCH", "registered-models/update", "models:write", update),
  ...endpoint("POST", "registered-models/rename", "models:write", rename),
  ...endpoint("DELETE", "registered-models/delete", "models:write", remove),
  ...endpoint("GET", "registered-models/search", "project:read", search),
  ...endpoint("POST", "registered-models/set-tag", "models:write", setTag),
  ...endpoint("DELETE", "registered-models/delete-tag", "models:write", deleteTag),
  ...endpoint("POST", "registered-models/get-latest-versions", "project:read", latest),
  ...endpoint("GET", "registered-models/get-latest-versions", "project:read", latest),
  ...endpoint("POST", "registered-models/alias", "models:write", putAlias),
  ...endpoint("GET", "registered-models/alias", "project:read", getAlias),
  ...endpoint("DELETE", "registered-models/alias", "models:write", deleteAlias),
];

/** Most characters of a tag, which also hold the text of a prompt. */
const textLength = 100_000;

export function checkRegistryTag(key: string, value: string): void {
  checkKey(key, "key", "key");
  if (key === "mlflow.prompt.text" && cut(value, textLength) !== value) throw invalid(`Prompt text exceeds max length of ${textLength} characters.`);
  checkLength("value", textLength, value);
}

/** A stage by its name in any case. */
export function stageOf(given: string): string {
  const stage = stages.find((each) => each.toLowerCase() === given.toLowerCase());
  if (stage === undefined) throw invalid(`Invalid Model Version stage: ${given}. Value must be one of ${stages.join(", ")}.`);
  return stage;
}

async function answer(services: MlflowServices, model: RegisteredModel): Promise<object> {
  return (await answers(services, [model]))[0]!; // one for each
}

async function answers(services: MlflowServices, models: RegisteredModel[]): Promise<object[]> {
  const latestOf = await latestVersions(services, models);
  return models.map((model) => wireModel(model, latestOf.get(model.name) ?? []));
}

/** @param tags of the one that wants the name */
function translateTaken(services: MlflowServices, name: string, tags: Record<string, string>) {
  return async (error: unknown): Promise<never> => {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
    throw taken(name, (await standingTags(services, name)) ?? tags, tags);
  };
}

/** Undefined where a deleted model has the name. */
async function standingTags({ registry }: MlflowServices, name: string): Promise<Record<string, string> | undefined> {
  try {
    return (await getModel(registry, name)).tags;
  } catch (error) {
    if (notFound(error)) return undefined;
    throw error;
  }
}

function checkAlias(alias: string | undefined): string {
  if (alias === undefined || alias === "") throw invalid("Registered model alias name cannot be empty.");
  if (!/^[\p{L}\p{N}_-]*$/u.test(alias))
    throw invalid(`Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`);
  checkLength("Registered model alias name", 255, alias);
  return alias;
}

function searchable({ name, updatedMs, tags }: ModelFacts): Searchable {
  return { tags, attributes: { name, timestamp: updatedMs, last_updated_timestamp: updatedMs } };
}
