import {
  deleteVersion,
  noteStage,
  registerVersion,
  searchVersions,
  touchVersion,
  updateVersion,
  type VersionFacts,
  versionHeads,
} from "#domains/registry";
import type { Transaction } from "#ports/database";
import { endpoint, type Handler, type MlflowServices } from "./endpoint.ts";
import { type Clause, parseFilter, parseOrder } from "./filter.ts";
import { versionGrammar, versionOrderGrammar } from "./grammars.ts";
import type { Searchable } from "./match.ts";
import { findLoggedModel } from "./logged-model-reads.ts";
import { noteVersion } from "./logged-models.ts";
import { checkRegistryTag, stageOf } from "./models.ts";
import { checkPromptSource, isPrompt } from "./prompts.ts";
import { invalid, refusal } from "./protocol.ts";
import { findModel, findVersion, knownHeads, needModel, needVersion } from "./registry-reads.ts";
import { matchesModel, orderTerms, refuseToken, versionConditions } from "./registry-search.ts";
import { integer, keyValues, needText, text, texts, truth, wrongType } from "./request.ts";
import { resolveSource } from "./version-source.ts";
import { saveVersionRow, stagedVersions, type VersionRow } from "./version-rows.ts";
import { type KnownHead, wireVersion } from "./wire-model.ts";

const create: Handler = async (services, fields, { actor }) => {
  const { registry } = services;
  // What is registered can be read through the registry: nobody registers what they may not read.
  if (!actor.permissions.has("project:read")) throw refusal("PERMISSION_DENIED", `"${actor.name}" may not read what it wants to register.`);
  const name = needModel(fields);
  const source = needText(fields, "source");
  const tags = keyValues(fields, "tags");
  for (const [key, value] of Object.entries(tags)) checkRegistryTag(key, value);
  const prompt = isPrompt(tags);
  if (prompt) checkPromptSource(source);
  const resolved = await resolveSource(services, {
    source,
    run: text(fields, "run_id") || undefined,
    loggedModel: text(fields, "model_id") || undefined,
    prompt,
  });
  await findModel(services, name);
  const logged = resolved.loggedModel === undefined ? undefined : await findLoggedModel(services.tracking, resolved.loggedModel);
  const run = resolved.run ?? logged?.sourceRun; // that logged it, where the client names none
  const version = {
    model: name,
    folder: resolved.folder,
    again: true,
    description: text(fields, "description") ?? "",
    tags,
    actor: actor.name,
    ...(run !== undefined && { runId: run }),
  };
  const made = await registerVersion(registry, version, (transaction, { version: number }) =>
    saveVersionRow(transaction, {
      model: name,
      version: number,
      source: resolved.source,
      location: resolved.location,
      logged_model: resolved.loggedModel ?? null,
      run_link: text(fields, "run_link") ?? "",
      stage: "None",
    }),
  );
  if (resolved.loggedModel !== undefined) await noteVersion(services.tracking, resolved.loggedModel, name, made.version);
  return { model_version: wireVersion(await findVersion(services, name, made.version)) };
};

const get: Handler = async (services, fields) => ({
  model_version: wireVersion(await findVersion(services, needModel(fields), needVersion(fields))),
});

const update: Handler = async (services, fields) => {
  const { model, version } = await findVersion(services, needModel(fields), needVersion(fields));
  await updateVersion(services.registry, { model, version, description: text(fields, "description") ?? "" });
  return { model_version: wireVersion(await findVersion(services, model, version)) };
};

/** Aliases go with their version. */
const remove: Handler = async (services, fields, { actor }) => {
  const { model, version } = await findVersion(services, needModel(fields), needVersion(fields));
  await deleteVersion(services.registry, { model, version, withAliases: { actor: actor.name, reason: "" } });
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
  const staged = archive ? await stagedVersions(services.registry.state, [name]) : [];
  const replaced = staged.filter((each) => each.stage === stage && each.version !== version);
  const others = await knownHeads(services, await versionHeads(services.registry, replaced));
  await services.registry.state.write(async (transaction) => {
    const move = { actor: actor.name, atMs: services.registry.clock.now() }; // all of them at one time
    for (const other of others) await putInStage(services, transaction, other, "Archived", move);
    await putInStage(services, transaction, moved, stage, move);
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
  const { where, exact } = await versionConditions(services.registry, clauses);
  const { versions, nextCursor } = await searchVersions(services.registry, {
    ...{ where, limit, cursor: text(fields, "page_token") || undefined },
    order: orderTerms(order, { name: "model", version_number: "version", creation_timestamp: "createdMs", last_updated_timestamp: "updatedMs" }),
    keep: exact ? undefined : (found) => matching(services, found, clauses),
  }).catch(refuseToken);
  const page = await knownHeads(services, versions);
  return {
    ...(page.length > 0 && { model_versions: page.map((version) => wireVersion(version)) }),
    ...(nextCursor !== undefined && { next_page_token: nextCursor }),
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

/** Where their files came from is only looked up if it is asked for. */
async function matching(services: MlflowServices, heads: VersionFacts[], clauses: Clause[]): Promise<VersionFacts[]> {
  const known = clauses.some(({ key }) => key === "source_path") ? await knownHeads(services, heads) : undefined;
  return heads.filter((head, i) => matchesModel(searchable(head, known?.[i]?.source), clauses));
}

/** Moves a version to a stage, and has it written down by whom. */
async function putInStage(
  services: MlflowServices,
  transaction: Transaction,
  version: KnownHead,
  stage: string,
  { actor, atMs }: { actor: string; atMs: number },
): Promise<void> {
  const { model, version: number, stage: previous } = version;
  if (stage !== previous) await noteStage(services.registry, transaction, { model, version: number, stage, previous, actor });
  await saveVersionRow(transaction, { ...rowOf(version), stage });
  await touchVersion(services.registry, transaction, { model, version: number, atMs });
}

function rowOf({ model, version, source, location, loggedModel, runLink, stage }: KnownHead): VersionRow {
  return { model, version, source, location, logged_model: loggedModel ?? null, run_link: runLink, stage };
}

function searchable(version: VersionFacts, source: string | undefined): Searchable {
  return {
    tags: version.tags,
    attributes: {
      name: version.model,
      version_number: version.version,
      run_id: version.runId ?? "",
      source_path: source,
      creation_timestamp: version.createdMs,
      last_updated_timestamp: version.updatedMs,
    },
  };
}
