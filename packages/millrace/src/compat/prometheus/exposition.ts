/**
 * The text exposition format of Prometheus, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 *
 *   # HELP name text        (\ as \\, line feed as \n)
 *   # TYPE name counter|gauge|histogram
 *   name{label="value",…} number        (\ as \\, " as \", line feed as \n)
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  labels?: Labels;
  value: number;
}

/** A histogram's series: counts of observations by bucket, not added up; the last count is of those above every bound. */
export interface HistogramSample {
  labels?: Labels;
  bounds: readonly number[];
  counts: readonly number[];
  sum: number;
}

export type Family = { name: string; help: string } & (
  | { type: "counter" | "gauge"; samples: readonly Sample[] }
  | { type: "histogram"; samples: readonly HistogramSample[] }
);

export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** Writes families in their order, each with one HELP and one TYPE; those without samples are left out. Throws `TypeError` for names that are not allowed. */
export function writeExposition(families: readonly Family[]): string {
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const family of families) {
    checkName(family.name, metricName);
    if (seen.has(family.name)) throw new TypeError(`Metric ${family.name} is written twice.`);
    seen.add(family.name);
    if (family.samples.length === 0) continue;
    lines.push(`# HELP ${family.name} ${family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    lines.push(`# TYPE ${family.name} ${family.type}`);
    if (family.type === "histogram") for (const sample of family.samples) writeHistogram(family.name, sample, lines);
    else for (const { labels, value } of family.samples) lines.push(`${family.name}${labelText(labels)} ${numberText(value)}`);
  }
  return lines.length === 0 ? "" : lines.join("\n") + "\n";
}

function writeHistogram(name: string, { labels, bounds, counts, sum }: HistogramSample, lines: string[]): void {
  let total = 0;
  for (let i = 0; i <= bounds.length; i++) {
    total += counts[i] ?? 0;
    const le = i < bounds.length ? numberText(bounds[i]!) : "+Inf";
    lines.push(`${name}_bucket${labelText({ ...labels, le })} ${total}`);
  }
  lines.push(`${name}_sum${labelText(labels)} ${numberText(sum)}`);
  lines.push(`${name}_count${labelText(labels)} ${total}`);
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

function labelText(labels: Labels | undefined): string {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) return "";
  const parts = entries.map(([name, value]) => {
    checkName(name, labelName);
    return `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
  });
  return `{${parts.join(",")}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function checkName(name: string, pattern: RegExp): void {
  if (!pattern.test(name)) throw new TypeError(`"${name}" is no name that Prometheus knows.`);
}
