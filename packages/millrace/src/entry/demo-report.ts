import { cpus, totalmem } from "node:os";
import { relative } from "node:path";
import { tableOf, type Source } from "#domains/ingest";
import { dailyMetrics, dayMs, versionAuc, type DailyMetrics } from "#domains/monitoring";
import { definitionsOf } from "#domains/project";
import { getVersion, resolve } from "#domains/registry";
import { findEvaluation, listDecisions } from "#domains/retraining";
import type { Endpoint } from "#domains/serving";
import { codeVersion } from "#kit/git";
import type { Services } from "./services.ts";
import { peakMemoryMb, type StageReport, type Stages } from "./stages.ts";

export interface EndpointReport {
  endpoint: string;
  model: string;
  /** What answers now, and what its gate said. */
  serving: { version: number; gate: string; test: Record<string, number> };
  /** The version that answered first, over all of the stream: those it answered and those it was scored beside. */
  first: { version: number; auc: number | null; standardError: number | null; predictions: number } | null;
  days: DailyMetrics[];
  /** What the drift triggers saw at the end of each day: the largest value over their windows. */
  drift: { day: string; trigger: string; value: number | null; fired: boolean; reason: string }[];
  retrainings: { at: string; reasons: string[]; outcome: string; runId: string | null }[];
}

/** What the demonstration did, as it stands in the stores: nothing in it is remembered by the command itself but times and memory. */
export interface DemoReport {
  project: string;
  finished: string;
  commit: string | null;
  machine: { cpu: string; cores: number; memoryGb: number; node: string };
  stages: StageReport[];
  tables: { table: string; version: number; rows: number }[];
  endpoints: EndpointReport[];
  question: { endpoint: string; row: Record<string, unknown>; score: number; id: string; milliseconds: number } | null;
  seconds: number;
  peakMemoryMb: number;
  /** Every stage was there already. */
  cached: boolean;
  further: string[];
}

/** Gathers the report from the stores. */
export async function makeReport(services: Services, stages: Stages, question: DemoReport["question"]): Promise<DemoReport> {
  const { project, lake } = services;
  const snapshots = await Promise.all((await lake.tables()).map((table) => lake.snapshot(table)));
  const endpoints: EndpointReport[] = [];
  for (const definition of definitionsOf<Endpoint>(project, "endpoint")) endpoints.push(await endpointReport(services, definition));
  const [first] = endpoints;
  const [cpu] = cpus();
  return {
    project: project.config.name,
    finished: new Date().toISOString(),
    commit: (await codeVersion(project.folder)).commit,
    machine: { cpu: cpu?.model ?? "unknown", cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.versions.node },
    stages: stages.reports,
    tables: snapshots.map(({ table, version, rows }) => ({ table, version, rows })),
    endpoints,
    question,
    seconds: stages.seconds(),
    peakMemoryMb: Math.round(peakMemoryMb()),
    cached: stages.reports.every((stage) => stage.cached),
    further: furtherCommands(services, question, first),
  };
}

async function endpointReport(services: Services, definition: Endpoint): Promise<EndpointReport> {
  const { state, lake, registry } = services;
  const { name } = definition;
  const model = definition.model.split("@")[0]!;
  const champion = await resolve(registry, definition.model);
  const days = await dailyMetrics({ state }, name);
  const firstVersion = days.find((day) => day.role === "serving")?.version;
  const estimate = firstVersion === undefined ? undefined : await versionAuc({ lake }, name, { version: firstVersion });
  const drift: EndpointReport["drift"] = [];
  for (const day of new Set(days.map((each) => each.day))) {
    const evaluation = await findEvaluation(state, name, Date.parse(day) + dayMs);
    for (const { name: trigger, kind, status, actual, reason } of evaluation?.results ?? []) {
      if (kind === "drift") drift.push({ day, trigger, value: typeof actual === "number" ? actual : null, fired: status === "failed", reason });
    }
  }
  const decisions = (await listDecisions(state, name)).toReversed();
  return {
    endpoint: name,
    model,
    serving: {
      version: champion.version,
      gate: String((await getVersion(registry, model, champion.version)).gate?.["summary"] ?? "").split("\n")[0]!,
      test: champion.metrics,
    },
    first:
      firstVersion === undefined
        ? null
        : {
            version: firstVersion,
            auc: estimate?.auc ?? null,
            standardError: estimate?.standardError ?? null,
            predictions: count(days, firstVersion),
          },
    days,
    drift,
    retrainings: decisions.map(({ atMs, reasons, outcome, error, runId }) => ({
      at: new Date(atMs).toISOString(),
      reasons: reasons.map(({ reason }) => reason),
      outcome: outcome
        ? `v${outcome.version} ${outcome.promoted ? "took over" : "did not pass"}: ${outcome.summary.replaceAll("\n", "; ")}`
        : (error ?? "under way"),
      runId,
    })),
  };
}

