import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLedger, pipelinesMigrations } from "#domains/pipelines";
import { registryMigrations } from "#domains/registry";
import { retrainingMigrations } from "#domains/retraining";
import { dayMs } from "#domains/monitoring";
import { fixedClock } from "#kit/clock";
import { isRawAnswer } from "#kit/route";
import { silentLog } from "#kit/log";
import type { Warehouse } from "#ports/warehouse";
import { firstDayMs, openTestPlace, openTestWarehouse, someDays } from "../../../../../tests/contracts/monitored-place.ts";
import { createMetrics, prometheusRoutes, writeExposition, type Family } from "./index.ts";

interface Parsed {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** Reads the text format as strictly as its grammar is written; throws at the first line that breaks it. */
function parseStrictly(text: string): Map<string, Parsed> {
  const families = new Map<string, Parsed>();
  const series = new Set<string>();
  if (!text.endsWith("\n")) throw new Error("The last line does not end.");
  let current: { name: string; family: Parsed } | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const helpLine = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\]|\\\\|\\n)*)$/.exec(line);
    const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (helpLine) {
      help = { name: helpLine[1]!, text: helpLine[2]! };
    } else if (typeLine) {
      const name = typeLine[1]!;
      if (help?.name !== name || families.has(name)) throw new Error(`The family ${name} does not begin once, with its HELP.`);
      current = { name, family: { type: typeLine[2]!, help: help.text, samples: [] } };
      families.set(name, current.family);
    } else {
      const sample =
        /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
          line,
        );
      if (!sample) throw new Error(`Not a sample: ${line}`);
      const [, name = "", labelText = "", value = ""] = sample;
      const parts = current?.family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      if (!current || !parts.some((part) => name === current!.name + part)) throw new Error(`${name} stands outside its family.`);
      const id = `${name}{${labelText}}`;
      if (series.has(id)) throw new Error(`The series ${id} is there twice.`);
      series.add(id);
      const labels = Object.fromEntries(
        [...labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", raw = ""]) => [
          label,
          raw.replace(/\\(["\\n])/g, (_all, c: string) => (c === "n" ? "\n" : c)),
        ]),
      );
      current.family.samples.push({ name, labels, value: value.endsWith("Inf") ? Number(`${value}inity`) : Number(value) });
    }
  }
  for (const [name, family] of families) if (family.type === "histogram") checkHistogram(name, family);
  return families;
}

function checkHistogram(name: string, { samples }: Parsed): void {
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: undefined }));
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels["le"]!.replace("+Inf", "Infinity")));
    const rising = (values: number[], strictly: boolean) =>
      values.every((value, i) => i === 0 || (strictly ? value > values[i - 1]! : value >= values[i - 1]!));
    if (!rising(bounds, true) || bounds.at(-1) !== Infinity) throw new Error(`The bounds of ${name} do not rise to infinity.`);
    if (
      !rising(
        buckets.map(({ value }) => value),
        false,
      )
    )
      throw new Error(`The buckets of ${name} are not cumulative.`);
    if (group.find((sample) => sample.name === `${name}_count`)?.value !== buckets.at(-1)!.value)
      throw new Error(`The count of ${name} is not its last bucket.`);
    if (!group.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name} has no sum.`);
  }
}

describe("the text format", () => {
  test("says what Prometheus' Python client says for the same metrics", () => {
    const families: Family[] = [
      {
        name: "evil",
        type: "gauge",
        help: 'a "help" with \\ and\na line',
        samples: [
          { labels: { text: 'a\\b"c\nd', other: "ü{}, =" }, value: 1.5 },
          { labels: { text: "", other: "x" }, value: Infinity },
          { labels: { text: "nan", other: "x" }, value: Number.NaN },
        ],
      },
      { name: "asked_total", type: "counter", help: "Questions.", samples: [{ labels: { source: "http" }, value: 3 }] },
      {
        name: "took_seconds",
        type: "histogram",
        help: "Time.",
        samples: [{ labels: { route: "/a" }, bounds: [0.005, 0.1, 1], counts: [1, 1, 1, 1], sum: 7.601 }],
      },
    ];
    // generate_latest of prometheus_client 0.26.0, without its _created series. It puts labels in order and writes 1 as 1.0.
    const python = String.raw`# HELP evil a "help" with \\ and\na line
