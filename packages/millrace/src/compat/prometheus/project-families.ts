import type { Lake } from "#domains/lake";
import { dailyDrift, dailyMetrics, dayMs, lastClose, monitoredEndpoints, totalCounts, type DailyMetrics } from "#domains/monitoring";
import { listRuns, type LedgerReader } from "#domains/pipelines";
import { type RegistryServices, versionHeads, versionsHeld } from "#domains/registry";
import { countDecisions } from "#domains/retraining";
import type { Clock } from "#kit/clock";
import type { Log } from "#kit/log";
import type { Database } from "#ports/database";
import type { Stream } from "#ports/stream";
import type { Family, Sample } from "./exposition.ts";

/** What the metrics of a project are read from, at each scrape. */
export interface ProjectSources {
  state: Database;
  stream: Stream;
  lake: Lake;
  registry: RegistryServices;
  ledger: LedgerReader;
  clock: Clock;
  log: Log;
}

/** Series that grow with the project are cut off here, the most telling ones first. */
const mostFeatures = 200;
const mostTables = 300;
const mostRuns = 1_000;

/** Metrics of what the project has stored. A source that fails is left out and told of in `millrace_scrape_ok`. */
export async function projectFamilies(sources: ProjectSources): Promise<Family[]> {
  const parts = {
    endpoints: endpointFamilies,
    retraining: retrainFamilies,
    stream: streamFamilies,
    models: modelFamilies,
    tables: tableFamilies,
    runs: runFamilies,
  };
  const ok: Sample[] = [];
  const families: Family[] = [];
  for (const [part, read] of Object.entries(parts)) {
    try {
      families.push(...(await read(sources)));
      ok.push({ labels: { part }, value: 1 });
    } catch (error) {
      sources.log.warn("a part of the metrics could not be read", { part, reason: String(error) });
      ok.push({ labels: { part }, value: 0 });
    }
  }
  return [...families, gauge("millrace_scrape_ok", "Whether a part of the project's metrics could be read.", ok)];
}

async function endpointFamilies({ state }: ProjectSources): Promise<Family[]> {
  const metric: Sample[] = [];
  const coverage: Sample[] = [];
  const drift: Sample[] = [];
  const nulls: Sample[] = [];
  const closed: Sample[] = [];
  const outcomes: Sample[] = [];
  for (const endpoint of await monitoredEndpoints(state)) {
    const close = (await lastClose(state, endpoint))!; // it is monitored, so it has one
    const days = await dailyMetrics({ state }, endpoint, { fromMs: close.dayEndMs - 7 * dayMs, untilMs: close.dayEndMs });
    metric.push(...metricSamples(endpoint, newestDay(days)));
    const serving = days.filter(({ role }) => role === "serving");
    const predictions = sum(serving, (day) => day.predictions);
    if (predictions > 0) coverage.push({ labels: { endpoint }, value: sum(serving, (day) => day.labelled) / predictions });
    closed.push({ labels: { endpoint }, value: close.dayEndMs / 1_000 });
    for (const day of await dailyDrift({ state }, endpoint, { fromMs: close.dayEndMs - dayMs, untilMs: close.dayEndMs })) {
      const telling = day.features.toSorted((a, b) => (b.psi ?? 0) - (a.psi ?? 0)).slice(0, mostFeatures);
      for (const { feature, psi, ks, missing } of telling) {
        const labels = { endpoint, version: String(day.version), feature };
        if (psi !== null) drift.push({ labels: { ...labels, method: "psi" }, value: psi });
        if (ks !== null) drift.push({ labels: { ...labels, method: "ks" }, value: ks });
        nulls.push({ labels, value: missing });
      }
    }
    const counts = await totalCounts(state, endpoint);
    const results = {
      labelled: counts.labelled,
      duplicate: counts.duplicates,
      without_prediction: counts.withoutPrediction,
      without_label: counts.withoutLabel,
    };
    for (const [result, value] of Object.entries(results)) outcomes.push({ labels: { endpoint, result }, value });
  }
  return [
    gauge("millrace_model_metric", "Realised metrics of the last closed day with predictions.", metric),
    gauge("millrace_label_coverage_ratio", "Share of the predictions of the last seven closed days whose outcome is known.", coverage),
    gauge("millrace_feature_drift", "How far a feature of the last closed day has moved from the training rows.", drift),
    gauge("millrace_feature_null_ratio", "Share of missing values of a feature on the last closed day.", nulls),
    gauge("millrace_closed_day_timestamp_seconds", "End of the last closed day, in event time.", closed),
    { name: "millrace_outcome_total", type: "counter", help: "Outcomes by what became of them.", samples: outcomes },
  ];
}