function count(days: DailyMetrics[], version: number): number {
  return days.filter((day) => day.version === version).reduce((sum, day) => sum + day.labelled, 0);
}

/** Where to look next: the question just asked, a column that everything comes from, and the first version made again. */
function furtherCommands({ project }: Services, question: DemoReport["question"], first: EndpointReport | undefined): string[] {
  const source = definitionsOf<Source>(project, "source").find(({ batch }) => batch !== undefined);
  const base = process.env["INIT_CWD"] ?? process.cwd(); // where npm was called, which runs its scripts in the package's folder
  const folder = relative(base, project.folder) || ".";
  const millrace = import.meta.url.endsWith(".ts") ? `npm run millrace -- -C ${folder}` : `npx millrace${folder === "." ? "" : ` -C ${folder}`}`;
  return [
    ...(question ? [`${millrace} trace ${question.id}`] : []),
    ...(source?.batch ? [`${millrace} lineage ${tableOf(source)}.${source.batch.by}`] : []),
    ...(first ? [`${millrace} reproduce ${first.model}@1`] : []),
  ];
}

/** The report as a page of text. */
export function reportText(report: DemoReport): string {
  const lines: string[] = [];
  for (const endpoint of report.endpoints) lines.push(...endpointText(endpoint));
  if (report.question)
    lines.push(
      `  asked          ${JSON.stringify(report.question.row)} → ${report.question.score.toFixed(4)} (${report.question.milliseconds.toFixed(1)} ms over HTTP)`,
    );
  lines.push(
    "",
    `${report.cached ? "All of it was there already. " : ""}${report.seconds.toFixed(1)} s, ${report.peakMemoryMb} MB at the most.`,
    "Look further:",
  );
  return [...lines, ...report.further.map((line) => `  ${line}`)].join("\n");
}

function endpointText({ endpoint, model, serving, first, days, drift, retrainings }: EndpointReport): string[] {
  const worst = drift.toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0))[0];
  const live = days.filter((day) => day.role === "serving" && day.auc !== null);
  const range = live.map((day) => day.auc!).toSorted((a, b) => a - b);
  return [
    "",
    `${endpoint} answers with ${model} v${serving.version} (${serving.gate})`,
    ...(first
      ? [
          `  first champion v${first.version}: AUC ${first.auc?.toFixed(4) ?? "unknown"} ± ${first.standardError?.toFixed(4) ?? "?"} over ${first.predictions.toLocaleString("en-US")} answers whose outcome is known`,
        ]
      : []),
    ...(range.length > 0
      ? [`  live           AUC by day ${range[0]!.toFixed(3)} to ${range.at(-1)!.toFixed(3)} over ${new Set(live.map((day) => day.day)).size} days`]
      : []),
    ...(worst ? [`  drift          most on ${worst.day}: ${worst.reason}`] : []),
    ...retrainings.map(({ at, reasons, outcome }) => `  learnt again   ${at.slice(0, 10)}: ${reasons[0] ?? ""} → ${outcome}`),
  ];
}
