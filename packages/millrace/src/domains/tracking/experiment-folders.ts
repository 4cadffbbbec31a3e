import { z } from "zod";
import { parseArgument } from "#kit/parse-argument";
import { experimentNotFound } from "./choose-runs.ts";
import { type Experiment, runStatuses, type RunStatus, type TrackingServices } from "./model.ts";
import type { RunColumns } from "./run-columns.ts";
import { freshColumns } from "./run-index.ts";
import { experimentNames } from "./search-store.ts";
import { allExperiments, findExperiment } from "./store.ts";

export const experimentListSchema = z.object({
  /** Those in this folder, and its folders with what they hold; all, without folders, where it is left out. The top is an empty text. */
  folder: z.string().max(500).optional(),
  /** Only names that have this text, in any case. */
  containing: z.string().max(500).default(""),
  view: z.enum(["active", "deleted", "all"]).default("active"),
  limit: z.int().min(1).max(10_000).default(1_000),
  /** As the page before gave it. */
  cursor: z.string().max(1_000).optional(),
});

/** How many runs there are that are not deleted, and when the newest began. */
export interface RunCounts {
  runs: number;
  running: number;
  lastStartedMs: number | undefined;
}

export interface ExperimentFolder extends RunCounts {
  /** Its whole path, without a `/` at the end. */
  path: string;
  /** In it and all folders below. */
  experiments: number;
}

export interface ExperimentPage {
  /** By name. Those of the first page only: folders are few. */
  folders: ExperimentFolder[];
  /** By name. */
  experiments: (Experiment & RunCounts)[];
  /** How many experiments there are on all pages. */
  total: number;
  nextCursor: string | undefined;
}

/** Experiments by name with what they hold, or one folder of them. A folder is there as long as an experiment is in it. */
export async function listFolder(services: TrackingServices, query: z.input<typeof experimentListSchema>): Promise<ExperimentPage> {
  const { folder, containing, view, limit, cursor } = parseArgument(experimentListSchema, "list of experiments", query);
  const within = folder === undefined || folder.replace(/\/+$/, "") === "" ? "" : `${folder.replace(/\/+$/, "")}/`;
  const wanted = containing.toLowerCase();
  const found = (await allExperiments(services.state))
    .filter(({ deletedMs }) => view === "all" || (deletedMs === undefined) === (view === "active"))
    .filter(({ name }) => name.startsWith(within) && name.toLowerCase().includes(wanted))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const counts = countsByExperiment(await freshColumns(services.state));
  const countsOf = ({ id }: Experiment) => counts.get(id) ?? noRuns();
  const isDirect = ({ name }: Experiment) => folder === undefined || !name.slice(within.length).includes("/");
  const folders = new Map<string, ExperimentFolder>();
  for (const experiment of found) {
    if (isDirect(experiment)) continue;
    const path = within + experiment.name.slice(within.length).split("/", 1)[0]!; // split gives at least one part
    const sum = folders.get(path) ?? { path, experiments: 0, ...noRuns() };
    folders.set(path, sum);
    sum.experiments++;
    add(sum, countsOf(experiment));
  }
  const direct = found.filter(isDirect);
  const from = cursor === undefined ? 0 : direct.findIndex(({ name }) => name > cursor);
  const page = from < 0 ? [] : direct.slice(from, from + limit);
  return {
    folders: cursor === undefined ? [...folders.values()] : [],
    experiments: page.map((experiment) => ({ ...experiment, ...countsOf(experiment) })),
    total: direct.length,
    nextCursor: from >= 0 && from + limit < direct.length ? page.at(-1)!.name : undefined,
  };
}

/** An experiment by id or name, whichever there is, with the runs it has by status. Throws `not_found` with the name that may have been meant. */
export async function describeExperiment(
  { state }: TrackingServices,
  which: string,
): Promise<Experiment & RunCounts & { statuses: Record<RunStatus, number> }> {
  const experiment = await resolveExperiment(state, which);
  const columns = await freshColumns(state);
  const statuses = Object.fromEntries(runStatuses.map((status) => [status, 0])) as Record<RunStatus, number>; // of all of them
  forEachRun(columns, (slot, id) => {
    const status = columns.column("attribute", "status");
    if (id === experiment.id && status?.kind === "text") statuses[status.levels[status.code(slot)] as RunStatus]++; // written from one
  });
  return { ...experiment, ...(countsByExperiment(columns).get(experiment.id) ?? noRuns()), statuses };
}

/** The experiment of this id, else of this name, deleted ones too. */
export async function resolveExperiment(state: TrackingServices["state"], which: string): Promise<Experiment> {
  const found = (await findExperiment(state, { id: which })) ?? (await findExperiment(state, { name: which }));
  if (found === undefined) throw experimentNotFound(which, await experimentNames(state));
  return found;
}

function countsByExperiment(columns: RunColumns): Map<string, RunCounts> {
  const counts = new Map<string, RunCounts>();
  const status = columns.column("attribute", "status");
  const started = columns.column("attribute", "startedMs");
  forEachRun(columns, (slot, id) => {
    let of = counts.get(id);
    if (of === undefined) counts.set(id, (of = noRuns()));
    const running = status?.kind === "text" && status.levels[status.code(slot)] === "running" ? 1 : 0;
    add(of, { runs: 1, running, lastStartedMs: started?.kind === "number" ? started.at(slot) : undefined });
  });
  return counts;
}

function forEachRun(columns: RunColumns, visit: (slot: number, experiment: string) => void): void {
  const experiment = columns.column("attribute", "experiment");
  const deleted = columns.column("attribute", "deletedMs");
  if (experiment?.kind !== "text") return;
  for (let slot = 0; slot < columns.size; slot++)
    if (!(deleted?.kind === "number" && deleted.has(slot))) visit(slot, experiment.levels[experiment.code(slot)]!); // every run has one
}

function noRuns(): RunCounts {
  return { runs: 0, running: 0, lastStartedMs: undefined };
}

function add(sum: RunCounts, { runs, running, lastStartedMs }: RunCounts): void {
  sum.runs += runs;
  sum.running += running;
  if (lastStartedMs !== undefined) sum.lastStartedMs = Math.max(sum.lastStartedMs ?? 0, lastStartedMs);
}