function newestDay(days: DailyMetrics[]): DailyMetrics[] {
  const last = days.findLast(({ role }) => role === "serving")?.day;
  return days.filter(({ day }) => day === last);
}

function metricSamples(endpoint: string, days: DailyMetrics[]): Sample[] {
  return days.flatMap((row) => {
    const values = { auc: row.auc, log_loss: row.logLoss, calibration: row.calibration, base_rate: row.baseRate, mean_score: row.meanScore };
    return Object.entries(values).flatMap(([metric, value]) => {
      const labels = { endpoint, version: String(row.version), role: row.role, metric, window: "1d", source: "realised" };
      return value === null ? [] : [{ labels, value }];
    });
  });
}

async function retrainFamilies({ state }: ProjectSources): Promise<Family[]> {
  const decisions = await countDecisions(state);
  const finished = decisions.filter(({ result }) => result !== "pending" && result !== "running");
  const open = decisions.filter((decision) => !finished.includes(decision));
  const samples = (of: typeof decisions) =>
    of.map(({ endpoint, trigger, result, count }) => ({ labels: { endpoint, trigger, result }, value: count }));
  return [
    { name: "millrace_retrain_total", type: "counter", help: "Retrainings by what set them off and what came of them.", samples: samples(finished) },
    gauge("millrace_retrain_open", "Retrainings that are decided and not finished.", samples(open)),
  ];
}

async function streamFamilies({ stream }: ProjectSources): Promise<Family[]> {
  const lags = (await stream.groups()).map(({ group, topic, partition, lag }) => ({
    labels: { group, topic, partition: String(partition) },
    value: lag,
  }));
  const ends = (await stream.topics()).flatMap(({ name, partitions }) =>
    partitions.map(({ partition, endOffset }) => ({ labels: { topic: name, partition: String(partition) }, value: endOffset })),
  );
  return [
    gauge("millrace_stream_lag", "Records of a topic that a group has not taken yet.", lags),
    gauge("millrace_stream_end_offset", "The offset that a topic's next record gets.", ends),
  ];
}

async function modelFamilies({ registry, clock }: ProjectSources): Promise<Family[]> {
  const samples: Sample[] = [];
  const held = [...new Map([...(await versionsHeld(registry)).values()].map((each) => [`${each.version} ${each.model}`, each])).values()];
  for (const { model, version, aliases, createdMs } of await versionHeads(registry, held))
    for (const alias of aliases) samples.push({ labels: { model, version: String(version), alias }, value: (clock.now() - createdMs) / 1_000 });
  return [gauge("millrace_model_age_seconds", "Age of the version that holds an alias.", samples)];
}

async function tableFamilies({ lake }: ProjectSources): Promise<Family[]> {
  const rows: Sample[] = [];
  const versions: Sample[] = [];
  for (const table of (await lake.tables()).slice(0, mostTables)) {
    const snapshot = await lake.snapshot(table);
    rows.push({ labels: { table }, value: snapshot.rows });
    versions.push({ labels: { table }, value: snapshot.version });
  }
  return [
    gauge("millrace_table_rows", "Rows of a table's newest version.", rows),
    gauge("millrace_table_version", "Number of a table's newest version.", versions),
  ];
}

async function runFamilies({ ledger }: ProjectSources): Promise<Family[]> {
  const counts = new Map<string, { labels: { flow: string; status: string }; value: number }>();
  for (const { flow, status } of await listRuns(ledger, { limit: mostRuns })) {
    const key = `${status} ${flow}`;
    const entry = counts.get(key) ?? { labels: { flow, status }, value: 0 };
    entry.value++;
    counts.set(key, entry);
  }
  return [gauge("millrace_runs", `Runs by state, among the newest ${mostRuns}.`, [...counts.values()])];
}

function gauge(name: string, help: string, samples: Sample[]): Family {
  return { name, type: "gauge", help, samples };
}

function sum<Item>(items: Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
