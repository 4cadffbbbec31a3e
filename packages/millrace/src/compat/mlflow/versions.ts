import { deleteVersion, listModels, noteStage, registerVersion, removeAlias, updateVersion } from "#domains/registry";
import type { Transaction } from "#ports/database";
import { endpoint, type Handler, type MlflowServices } from "./endpoint.ts";
import { parseFilter, parseOrder } from "./filter.ts";
import { versionGrammar, versionOrderGrammar } from "./grammars.ts";
import { inOrder, matches, pageOf, type Searchable } from "./match.ts";
import { noteVersion } from "./logged-models.ts";
import { checkRegistryTag, matchesModel, stageOf } from "./models.ts";
import { invalid, refusal } from "./protocol.ts";
import { findModel, findVersion, needModel, needVersion, versionsOf } from "./registry-reads.ts";
import { integer, keyValues, needText, text, texts, truth, wrongType } from "./request.ts";
import { resolveSource } from "./version-source.ts";
import { deleteVersionRows, saveVersionRow, type VersionRow } from "./version-rows.ts";
import { type KnownVersion, wireVersion } from "./wire-model.ts";

const create: Handler = async (services, fields, { actor }) => {
  const { registry } = services;
  // What is registered can be read through the registry: nobody registers what they may not read.
  if (!actor.permissions.has("project:read")) throw refusal("PERMISSION_DENIED", `"${actor.name}" may not read what it wants to register.`);
  const name = needModel(fields);
  const source = needText(fields, "source");
  const tags = keyValues(fields, "tags");
  for (const [key, value] of Object.entries(tags)) checkRegistryTag(key, value);
  const resolved = await resolveSource(services, {
    source,
    run: text(fields, "run_id") || undefined,
    loggedModel: text(fields, "model_id") || undefined,
    prompt: tags["mlflow.prompt.is_prompt"] === "true",
  });
  await findModel(services, name);
  const version = {
    model: name,
    folder: resolved.folder,
    again: true,
    description: text(fields, "description") ?? "",
    tags,
    actor: actor.name,
    ...(resolved.run !== undefined && { runId: resolved.run }),
  };
  const made = await registerVersion(registry, version, (transaction, { version: number, createdMs }) =>
    saveVersionRow(transaction, {
      model: name,
      version: number,
      source: resolved.source,
      location: resolved.location,
      logged_model: resolved.loggedModel ?? null,
      run_link: text(fields, "run_link") ?? "",
      stage: "None",
      updated_ms: createdMs,
    }),
  );
  if (resolved.loggedModel !== undefined) await noteVersion(services.tracking, resolved.loggedModel, name, made.version);
  return { model_version: wireVersion(await findVersion(services, name, made.version)) };
};

const get: Handler = async (services, fields) => ({
  model_version: wireVersion(await findVersion(services, needModel(fields), needVersion(fields))),
});

const update: Handler = async (services, fields) => {
  const version = await findVersion(services, needModel(fields), needVersion(fields));
  await updateVersion(services.registry, { model: version.model, version: version.version, description: text(fields, "description") ?? "" });
  return { model_version: wireVersion(await touch(services, version)) };
};

/** Aliases go with their version. */
const remove: Handler = async (services, fields, { actor }) => {
  const { model, version, aliases } = await findVersion(services, needModel(fields), needVersion(fields));
  for (const alias of aliases) await removeAlias(services.registry, { model, alias, actor: actor.name, expected: version });
  await deleteVersion(services.registry, { model, version });
  await services.registry.state.write((transaction) => deleteVersionRows(transaction, model, version));
  return {};
};

