import type { Lake } from "#domains/lake";
import { predictionId } from "#domains/serving";
import type { WarehouseColumn } from "#ports/warehouse";
import { codeOf } from "./day-drift.ts";
import type { MonitoredPrediction } from "./join-book.ts";
import { dayMs, joinedTable, type MonitorReference, type ReferenceOf } from "./model.ts";

const ownTypes = {
  prediction_id: "VARCHAR",
  key: "VARCHAR",
  time: "TIMESTAMP",
  version: "INTEGER",
  score: "FLOAT",
  shadow_version: "INTEGER",
  shadow_score: "FLOAT",
  label: "FLOAT",
  label_time: "TIMESTAMP",
  source: "VARCHAR",
};

/**
 * Adds records to the endpoint's table, exactly once a closed day: each with its outcome (null when none came in time) and the
 * features by name, as the model saw them. Returns the table's version; undefined when there is nothing to add.
 */
export async function appendJoined(
  { lake, reference }: { lake: Lake; reference: ReferenceOf },
  endpoint: string,
  dayEndMs: number,
  predictions: readonly MonitoredPrediction[],
): Promise<number | undefined> {
  if (predictions.length === 0) return undefined;
  const rows = predictions.toSorted((a, b) => a.offset - b.offset);
  const references = new Map<number, MonitorReference>();
  for (const { version } of rows) if (!references.has(version)) references.set(version, await reference(version));
  const features = featureColumns(rows, references);
  const types: Record<string, string> = { ...ownTypes };
  for (const column of features) types[column.name] = column.kind === "number" ? "FLOAT" : "VARCHAR";
  const written = await lake.appendColumns(
    joinedTable(endpoint),
    { rows: rows.length, columns: [...ownColumns(endpoint, rows), ...features] },
    { types, addColumns: true, transaction: { appId: `monitoring/${endpoint}`, version: dayEndMs / dayMs } },
  );
  return written.version;
}

function ownColumns(endpoint: string, rows: readonly MonitoredPrediction[]): WarehouseColumn[] {
  const numbers = (name: keyof typeof ownTypes, of: (row: MonitoredPrediction) => number): WarehouseColumn => {
    const values = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i++) values[i] = of(rows[i]!);
    return { name, kind: "number", values };
  };
  // Keys and ids hardly ever repeat: each row is its own level.
  const texts = (name: keyof typeof ownTypes, of: (row: MonitoredPrediction) => string): WarehouseColumn => ({
    name,
    kind: "text",
    codes: Int32Array.from(rows.keys()),
    levels: rows.map(of),
  });
  const sources = [...new Set(rows.map(({ source }) => source))];
  return [
    texts("prediction_id", ({ offset }) => predictionId(endpoint, 0, offset)),
    texts("key", ({ key }) => key),
    numbers("time", ({ timeMs }) => timeMs),
    numbers("version", ({ version }) => version),
    numbers("score", ({ score }) => score),
    numbers("shadow_version", ({ shadowVersion }) => shadowVersion ?? Number.NaN),
    numbers("shadow_score", ({ shadowScore }) => shadowScore),
    numbers("label", ({ label }) => label),
    numbers("label_time", ({ labelMs }) => labelMs),
    { name: "source", kind: "text", codes: Int32Array.from(rows, ({ source }) => sources.indexOf(source)), levels: sources },
  ];
}

/** Name of a feature's column: its own, unless the record has a column of that name. */
export function featureColumn(name: string): string {
  return name in ownTypes ? `feature_${name}` : name;
}

/** A column for every input of the versions that answered. A version that lacks an input has nulls there. */
function featureColumns(rows: readonly MonitoredPrediction[], references: ReadonlyMap<number, MonitorReference>): WarehouseColumn[] {
  const columns = new Map<string, FeatureColumn>();
  for (const [version, { inputs }] of references) {
    const into = inputs.map((input) => {
      const name = featureColumn(input.name);
      let column = columns.get(name);
      if (!column) columns.set(name, (column = { values: new Float64Array(rows.length).fill(Number.NaN), places: new Map() }));
      if (input.kind === "number") return { values: column.values, codes: undefined };
      column.text = true;
      const { places } = column;
      return {
        values: column.values,
        codes: input.levels.map((level) => places.get(level) ?? (places.set(level, places.size), places.size - 1)),
      };
    });
    for (let row = 0; row < rows.length; row++) {
      const prediction = rows[row]!;
      if (prediction.version !== version) continue;
      for (let place = 0; place < into.length; place++) {
        const { values, codes } = into[place]!;
        const value = prediction.inputs![place]!;
        values[row] = codes ? (codes[codeOf(value, codes.length)] ?? Number.NaN) : value;
      }
    }
  }
  return [...columns].map(([name, { values, places, text }]) =>
    text
      ? { name, kind: "text", codes: Int32Array.from(values, (code) => (Number.isNaN(code) ? -1 : code)), levels: [...places.keys()] }
      : { name, kind: "number", values },
  );
}

interface FeatureColumn {
  /** Numbers, or codes of levels. */
  values: Float64Array;
  places: Map<string, number>;
  text?: boolean;
}
