import { AppError } from "#kit/app-error";
import type { Stream } from "#ports/stream";
import type { Topic } from "./define.ts";

export type Event = Record<string, string | number | boolean | null>;

/** Checks an event against its topic: every column there with a value of its type, the key and the time present. Throws `invalid_argument`. */
export function checkEvent(topic: Topic, event: Event): void {
  for (const name of Object.keys(event)) {
    if (!(name in topic.columns))
      throw new AppError(
        "invalid_argument",
        `An event of topic "${topic.name}" has no field ${name} (it has: ${Object.keys(topic.columns).join(", ")}).`,
      );
  }
  for (const [name, type] of Object.entries(topic.columns)) {
    const value = event[name];
    if (value === undefined || value === null) {
      if (name === topic.key || name === topic.time)
        throw new AppError("invalid_argument", `An event of topic "${topic.name}" lacks its ${name === topic.key ? "key" : "time"}, ${name}.`);
      continue;
    }
    const wanted = /CHAR|TEXT|UUID/.test(type) ? "string" : type === "BOOLEAN" ? "boolean" : "number";
    const fits = typeof value === wanted || (wanted === "boolean" && (value === 0 || value === 1));
    if (!fits || (typeof value === "number" && !Number.isFinite(value))) {
      throw new AppError("invalid_argument", `Field ${name} of topic "${topic.name}" is ${type}, but the event has ${JSON.stringify(value)}.`, {
        hint: wanted === "number" && /TIMESTAMP|DATE/.test(type) ? "Times are epoch milliseconds." : `Send a ${wanted}.`,
      });
    }
  }
}

/** Appends events to their topic, all or none, durable when resolved. With `sequence`, a repeated call adds nothing. */
export async function appendEvents(stream: Stream, topic: Topic, events: Event[], sequence?: { producer: string; number: number }): Promise<void> {
  for (const event of events) checkEvent(topic, event);
  if (events.length === 0) return;
  const records = events.map((event) => ({ key: String(event[topic.key]), timeMs: Number(event[topic.time]), value: JSON.stringify(event) }));
  await stream.append(topic.name, records, sequence ? { sequence } : {});
}
