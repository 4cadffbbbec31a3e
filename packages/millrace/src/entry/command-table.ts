import type { CommandModule } from "./command.ts";

/** An option as commander spells it, with what it is for. */
export type OptionText = [flags: string, description: string];

export interface CommandEntry {
  /** Words after `millrace`, such as `run` or `models list`. */
  words: string;
  summary: string;
  /** `<required>`, `[optional]` or `[many...]`. */
  args?: string;
  options?: OptionText[];
  /** Runs for long and passes much through: its heap's space for new objects stays at its first size. */
  lean?: boolean;
  /** The code is loaded only when the command is called, so that help is quick. */
  load: () => Promise<CommandModule>;
}

const serverOption: OptionText = ["--server <address>", "the server that has the run; the project's own unless told (also: MILLRACE_SERVER)"];
const dryRunOption: OptionText = ["--dry-run", "say what would be done, and do nothing"];
const folderOptions: OptionText[] = [["--folder <folder>", "all in this folder: the part of their names before a /"], dryRunOption];
const queryOptions: OptionText[] = [
  ["--query <query>", "the runs that this finds, such as 'metrics.auc < 0.6'"],
  ["--experiments <experiments...>", "with a query: only in these, by id or name"],
  dryRunOption,
];
const purgeOptions: OptionText[] = [
  ["--archived-for <duration>", "only what has been archived for so long, such as 30d"],
  ["--even-registered", "also runs that made registered versions; the versions keep their files"],
];

