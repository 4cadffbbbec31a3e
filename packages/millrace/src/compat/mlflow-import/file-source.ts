import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "#kit/app-error";
import { fileModels } from "./file-models.ts";
import { fileTraces } from "./file-traces.ts";
import { fileLoggedModels, filePoints, fileRuns } from "./file-runs.ts";
import { localFolder } from "./local-files.ts";
import type { ExperimentRecord } from "./records.ts";
import { elsewhere, type MlflowSource, placeOf } from "./source.ts";
import { foldersIn, metaNumber, metaText, readMeta, readTexts } from "./store-files.ts";

export interface FileSourceOptions {
  /** The folder that `mlflow server --backend-store-uri` has, often `mlruns`. */
  folder: string;
  skipped: (path: string, why: string) => void;
}

/** An old file store of MLflow's (2.x and 3.x). Throws `not_found` for a folder that is none. */
export async function openFileSource({ folder, skipped }: FileSourceOptions): Promise<MlflowSource> {
  const places = await experimentFolders(folder);
  if (places.size === 0 && (await foldersIn(join(folder, "models"))).length === 0)
    throw new AppError("not_found", `${folder} is no file store of MLflow's: no folder in it has an experiment's meta.yaml.`, {
      hint: "Name the folder that is called mlruns, unless it was given another name.",
    });
  return {
    description: "file store",
    origin: `file://${folder}`,
    async experiments() {
      const records: ExperimentRecord[] = [];
      for (const [id, place] of places) records.push(await readExperiment(id, place));
      return records.sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    },
    runs: (experiment) => fileRuns(places.get(experiment) ?? folder, experiment),
    points: ({ record }) => filePoints(join(places.get(record.experiment) ?? folder, record.id)),
    loggedModels: (experiment) => fileLoggedModels(places.get(experiment) ?? folder, experiment),
    models: () => fileModels(join(folder, "models")),
    traces: (experiment) => fileTraces(places.get(experiment) ?? folder, experiment),
    leftOut: async () => [],
    unreachable: (location) => (placeOf(location).kind === "local" ? undefined : elsewhere(location)),
    files({ location }) {
      const place = placeOf(location);
      const path = place.kind === "local" ? resolve(folder, place.folder) : folder;
      return localFolder(existsSync(path) ? path : moved(path, places), skipped);
    },
    close: async () => undefined,
  };
}

/** Experiments by id, those in the bin too. */
async function experimentFolders(folder: string): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const parent of [folder, join(folder, ".trash")])
    for (const name of await foldersIn(parent)) {
      if (!/^[a-zA-Z0-9][\w-]*$/.test(name) || name === "models" || !existsSync(join(parent, name, "meta.yaml"))) continue;
      places.set(name, join(parent, name));
    }
  return places;
}

async function readExperiment(id: string, place: string): Promise<ExperimentRecord> {
  const meta = (await readMeta(place)) ?? {};
  const createdMs = metaNumber(meta, "creation_time") ?? 0;
  return {
    ...{ id, name: metaText(meta, "name") || id, location: metaText(meta, "artifact_location") || place, createdMs },
    ...{ updatedMs: metaNumber(meta, "last_update_time") ?? createdMs, deleted: metaText(meta, "lifecycle_stage") === "deleted" },
    tags: await readTexts(join(place, "tags")),
  };
}

/** A store that was copied or an experiment that was thrown away: the files are where the experiment's folder is now. */
function moved(path: string, places: Map<string, string>): string {
  for (const [id, place] of places) {
    const at = path.lastIndexOf(`/${id}/`);
    if (at >= 0) return join(place, path.slice(at + id.length + 2));
  }
  return path;
}
