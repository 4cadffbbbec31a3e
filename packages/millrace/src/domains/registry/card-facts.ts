import type { Reader } from "#ports/database";
import type { CardFacts, Evidence } from "./card-model.ts";
import type { ModelVersion } from "./model.ts";
import { aliasChanges, type ModelRow } from "./store.ts";

/** Slices that a card shows of each column: the worst, as the evaluation orders them. */
const slicesPerColumn = 10;

/** What a card says, from what is known of the version now. */
export async function cardFacts(reader: Reader, model: ModelRow, version: ModelVersion, evidence: Evidence): Promise<CardFacts> {
  const aliases: CardFacts["aliases"] = [];
  for (const alias of version.aliases) {
    const last = (await aliasChanges(reader, model.id, alias)).at(-1)!; // an alias that is held was given
    aliases.push({ alias, sinceMs: last.fromMs, actor: last.actor, reason: last.reason });
  }
  const { signature, files } = version;
  return {
    ...{ model: model.name, modelDescription: model.description, version: version.version, status: version.status },
    ...{ description: version.description, format: version.format, digest: version.digest, createdMs: version.createdMs },
    files: { count: files.length, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    actor: version.actor ?? null,
    tags: version.tags,
    aliases,
    signature: { inputs: signature.inputs.map(nameAndType), outputs: signature.outputs.map(nameAndType) },
    data: version.data,
    metrics: Object.fromEntries(Object.entries(version.metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null])),
    slices: worstSlices(evidence.slices ?? []),
    gate: gateFacts(version.gate),
    run: evidence.run ?? null,
  };
}

function nameAndType({ name, type }: { name?: string | undefined; type: string }) {
  return { name: name ?? "", type };
}

function worstSlices(slices: CardFacts["slices"]): CardFacts["slices"] {
  const taken = new Map<string, number>();
  return slices.filter(({ column }) => {
    const count = (taken.get(column) ?? 0) + 1;
    taken.set(column, count);
    return count <= slicesPerColumn;
  });
}

/** A gate's report as far as it has the fields of one: it may come from elsewhere. */
function gateFacts(gate: Record<string, unknown> | undefined): CardFacts["gate"] {
  if (gate === undefined) return null;
  const results = (Array.isArray(gate["results"]) ? gate["results"] : []).filter(isObject);
  return {
    ...{ name: textOf(gate["gate"] ?? gate["id"]), verdict: textOf(gate["verdict"] ?? gate["passed"]), summary: textOf(gate["summary"]) },
    checks: results.map((result) => ({ check: textOf(result["name"]), status: textOf(result["status"]), reason: textOf(result["reason"]) })),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value as string | number | boolean);
}
