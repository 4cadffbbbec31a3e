import { adoptVersionRow, anyLoggedModel, experimentLocation, folderAt, rootPath, runRoot } from "#compat/mlflow";
import { type AdoptedVersion, adoptModel, removeAlias, setAlias } from "#domains/registry";
import { checkArtifactPath, getRun } from "#domains/tracking";
import { digestOf } from "#kit/hash";
import { modelHere } from "./here.ts";
import { type ImportContext, mayReplace, newItem } from "./import-context.ts";
import { folderTarget, importFiles } from "./import-files.ts";
import { itemsOf, saveItems } from "./ledger.ts";
import { type ModelRecord, recordDigest, type SourceModel, type VersionRecord } from "./records.ts";
import { conflict, orProblem } from "./report.ts";

/** Takes registered models and prompts over, with versions, aliases and stages. Their files come first: a version names what it is made of. */
export async function importModels(context: ImportContext): Promise<void> {
  const { source, report, signal } = context;
  for await (const model of source.models()) {
    signal.throwIfAborted();
    report.kinds.models.found++;
    report.versions += model.record.versions.length;
    await orProblem(report, "models", model.record.name, () => importModel(context, model));
    context.progress(`${report.kinds.models.found} models`);
  }
}

async function importModel(context: ImportContext, model: SourceModel): Promise<void> {
  const { here, source, report, dryRun } = context;
  const { state } = here.registry;
  const counts = report.kinds.models;
  const { name } = model.record;
  const record = await withoutRefused(context, model.record);
  const [item, standing] = [(await itemsOf(state, source.origin, "model", [name])).get(name), await modelHere(here, name)];
  const places = await placeVersions(context, model);
  const digest = recordDigest(record);
  const stamp = digestOf([digest, model.lastVersion, places.map(({ location, folder }) => [location, folder.digest])]);
  const isDone = item?.stamp === stamp && item.digest !== null && standing !== undefined && !context.recheck;
  if (isDone) {
    counts.unchanged++;
    return;
  }
  const isEqual = standing !== undefined && recordDigest(standing.record) === digest;
  if (standing !== undefined && !isEqual && item?.digest !== null && !mayReplace(item, recordDigest(standing.record))) {
    const why =
      item === undefined
        ? `A model "${name}" stands here with other content`
        : `Model "${name}" was changed here and in the source since it was imported`;
    throw conflict(
      `${why}; nothing of it was taken.`,
      "Rename one of the two (here with MLflow's client: `rename_registered_model`), or make them equal.",
    );
  }
  counts[standing === undefined ? "new" : isEqual ? "unchanged" : "updated"]++;
  if (dryRun) return;
  if (item === undefined) await saveItems(state, source.origin, [newItem(context, "model", name, stamp, null)]);
  await adoptModel(
    here.registry,
    {
      ...{ name, description: record.description, tags: record.tags, createdMs: record.createdMs, updatedMs: record.updatedMs },
      lastVersion: model.lastVersion,
    },
    record.versions.map((version, i) => adopted(version, places[i]!.folder)), // places follow the versions
  );
  await state.write(async (transaction) => {
    for (const [i, version] of record.versions.entries()) {
      await adoptVersionRow(transaction, {
        ...{ model: name, version: version.version, source: version.source, location: places[i]!.location },
        logged_model: /^models:\/(m-[0-9a-zA-Z]+)$/.exec(version.source)?.[1] ?? null,
        ...{ run_link: version.runLink, stage: version.stage },
      });
    }
  });
  await moveAliases(context, record, standing?.record.aliases ?? {});
  await saveItems(state, source.origin, [newItem(context, "model", name, stamp, digest)]);
}

function adopted(version: VersionRecord, folder: AdoptedVersion["folder"]): AdoptedVersion {
  const { version: number, createdMs, updatedMs, description, user, run, status, tags } = version;
  return { version: number, createdMs, updatedMs, description, status, tags, folder, ...(user && { actor: user }), ...(run && { runId: run }) };
}