const transition: Handler = async (services, fields, { actor }) => {
  const name = needModel(fields);
  const version = needVersion(fields);
  const stage = stageOf(needText(fields, "stage"));
  const archive = truth(fields, "archive_existing_versions") ?? false;
  if (archive && stage !== "Staging" && stage !== "Production")
    throw invalid(
      `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
    );
  const moved = await findVersion(services, name, version);
  const others = archive ? (await versionsOf(services, [name])).filter((each) => each.stage === stage && each.version !== version) : [];
  await services.registry.state.write(async (transaction) => {
    for (const other of others) await putInStage(services, transaction, other, "Archived", actor.name);
    await putInStage(services, transaction, moved, stage, actor.name);
  });
  return { model_version: wireVersion(await findVersion(services, name, version)) };
};

const downloadUri: Handler = async (services, fields) => ({
  artifact_uri: (await findVersion(services, needModel(fields), needVersion(fields))).location,
});

const setTag: Handler = async (services, fields) => {
  const key = needText(fields, "key");
  const value = text(fields, "value") ?? "";
  checkRegistryTag(key, value);
  const { model, version } = await findVersion(services, needModel(fields), needVersion(fields));
  await updateVersion(services.registry, { model, version, tags: { [key]: value } });
  return {};
};

const deleteTag: Handler = async (services, fields) => {
  const key = needText(fields, "key");
  const { model, version } = await findVersion(services, needModel(fields), needVersion(fields));
  await updateVersion(services.registry, { model, version, tags: { [key]: null } });
  return {};
};

const search: Handler = async (services, fields) => {
  const limit = integer(fields, "max_results") ?? 10_000;
  if (limit > 200_000) throw wrongType("max_results", fields["max_results"]);
  if (limit < 1) throw invalid(`Invalid value ${limit} for parameter 'max_results' supplied. It must be a positive integer`);
  const clauses = parseFilter(text(fields, "filter"), versionGrammar);
  const order = texts(fields, "order_by").map((term) => parseOrder(term, versionOrderGrammar));
  if (order.length === 0) order.push({ entity: "attribute", key: "last_updated_timestamp", direction: "desc" });
  order.push({ entity: "attribute", key: "name", direction: "asc" }, { entity: "attribute", key: "version_number", direction: "desc" });
  const named = clauses.filter(({ entity, key }) => entity === "attribute" && key === "name");
  const models = (await listModels(services.registry)).map(({ name }) => name).filter((name) => matches({ attributes: { name }, tags: {} }, named)); // spares the versions of all other models
  const found = (await versionsOf(services, models)).map(searchable).filter((version) => matchesModel(version, clauses));
  const { page, next } = pageOf(inOrder(found, order), text(fields, "page_token"), limit);
  return {
    ...(page.length > 0 && { model_versions: page.map(({ version }) => wireVersion(version)) }),
    ...(next !== undefined && { next_page_token: next }),
  };
};

export const versionRoutes = [
  ...endpoint("POST", "model-versions/create", "models:write", create),
  ...endpoint("GET", "model-versions/get", "project:read", get),
  ...endpoint("PATCH", "model-versions/update", "models:write", update),
  ...endpoint("DELETE", "model-versions/delete", "models:write", remove),
  ...endpoint("POST", "model-versions/transition-stage", "models:write", transition),
  ...endpoint("GET", "model-versions/get-download-uri", "project:read", downloadUri),
  ...endpoint("POST", "model-versions/set-tag", "models:write", setTag),
  ...endpoint("DELETE", "model-versions/delete-tag", "models:write", deleteTag),
  ...endpoint("GET", "model-versions/search", "project:read", search),
];

/** Notes that a version changed. */
async function touch(services: MlflowServices, version: KnownVersion): Promise<KnownVersion> {
  await services.registry.state.write((transaction) => saveVersionRow(transaction, rowOf(services, version)));
  return findVersion(services, version.model, version.version);
}

/** Moves a version to a stage, and has it written down by whom. */
async function putInStage(services: MlflowServices, transaction: Transaction, version: KnownVersion, stage: string, actor: string): Promise<void> {
  const { model, version: number, stage: previous } = version;
  if (stage !== previous) await noteStage(services.registry, transaction, { model, version: number, stage, previous, actor });
  await saveVersionRow(transaction, { ...rowOf(services, version), stage });
}

function rowOf({ registry }: MlflowServices, { model, version, source, location, loggedModel, runLink, stage }: KnownVersion): VersionRow {
  return { model, version, source, location, logged_model: loggedModel ?? null, run_link: runLink, stage, updated_ms: registry.clock.now() };
}

function searchable(version: KnownVersion): Searchable & { version: KnownVersion } {
  return {
    version,
    tags: version.tags,
    attributes: {
      name: version.model,
      version_number: version.version,
      run_id: version.runId ?? "",
      source_path: version.source,
      creation_timestamp: version.createdMs,
      last_updated_timestamp: version.updatedMs,
    },
  };
}
