import { upstream, type LineageGraph } from "#domains/lineage";
import type { EndpointDesk, TracedInput } from "#domains/serving";
import { getVersion } from "#domains/registry";
import { getRun as getTrackedRun } from "#domains/tracking";
import { modelSchema } from "#domains/transform";
import { AppError } from "#kit/app-error";
import type { Services } from "./services.ts";

export interface FullTrace {
  id: string;
  endpoint: string;
  key: string;
  time: string;
  score: number;
  source: "stream" | "http";
  /** The stored inputs scored again by the same version. */
  verified: { score: number; equal: boolean };
  model: { name: string; version: number; digest: string; aliases: string[]; gate: string };
  run: { id: string; started: string; commit: string | null; dirty: boolean | null; params: Record<string, string> } | null;
  /** Table versions that the model learnt from. */
  data: { table: string; version: number }[];
  inputs: (TracedInput & {
    /** For a feature: source columns that its values come from. */
    sources?: string[];
  })[];
  /** SQL models between the sources and the features. */
  sqlModels: string[];
}

/** From a prediction back to the source columns: version, run, commit, parameters, each value with the time it was known, and what it was made of. */
export async function tracePrediction(services: Services, desk: EndpointDesk, id: string): Promise<FullTrace> {
  const trace = await desk.trace(id);
  const version = await getVersion(services.registry, trace.model.name, trace.model.version);
  const sources = new Map<string, string[]>();
  const sqlModels = new Set<string>();
  const inputs: FullTrace["inputs"] = [];
  for (const input of trace.inputs) {
    if (input.from !== "feature") {
      inputs.push(input);
      continue;
    }
    const feature = `${input.view}.${input.name.slice(input.alias.length + 2)}`;
    if (!sources.has(feature)) sources.set(feature, await sourcesOf(services, feature, sqlModels));
    inputs.push({ ...input, sources: sources.get(feature)! });
  }
  return {
    ...{
      id: trace.id,
      endpoint: trace.endpoint,
      key: trace.key,
      time: new Date(trace.timeMs).toISOString(),
      score: trace.score,
      source: trace.source,
      verified: trace.verified,
    },
    model: {
      name: version.model,
      version: version.version,
      digest: version.digest,
      aliases: version.aliases,
      gate: String(version.gate?.["summary"] ?? "registered without a gate"),
    },
    run: await runOf(services, version.runId),
    data: version.data.map(({ table, version: number }) => ({ table, version: number })),
    inputs,
    sqlModels: [...sqlModels].toSorted(),
  };
}

/** Columns of sources whose values flow into a feature; the SQL models on the way are added to `sqlModels`. */
async function sourcesOf({ lineage }: Services, feature: string, sqlModels: Set<string>): Promise<string[]> {
  const graph = await upstream(lineage, `feature:${feature}`).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return undefined; // made before lineage was kept
    throw error;
  });
  if (!graph) return [];
  const columns = columnsBehind(graph, "value");
  const found = columns.length > 0 ? columns : columnsBehind(graph, "filter"); // a count has no values: what it counts is decided by keys and times
  for (const column of found) if (column.startsWith(`${modelSchema}.`)) sqlModels.add(column.split(".")[1]!);
  return found.filter((column) => !column.startsWith(`${modelSchema}.`)).toSorted();
}

/** Columns that are reached from the roots, against the direction of the data, by edges of a kind. */
function columnsBehind({ roots, edges }: LineageGraph, kind: "value" | "filter"): string[] {
  const sources = new Map<string, string[]>();
  for (const edge of edges) if (edge.kind === kind) sources.set(edge.to.name, [...(sources.get(edge.to.name) ?? []), edge.from.name]);
  const found = new Set<string>();
  const queue = roots.map((root) => root.name);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const source of sources.get(name) ?? []) {
      if (found.has(source)) continue;
      found.add(source);
      queue.push(source);
    }
  }
  return [...found];
}

async function runOf({ tracking }: Services, runId: string | undefined): Promise<FullTrace["run"]> {
  if (runId === undefined) return null;
  const run = await getTrackedRun(tracking, runId);
  return {
    id: run.id,
    started: new Date(run.startedMs).toISOString(),
    commit: run.source.commit ?? null,
    dirty: run.source.dirty ?? null,
    params: run.params,
  };
}

/** The trace as a page of text. */
export function traceText(trace: FullTrace): string {
  const { model, run } = trace;
  const lines = [
    `prediction  ${trace.id}: ${trace.score.toFixed(6)} ${trace.key === "" ? "" : `for ${trace.key} `}as of ${trace.time} (${trace.source})`,
    `  again     ${trace.verified.score.toFixed(6)}, ${trace.verified.equal ? "the same to the bit" : "NOT the same"}`,
    `model       ${model.name}@${model.version}${model.aliases.length > 0 ? ` (${model.aliases.join(", ")})` : ""}, digest ${model.digest.slice(0, 12)}…`,
    `  gate      ${model.gate.split("\n")[0]}`,
    ...(run
      ? [
          `run         ${run.id} of ${run.started}, commit ${run.commit?.slice(0, 12) ?? "none"}${run.dirty ? " with changes" : ""}`,
          `  params    ${Object.entries(run.params)
            .map(([name, value]) => `${name}=${value}`)
            .join(" ")}`,
        ]
      : []),
    `data        ${trace.data.map(({ table, version }) => `${table} v${version}`).join(", ")}; SQL models ${trace.sqlModels.join(", ") || "none"}`,
    "inputs",
    ...trace.inputs.map(inputLine),
  ];
  return lines.join("\n");
}

function inputLine(input: FullTrace["inputs"][number]): string {
  const value = input.value === null ? "missing" : typeof input.value === "number" ? String(Number(input.value.toPrecision(6))) : input.value;
  const head = `  ${input.name.padEnd(32)}${value.padEnd(12)}`;
  if (input.from !== "feature") return `${head}${input.from === "row" ? "given with the row" : "given by the caller"}`;
  const known = input.knownMs === null ? "nothing known yet" : `known ${new Date(input.knownMs).toISOString().slice(0, 16)}Z`;
  return `${head}${known}, ${input.aggregate} over ${input.window} of ${input.model} by ${input.on.join(" + ")}  ← ${input.sources?.join(", ") ?? ""}`;
}
