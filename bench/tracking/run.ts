/**
 * Tracking beside MLflow: `node --conditions=source bench/tracking/run.ts`. Starts Millrace as built, `mlflow server --workers 1` and
 * `mlflow server` one after the other on this machine, sends each the same requests, prints a table, and writes
 * bench/results/tracking.json and the table in docs/explanation/tracking-benchmarks.md. About 12 minutes.
 *
 * --quick             small sizes, nothing is written: to try it
 * --rows NAME…        only these rows; the others stay as they were measured
 * --servers NAME…     only these servers
 * --missing           only what the results do not have yet, such as after a run that was stopped
 * --source            Millrace from its sources, not built
 */
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../packages/millrace/package.json" with { type: "json" };
import { mlflowPython } from "../../tests/clients/mlflow-client.ts";
import {
  type Bench,
  client,
  coldStart,
  files,
  fullSizes,
  history,
  logBatch,
  logMetric,
  type Measure,
  type Measured,
  memory,
  quickSizes,
  sample,
  search,
  searchMany,
  type StartMeasure,
  writers,
} from "./measures.ts";
import { measuredTable, writeTable } from "./report.ts";
import { openRequests } from "./requests.ts";
import { readResults, resultsFile, type RowName, rowNames, saveResults, thisMachine, type TrackingResults } from "./results.ts";
import { mlflowVersion, openPlace, type ServerName, serverNames } from "./servers.ts";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rows: { type: "string", multiple: true, default: [] },
    servers: { type: "string", multiple: true, default: [] },
    missing: { type: "boolean", default: false },
    source: { type: "boolean", default: false },
  },
  args: spread(process.argv.slice(2)),
});

const measures: Record<Exclude<RowName, "cold-start" | "memory" | "files">, Measure> = {
  ...{ "log-metric": logMetric, writers, "log-batch": logBatch, search, history, sample, client },
  "search-many": searchMany, // last, as its runs fill the store
};
const startMeasures: Partial<Record<RowName, StartMeasure>> = { "cold-start": coldStart, memory, files };
const measuredServers = ["millrace", "mlflow-one", "mlflow-default"] as const;

const rows = chosen("row", options.rows, rowNames);
const servers = chosen("server", options.servers, serverNames);
const sizes = options.quick ? quickSizes : fullSizes;
const folder = mkdtempSync(join(tmpdir(), "millrace-tracking-"));
const standing = options.quick ? undefined : readResults();
const results: TrackingResults = {
  date: new Date().toISOString(),
  machine: thisMachine(),
  versions: { millrace: manifest.version, ...(await mlflowVersions()) },
  conditions: process.env["MILLRACE_BENCH_NOTE"] ?? "machine not otherwise described",
  sizes,
  rows: standing?.rows ?? {},
};
/** What the stores have already; MLflow's two servers have one store. */
const stores: Record<"millrace" | "mlflow", Bench["known"]> = { millrace: {}, mlflow: {} };
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => (stopping = true)); // the measurement under way ends, and its server with it
try {
  const place = await openPlace(folder, options);
  for (const name of measuredServers.filter((each) => servers.includes(each))) await measureServers(name);

  /** Rows of one server at work, then those that start it again over the store that is then filled. */
  async function measureServers(name: (typeof measuredServers)[number]): Promise<void> {
    const known = name === "millrace" ? stores.millrace : stores.mlflow;
    const atWork = Object.entries(measures).filter(([row]) => isWanted(row as RowName, name)); // the record's own keys
    const [before, many] = [atWork.filter(([row]) => row !== "search-many"), atWork.filter(([row]) => row === "search-many" && name === "millrace")];
    await measureAtWork(before);
    for (const [row, measure] of Object.entries(startMeasures) as [RowName, StartMeasure][]) {
      const those = row === "memory" ? serverNames.filter((each) => each === name || each === `${name}-bare`) : [name];
      for (const each of those) if (isWanted(row, each)) keep(row, each, await told(row, each, () => measure(place, each, sizes, known)));
    }
    await measureAtWork(many);

    async function measureAtWork(those: [string, Measure][]): Promise<void> {
      if (those.length === 0 || stopping) return;
      const server = await place.start(name);
      const requests = await openRequests(server.port);
      try {
        for (const [row, measure] of those) {
          const bench = { server, requests, sizes, known };
          if (!stopping) keep(row as RowName, name, await told(row, name, () => measure(bench))); // as above
        }
      } finally {
        requests.connection.close();
        await server.stop();
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${measuredTable(results)}`);
if (!options.quick) writeTable();
if (stopping) process.exitCode = 130;

function isWanted(row: RowName, name: ServerName): boolean {
  return !stopping && rows.includes(row) && servers.includes(name) && !(options.missing && results.rows[row]?.[name]);
}

async function told(row: string, name: string, measure: () => Promise<Measured | undefined>): Promise<(Measured & { load: number }) | undefined> {
  const load = Number(loadavg()[0]!.toFixed(2));
  const began = performance.now();
  const measured = await measure();
  if (measured === undefined) return undefined;
  if (typeof measured["answer"] === "string") measured["answer"] = createHash("sha256").update(measured["answer"]).digest("hex").slice(0, 16);
  console.log(`${row}, ${name} (${((performance.now() - began) / 1_000).toFixed(0)} s, load ${load}): ${JSON.stringify(measured)}`);
  return { ...measured, load };
}

function keep(row: RowName, name: ServerName, measured: (Measured & { load: number }) | undefined): void {
  if (measured === undefined) return;
  results.rows[row] = { ...results.rows[row], [name]: { ...measured, at: new Date().toISOString() } };
  if (!options.quick) saveResults(results, resultsFile);
}

/** `--rows a b` as `--rows a --rows b`. */
function spread(argv: string[]): string[] {
  let option = "";
  return argv.flatMap((word) => {
    if (word.startsWith("--")) {
      option = word;
      return word === "--rows" || word === "--servers" ? [] : [word];
    }
    return [option, word];
  });
}

function chosen<Name extends string>(what: string, given: string[], names: readonly Name[]): readonly Name[] {
  const unknown = given.filter((name) => !names.some((each) => each === name));
  if (unknown.length > 0) {
    console.error(`error: there is no ${what} "${unknown[0]}" (there are: ${names.join(", ")}).`);
    process.exit(2);
  }
  return given.length === 0 ? names : names.filter((name) => given.includes(name));
}

async function mlflowVersions(): Promise<Record<string, string>> {
  const python = await mlflowPython(mlflowVersion);
  const script = "import json, platform; from importlib.metadata import version as v\n";
  const wanted = ["mlflow", "uvicorn", "sqlalchemy", "scikit-learn"];
  const print = `print(json.dumps({"python": platform.python_version(), **{name: v(name) for name in ${JSON.stringify(wanted)}}}))`;
  return JSON.parse(execFileSync(python, ["-c", script + print], { encoding: "utf8" })) as Record<string, string>; // as the line above prints
}