/** MLflow keeps no history of aliases: what is known is who holds them now. */
async function moveAliases(context: ImportContext, { name, aliases }: ModelRecord, standing: Record<string, number>): Promise<void> {
  const { here, source } = context;
  const moved = { model: name, actor: "mlflow import", reason: `As in ${source.origin}.` };
  for (const [alias, version] of Object.entries(aliases)) await setAlias(here.registry, { ...moved, alias, version });
  for (const alias of Object.keys(standing)) if (!Object.hasOwn(aliases, alias)) await removeAlias(here.registry, { ...moved, alias });
}

/** Aliases that mean versions here, or are spelled as none is, cannot be kept, and are told one by one. */
async function withoutRefused({ report }: ImportContext, record: ModelRecord): Promise<ModelRecord> {
  const numbers = new Set(record.versions.map(({ version }) => version));
  const aliases: Record<string, number> = {};
  for (const [alias, version] of Object.entries(record.aliases)) {
    if (/^[\w-]{1,255}$/.test(alias) && !/^(v?\d+|latest)$/i.test(alias) && numbers.has(version)) aliases[alias] = version;
    else
      report.problems.push({
        ...{ problem: "refused", kind: "aliases", id: `${record.name}@${alias}` },
        why: numbers.has(version)
          ? "An alias is letters, digits, _ and - here, and does not look like a version."
          : `It is of version ${version}, which is not there.`,
        remedy: "Give the version another alias in the source, and run the import again.",
      });
  }
  return { ...record, aliases };
}

interface VersionPlace {
  location: string;
  folder: AdoptedVersion["folder"];
}

/** Where each version's files are here, copied where nothing else brought them. */
async function placeVersions(context: ImportContext, { record, locations }: SourceModel): Promise<VersionPlace[]> {
  const places: VersionPlace[] = [];
  for (const { version, source } of record.versions) {
    const location = locations[version] ?? source;
    const path = (await pathHere(context, location)) ?? (await copied(context, record.name, version, location));
    places.push({
      location: path === undefined ? location : `mlflow-artifacts:/${path}`,
      folder: await folderAt(context.here, path),
    });
  }
  return places;
}

/** The path in this store of files that came with their run or logged model. */
async function pathHere({ here: { tracking } }: ImportContext, location: string): Promise<string | undefined> {
  const named = /^(?:runs:\/+([^/]+)(\/.*)?|models:\/(m-[^/]+)(\/.*)?)$/.exec(location);
  if (named !== null) return within(named[1] ?? named[3]!, (named[2] ?? named[4] ?? "").slice(1));
  for (const match of location.matchAll(/\/([^/]+)\/artifacts(?=\/|$)/g)) {
    const path = await within(match[1]!, location.slice(match.index + match[0].length + 1));
    if (path !== undefined) return path;
  }
  return undefined;

  async function within(owner: string, rest: string): Promise<string | undefined> {
    const run = await getRun(tracking, owner).catch(() => undefined); // a name like any other
    const root =
      run === undefined
        ? (await anyLoggedModel(tracking.state, owner))?.location
        : runRoot(await experimentLocation(tracking.state, run.experiment), owner);
    const path = root === undefined ? undefined : rootPath(root);
    return path === undefined ? undefined : rest === "" ? path : `${path}/${rest.replace(/\/+$/, "")}`;
  }
}

/** Copies files that no run and no logged model has; undefined where there are none to be had. */
async function copied(context: ImportContext, model: string, version: number, location: string): Promise<string | undefined> {
  if (!context.artifacts || !/[/\\]/.test(location) || /^(models|runs|dummy):/.test(location)) return undefined;
  if (context.dryRun && /\/artifacts(\/|$)/.test(location)) return undefined; // it comes with its run, which is not here yet
  const owner = { kind: "version" as const, id: `${model}/${version}`, location };
  const root = `registered-models/${model}/${version}`;
  if (context.source.unreachable(location) === undefined) {
    const { done } = await context.source.files(owner).list()[Symbol.asyncIterator]().next();
    if (done) return undefined;
    checkArtifactPath(root);
  }
  await importFiles(context, owner, async () => folderTarget(context, root));
  return context.source.unreachable(location) === undefined ? root : undefined;
}
