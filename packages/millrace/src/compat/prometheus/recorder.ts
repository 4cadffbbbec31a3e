import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ScoredBatch } from "#domains/serving";
import type { Family, HistogramSample, Labels } from "./exposition.ts";

/** What a process counts as it works, from its start on. Recording takes a microsecond. */
export interface Metrics {
  /** An HTTP request that was answered: its route (the pattern, never the path), status and duration. */
  recordRequest(route: string, status: number, seconds: number): void;
  /** Predictions that were recorded, from the stream or over HTTP. */
  recordBatch(batch: Pick<ScoredBatch, "endpoint" | "predictions">): void;
  /** How long one call for predictions took inside the process. */
  recordLatency(endpoint: string, source: "stream" | "http", seconds: number): void;
  families(): Family[];
  close(): void;
}

/** Seconds, from 0.1 ms on: a fast server shows in the first buckets. */
const latencyBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A label value that came from outside must not make series without end: past this many, the rest is one series called `other`. */
const mostSeries = 500;

/** Starts counting. `close` ends the measurement of the event loop. */
export function createMetrics(): Metrics {
  const startedSeconds = Date.now() / 1_000 - process.uptime();
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const requests = createHistograms(["http_route", "http_response_status_code"]);
  const latencies = createHistograms(["endpoint", "source"]);
  const predictions = new Map<string, { labels: Labels; value: number }>();

  return {
    recordRequest: (route, status, seconds) => requests.observe([route, String(status)], seconds),
    recordLatency: (endpoint, source, seconds) => latencies.observe([endpoint, source], seconds),
    recordBatch({ endpoint, predictions: made }) {
      for (const { version, source } of made) {
        const key = `${version} ${source} ${endpoint}`;
        let entry = predictions.get(key);
        if (!entry) predictions.set(key, (entry = { labels: { endpoint, version: String(version), source }, value: 0 }));
        entry.value++;
      }
    },
    families() {
      const lag = delay.count > 0 ? delay.percentile(99) / 1e9 : 0;
      delay.reset(); // each scrape tells of the time since the last one
      return [
        ...processFamilies(startedSeconds, lag),
        family("http_server_request_duration_seconds", "Duration of HTTP requests by route and status.", requests.samples()),
        {
          name: "millrace_prediction_total",
          type: "counter",
          help: "Predictions that were recorded, since the process started.",
          samples: [...predictions.values()],
        },
        family("millrace_prediction_latency_seconds", "Time to answer a call for predictions.", latencies.samples()),
      ];
    },
    close: () => void delay.disable(),
  };
}

function family(name: string, help: string, samples: HistogramSample[]): Family {
  return { name, type: "histogram", help, samples };
}

/** The names under which Prometheus' own client for Node tells the same, so that its dashboards fit. */
function processFamilies(startedSeconds: number, lagSeconds: number): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const one = (type: "counter" | "gauge", name: string, help: string, value: number): Family => ({ name, type, help, samples: [{ value }] });
  return [
    one("counter", "process_cpu_seconds_total", "Processor time of the process, all threads.", (user + system) / 1e6),
    one("gauge", "process_resident_memory_bytes", "Resident memory.", rss),
    one("gauge", "process_start_time_seconds", "When the process started, seconds since 1970.", startedSeconds),
    one("gauge", "nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", heapTotal),
    one("gauge", "nodejs_heap_size_used_bytes", "Used part of the JavaScript heap.", heapUsed),
    one("gauge", "nodejs_external_memory_bytes", "Memory outside the heap that JavaScript objects hold.", external),
    one("gauge", "nodejs_eventloop_lag_p99_seconds", "99th percentile of the event loop's delay since the last scrape.", lagSeconds),
  ];
}

interface Histograms {
  observe(values: string[], seconds: number): void;
  samples(): HistogramSample[];
}

function createHistograms(names: string[]): Histograms {
  const series = new Map<string, { labels: Labels; counts: Float64Array; sum: number }>();
  return {
    observe(values, seconds) {
      let key = values.join("\n");
      if (!series.has(key) && series.size >= mostSeries) {
        values = names.map(() => "other");
        key = values.join("\n");
      }
      let one = series.get(key);
      if (!one) {
        const labels = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
        series.set(key, (one = { labels, counts: new Float64Array(latencyBounds.length + 1), sum: 0 }));
      }
      let bucket = 0;
      while (bucket < latencyBounds.length && seconds > latencyBounds[bucket]!) bucket++;
      one.counts[bucket]!++;
      one.sum += seconds;
    },
    samples: () => [...series.values()].map(({ labels, counts, sum }) => ({ labels, bounds: latencyBounds, counts: [...counts], sum })),
  };
}
