import type { Lake } from "#domains/lake";
import { AppError } from "#kit/app-error";
import { quoteName } from "#kit/sql-text";
import type { Stream } from "#ports/stream";
import type { Warehouse, WarehouseColumn } from "#ports/warehouse";
import type { Topic } from "./define.ts";

export interface KeepServices {
  lake: Lake;
  stream: Stream;
  warehouse: Warehouse;
}

const chunkRecords = 250_000;

/** Makes the (empty) table of a kept topic, so that models can read it before the first event. */
export async function createTopicTable({ lake }: Pick<KeepServices, "lake">, topic: Topic): Promise<void> {
  if (topic.table === undefined || (await lake.exists(topic.table))) return;
  const columns = Object.entries(topic.columns).map(([name, type]) => `cast(null as ${type}) as ${quoteName(name)}`);
  await lake.append(topic.table, { sql: `select ${columns.join(", ")} where false` }, { metadata: { topic: topic.name } });
}

/**
 * Copies the events of a kept topic up to an offset into its table, exactly once: the offset stands in the table's own log,
 * in the same commit as the rows. Returns how many rows were added and the table's version.
 */
export async function keepTopic({ lake, stream, warehouse }: KeepServices, topic: Topic, until: number): Promise<{ rows: number; version: number }> {
  if (topic.table === undefined)
    throw new AppError("invalid_definition", `Topic "${topic.name}" is not kept as a table.`, { hint: "Add `keep: true` to it." });
  const appId = `keep/${topic.name}`;
  let { version, transactions } = await lake.snapshot(topic.table);
  let from = transactions[appId] ?? 0;
  let rows = 0;
  while (from < until) {
    const to = Math.min(from + chunkRecords, until);
    const table = await readColumns(stream, topic, from, to);
    await warehouse.load("kept_events", table);
    try {
      const columns = Object.entries(topic.columns).map(([name, type]) => `${castTo(type, quoteName(name))} as ${quoteName(name)}`);
      const written = await lake.append(
        topic.table,
        { sql: `select ${columns.join(", ")} from kept_events` },
        { transaction: { appId, version: to }, metadata: { offsets: [from, to] } },
      );
      version = written.version;
      rows += written.rows;
    } finally {
      await warehouse.execute("drop table if exists kept_events");
    }
    from = to;
  }
  return { rows, version };
}

async function readColumns(stream: Stream, topic: Topic, from: number, until: number): Promise<{ rows: number; columns: WarehouseColumn[] }> {
  const names = Object.keys(topic.columns);
  const values: unknown[][] = names.map(() => []);
  for await (const batch of stream.read(topic.name, { from, until })) {
    for (const record of batch.records) {
      const event = JSON.parse(record.value.toString("utf8")) as Record<string, unknown>; // events are checked when they are appended
      names.forEach((name, i) => values[i]!.push(event[name] ?? null));
    }
  }
  return { rows: values[0]?.length ?? 0, columns: names.map((name, i) => columnOf(name, topic.columns[name]!, values[i]!)) };
}

function columnOf(name: string, type: string, values: unknown[]): WarehouseColumn {
  if (!/CHAR|TEXT|UUID/.test(type))
    return { name, kind: "number", values: Float64Array.from(values, (value) => (value === null ? Number.NaN : Number(value))) };
  const codes = new Int32Array(values.length);
  const levels: string[] = [];
  const known = new Map<string, number>();
  values.forEach((value, i) => {
    const text = String(value);
    let code = value === null ? -1 : known.get(text);
    if (code === undefined) {
      code = levels.push(text) - 1;
      known.set(text, code);
    }
    codes[i] = code;
  });
  return { name, kind: "text", codes, levels };
}

function castTo(type: string, column: string): string {
  if (type.startsWith("TIMESTAMP")) return `epoch_ms(cast(${column} as bigint))`;
  if (type === "DATE") return `cast(epoch_ms(cast(${column} as bigint)) as date)`;
  return `cast(${column} as ${type})`;
}