/** Commands that are more than one call of the API. The others are made from the routes (`generated/route-commands.ts`). */
export const commandTable: CommandEntry[] = [
  {
    words: "init",
    summary: "Make a project with a small working example",
    args: "[folder]",
    load: () => import("./command-init.ts"),
  },
  {
    words: "dev",
    summary: "Build, train and serve the project, and do so again when its files change",
    options: [["--port <port>", "port of the server"]],
    load: () => import("./command-dev.ts"),
  },
  {
    words: "demo",
    summary: "Play the project's whole life: ingest, build, train, serve, replay, watch, retrain",
    options: [
      ["--serve", "leave the server running at the end"],
      ["--fresh", "forget all earlier results first"],
    ],
    load: () => import("./command-demo.ts"),
  },
  {
    words: "run",
    summary: "Run a flow: ingest what is new, build models, then its steps; what is unchanged comes from the cache",
    args: "<flow>",
    options: [
      ["-p, --param <name=value...>", "parameters other than the flow's own"],
      ["--resume <run>", "take up this run, or `last` (the default), or begin a `new` one"],
      ["--fresh", "run every step, whatever the cache has"],
    ],
    load: () => import("./command-run.ts"),
  },
  {
    words: "track",
    summary: "Run any program under a tracked run: its code, packages, machine, output and system metrics are kept, MLflow's clients log into it",
    args: "<command...>",
    options: [
      ["--experiment <name>", "the experiment; named as the folder unless told"],
      ["--name <name>", "the run's name"],
      ["--tag <name=value...>", "tags of the run"],
      ["--server <address>", "the server that keeps it; the project's own unless told (also: MILLRACE_SERVER)"],
    ],
    load: () => import("./command-track.ts"),
  },
  {
    words: "ingest",
    summary: "Bring sources into the lake, each batch once",
    args: "[sources...]",
    options: [["--refresh", "take a changed file: make the tables anew, in new versions"]],
    load: () => import("./command-ingest.ts"),
  },
  {
    words: "build",
    summary: "Build the SQL models that changed, test them, and record their lineage",
    args: "[models...]",
    options: [
      ["--full-refresh", "make incremental models anew"],
      ["--dry-run", "say what would be built, and why"],
      ["--types", "only write the typed handles (models/handles.ts)"],
    ],
    load: () => import("./command-build.ts"),
  },
  {
    words: "predict",
    summary: "Ask an endpoint: one row as JSON, or a whole table into a new one",
    args: "<endpoint> [row]",
    options: [
      ["--table <table>", "score a table, such as models.flights"],
      ["--where <condition>", "only rows for which this SQL holds"],
      ["--into <table>", "the table for the predictions, such as predictions.may"],
    ],
    load: () => import("./command-predict.ts"),
  },
  {
    words: "reproduce",
    summary: "Train a version again from its recorded inputs and compare the digests",
    args: "<model@version>",
    load: () => import("./command-reproduce.ts"),
  },
  {
    words: "replay",
    summary: "Play back the rows that ingestion left for later, as events, through the endpoints",
    args: "[replay]",
    options: [["--until <date>", "stop before this date"]],
    load: () => import("./command-replay.ts"),
  },
  {
    words: "server",
    summary: "Serve the API, predictions and metrics",
    options: [
      ["--host <host>", "address to bind; any but loopback needs a token first"],
      ["--port <port>", "port to bind; 0 takes any free one"],
    ],
    lean: true,
    load: () => import("./command-server.ts"),
  },
  {
    words: "sql",
    summary: "Ask the lake a question in SQL",
    args: "<query>",
    load: () => import("./command-sql.ts"),
  },
  {
    words: "gc",
    summary: "Apply the retention policy, then remove blobs and files that nothing refers to; safe while others write",
    options: [
      ["--dry-run", "say what would be removed, and remove nothing"],
      ["--older-than <duration>", "only what was stored longer ago: 24h unless told, at least 1h"],
    ],
    load: () => import("./command-gc.ts"),
  },
  {
    words: "experiments archive",
    summary: "Archive experiments with their runs: searches leave them out, and they can be restored",
    args: "[experiments...]",
    options: folderOptions,
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("experiments", "archive"),
  },
  {
    words: "experiments unarchive",
    summary: "Restore experiments with the runs that were archived with them",
    args: "[experiments...]",
    options: folderOptions,
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("experiments", "unarchive"),
  },
  {
    words: "experiments purge",
    summary: "Remove archived experiments and runs for ever; their bytes go with the next `millrace gc`",
    args: "[experiments...]",
    options: [...folderOptions, ...purgeOptions],
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("experiments", "purge"),
  },
  {
    words: "runs archive",
    summary: "Archive runs with those nested in them",
    args: "[runs...]",
    options: queryOptions,
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("runs", "archive"),
  },
  {
    words: "runs unarchive",
    summary: "Restore runs with those that were archived with them",
    args: "[runs...]",
    options: queryOptions,
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("runs", "unarchive"),
  },
  {
    words: "runs purge",
    summary: "Remove archived runs for ever; their bytes go with the next `millrace gc`",
    args: "[runs...]",
    options: [...queryOptions, ...purgeOptions],
    load: async () => (await import("./command-housekeeping.ts")).housekeepingCommand("runs", "purge"),
  },
  {
    words: "import mlflow",
    summary: "Take over a store of MLflow's with every id: runs, metrics, models, files",
    args: "<source>",
    options: [
      ["--experiments <names...>", "only these experiments, by name or id, and no registered models"],
      ["--artifacts <folder>", "the folder of the server's --artifacts-destination"],
      ["--no-artifacts", "leave files where they are"],
      ["--dry-run", "say what would be taken, and what refused"],
      ["--recheck", "read also what an earlier import took and has not changed since"],
    ],
    load: () => import("./command-import.ts"),
  },
  {
    words: "export mlflow",
    summary: "Fill an empty SQLite file of MLflow's with every run, model and file, ids kept",
    args: "<target>",
    options: [
      ["--experiments <names...>", "only these experiments, by name or id, and no registered models"],
      ["--artifacts <folder>", "where files are written; beside the database unless told"],
      ["--artifact-root <uri>", "what the database calls that folder: its path unless told, or mlflow-artifacts:/ for a server that has it"],
      ["--no-artifacts", "leave files out"],
      ["--dry-run", "say what would be written"],
    ],
    load: () => import("./command-export.ts"),
  },
  {
    words: "artifacts upload",
    summary: "Send a file, or all files of a folder, to a run; what it has already is not sent again",
    args: "<run> <path> [folder]",
    options: [serverOption, dryRunOption],
    lean: true,
    load: () => import("./command-artifacts-upload.ts"),
  },
  {
    words: "artifacts download",
    summary: "Fetch a file, a folder or all artifacts of a run; what is there already is not fetched again",
    args: "<run> [path]",
    options: [
      ["--to <folder>", "where they go, and nothing outside of it; the current folder unless told"],
      ["--overwrite", "replace files whose content is another"],
      serverOption,
      dryRunOption,
    ],
    lean: true,
    load: () => import("./command-artifacts-download.ts"),
  },
  {
    words: "doctor",
    summary: "Check the machine, the project and its stores, and say what to mend",
    load: () => import("./command-doctor.ts"),
  },
];

/** Exit codes, as `--help` shows them; from the table of errors. */
export const exitCodes =
  "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 access, 5 gate failed, 6 conflict, 7 unavailable (try again), 130 interrupted.";