# TYPE evil gauge
evil{other="ü{}, =",text="a\\b\"c\nd"} 1.5
evil{other="x",text=""} +Inf
evil{other="x",text="nan"} NaN
# HELP asked_total Questions.
# TYPE asked_total counter
asked_total{source="http"} 3.0
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.005",route="/a"} 1.0
took_seconds_bucket{le="0.1",route="/a"} 2.0
took_seconds_bucket{le="1.0",route="/a"} 3.0
took_seconds_bucket{le="+Inf",route="/a"} 4.0
took_seconds_count{route="/a"} 4.0
took_seconds_sum{route="/a"} 7.601
`;
    const text = writeExposition(families);
    const inOrder = (read: Map<string, Parsed>) =>
      [...read].map(([name, family]) => [
        name,
        { ...family, samples: family.samples.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))) },
      ]);
    expect(inOrder(parseStrictly(text))).toEqual(inOrder(parseStrictly(python.replace('le="1.0"', 'le="1"'))));
    const parsed = parseStrictly(text);
    expect(parsed.get("evil")!.samples[0]).toEqual({ name: "evil", labels: { text: 'a\\b"c\nd', other: "ü{}, =" }, value: 1.5 });
  });

  test("refuses names that Prometheus would not read, and a family written twice", () => {
    const one = (name: string, labels = {}): Family => ({ name, type: "gauge", help: "", samples: [{ labels, value: 1 }] });
    expect(() => writeExposition([one("no-dashes")])).toThrow("no name that Prometheus knows");
    expect(() => writeExposition([one("a", { "b-c": "" })])).toThrow("no name that Prometheus knows");
    expect(() => writeExposition([one("a", { __name__: "" })])).toThrow("no name that Prometheus knows");
    expect(() => writeExposition([one("a"), one("a")])).toThrow("written twice");
  });
});

describe("what a process records", () => {
  test("is told by route and status, endpoint and version, with a bounded number of series", () => {
    const metrics = createMetrics();
    try {
      metrics.recordRequest("GET /api/runs/{id}", 200, 0.0004);
      metrics.recordRequest("GET /api/runs/{id}", 200, 99);
      for (let i = 0; i < 2_000; i++) metrics.recordRequest(`GET /wrong/${i}`, 404, 0.001);
      const prediction = { key: "", timeMs: 0, version: 3, score: 0, inputs: new Float32Array(), known: [], source: "http" as const };
      metrics.recordBatch({ endpoint: "late-arrival", predictions: [prediction, { ...prediction, source: "stream" }, prediction] });
      metrics.recordLatency("late-arrival", "http", 0.00005);
      const parsed = parseStrictly(writeExposition(metrics.families()));
      const requests = parsed.get("http_server_request_duration_seconds")!.samples;
      const counts = requests.filter(({ name }) => name.endsWith("_count"));
      expect(counts[0]).toMatchObject({ labels: { http_route: "GET /api/runs/{id}", http_response_status_code: "200" }, value: 2 });
      expect(counts.length).toBeLessThanOrEqual(501);
      expect(counts.reduce((total, { value }) => total + value, 0)).toBe(2_002);
      expect(parsed.get("millrace_prediction_total")!.samples).toEqual([
        { name: "millrace_prediction_total", labels: { endpoint: "late-arrival", version: "3", source: "http" }, value: 2 },
        { name: "millrace_prediction_total", labels: { endpoint: "late-arrival", version: "3", source: "stream" }, value: 1 },
      ]);
      expect(parsed.get("millrace_prediction_latency_seconds")!.samples[0]).toMatchObject({ labels: { le: "0.0001" }, value: 1 });
      for (const name of [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "nodejs_heap_size_used_bytes",
        "nodejs_eventloop_lag_p99_seconds",
      ])
        expect(parsed.get(name)!.samples[0]!.value, name).toBeGreaterThanOrEqual(0);
    } finally {
      metrics.close();
    }
  });
});

describe("GET /metrics", () => {
  let warehouse: Warehouse;
  beforeAll(async () => void (warehouse = await openTestWarehouse()));
  afterAll(() => warehouse.close());

  test("tells of endpoints, streams, tables and runs; what cannot be read is named and the rest still comes", async () => {
    const place = await openTestPlace(warehouse, [...pipelinesMigrations, ...registryMigrations, ...retrainingMigrations]);
    const metrics = createMetrics();
    try {
      const monitor = await place.open();
      for (const { asks, truths, closes } of someDays(3, 150)) {
        await place.commit(asks, truths, monitor);
        if (closes !== undefined && closes <= firstDayMs + 3 * dayMs) await monitor.closeDay(closes);
      }
      const { state, lake, stream } = place;
      const clock = fixedClock(0);
      const services = {
        metrics,
        state,
        lake,
        stream,
        registry: { state, clock },
        ledger: openLedger({ database: state, clock }),
        clock,
        log: silentLog,
      };
      const scrape = async (given: typeof services) => {
        const context = { actor: { name: "test", permissions: new Set<string>() }, requestId: "r", signal: new AbortController().signal };
        const answer = await prometheusRoutes[0]!.handle(given, {}, context);
        if (!isRawAnswer(answer) || typeof answer.body !== "string") throw new Error("not text");
        return parseStrictly(answer.body);
      };
      const found = await scrape(services);
      const value = (name: string, labels: Record<string, string>) =>
        found.get(name)?.samples.find((sample) => Object.entries(labels).every(([key, wanted]) => sample.labels[key] === wanted))?.value;
      const endpoint = "late-arrival";
      expect(value("millrace_model_metric", { endpoint, version: "2", role: "serving", metric: "auc" })).toBeGreaterThan(0.5);
      expect(value("millrace_model_metric", { endpoint, version: "1", role: "shadow", metric: "log_loss" })).toBeGreaterThan(0);
      expect(value("millrace_label_coverage_ratio", { endpoint })).toBeGreaterThan(0.5);
      expect(value("millrace_feature_drift", { endpoint, feature: "from_origin__late_rate_1h", method: "psi" })).toBeGreaterThan(0);
      expect(value("millrace_outcome_total", { endpoint, result: "duplicate" })).toBeGreaterThan(0);
      expect(value("millrace_closed_day_timestamp_seconds", { endpoint })).toBe((firstDayMs + 3 * dayMs) / 1_000);
      expect(value("millrace_stream_lag", { group: "endpoint/late-arrival", topic: "arrivals" })).toBe(0);
      expect(value("millrace_table_rows", { table: "monitoring.late_arrival" })).toBeGreaterThan(300);
      expect(value("millrace_scrape_ok", { part: "tables" })).toBe(1);

      const broken = { ...lake, tables: () => Promise.reject(new Error("no bucket")) };
      const rest = await scrape({ ...services, lake: broken });
      expect(
        rest
          .get("millrace_scrape_ok")!
          .samples.filter((sample) => sample.value === 0)
          .map(({ labels }) => labels["part"]),
      ).toEqual(["tables"]);
      expect(rest.has("millrace_table_rows")).toBe(false);
      expect(rest.has("millrace_model_metric")).toBe(true);
    } finally {
      metrics.close();
      await place.close();
    }
  });
});
