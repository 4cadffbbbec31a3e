import { AppError } from "#kit/app-error";
import type { StreamInput } from "#ports/stream";
import type { WarehouseColumn, WarehouseTable } from "#ports/warehouse";
import type { Topic } from "#domains/ingest";

/** A function that gives rows of a table as events of a topic: records as `appendEvents` would make them, made column by column. */
export function eventEncoder(topic: Topic, table: WarehouseTable): (row: number) => StreamInput {
  const columns = Object.entries(topic.columns).map(([name, type]) => {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (!column) throw new AppError("invalid_argument", `The rows have no column ${name}, which events of topic ${topic.name} carry.`);
    return { name: JSON.stringify(name), write: valueWriter(column, type) };
  });
  const starts = columns.map(({ name }, i) => `${i === 0 ? "{" : ","}${name}:`);
  const writers = columns.map(({ write }) => write);
  const time = numbers(table, topic.time);
  const key = textWriter(table.columns.find((column) => column.name === topic.key)!); // a topic's key is among its columns
  return (row) => {
    let value = "";
    for (let i = 0; i < writers.length; i++) value += starts[i]! + writers[i]!(row);
    return { key: key(row), timeMs: time[row]!, value: value + "}" };
  };
}

function valueWriter(column: WarehouseColumn, type: string): (row: number) => string {
  if (column.kind === "text") {
    const levels = column.levels.map((level) => JSON.stringify(level));
    return (row) => (column.codes[row]! < 0 ? "null" : levels[column.codes[row]!]!);
  }
  const { values } = column;
  if (type === "BOOLEAN") return (row) => (values[row] === 1 ? "true" : values[row] === 0 ? "false" : "null");
  return (row) => (Number.isFinite(values[row]!) ? String(values[row]) : "null");
}

function textWriter(column: WarehouseColumn): (row: number) => string {
  if (column.kind === "number") return (row) => String(column.values[row]);
  return (row) => (column.codes[row]! < 0 ? "null" : column.levels[column.codes[row]!]!);
}

function numbers(table: WarehouseTable, name: string): Float64Array {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column?.kind === "number") return column.values;
  throw new AppError("invalid_argument", `Column ${name} holds the events' times, but as text.`, { hint: "Cast it to a timestamp in the model." });
}
