import type { FeatureView, OnlineFeatures } from "#domains/features";
import type { Topic } from "#domains/ingest";
import { AppError } from "#kit/app-error";
import type { StreamRecord } from "#ports/stream";
import type { WarehouseRow } from "#ports/warehouse";

/** Whether events of a topic bring a view up to date: they come at the moment the view's outcomes are known, and carry what it needs. */
export function feeds(topic: Topic, view: FeatureView): boolean {
  return view.known === topic.time && Object.keys(view.from.columns).every((column) => column === view.time || column in topic.columns);
}

/** A function that brings an event of a topic into every view it feeds; a view that cannot use it is passed over, and the reason told. */
export function feedOf(
  topic: Topic,
  views: FeatureView[],
  online: OnlineFeatures,
): (event: WarehouseRow, onRefusal: (error: AppError) => void) => void {
  const names = views.filter((view) => feeds(topic, view)).map((view) => view.name);
  return (event, onRefusal) => {
    let refusal: AppError | undefined;
    for (let i = 0; i < names.length; i++) {
      try {
        online.update(names[i]!, event);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusal = error;
      }
    }
    if (refusal) onRefusal(refusal);
  };
}

/** Whether an error means that an event cannot be used, rather than that the work cannot go on. */
export function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && (error.code === "invalid_argument" || error.code === "corrupt_data");
}

/** The event of a record. Throws `corrupt_data` where it is not a JSON object. */
export function parseEvent(topic: string, record: StreamRecord): WarehouseRow {
  let event: unknown;
  try {
    event = JSON.parse(record.value.toString("utf8"));
  } catch (error) {
    throw notAnEvent(topic, record, error);
  }
  if (typeof event !== "object" || event === null || Array.isArray(event)) throw notAnEvent(topic, record);
  return event as WarehouseRow; // JSON objects are rows
}

/** The key that tells events apart: the record's own, or the event's field where the sender gave the record none. */
export function keyOf(topic: Topic, record: StreamRecord, event: WarehouseRow): string {
  return record.key ? record.key.toString("utf8") : String(event[topic.key]);
}

function notAnEvent(topic: string, record: StreamRecord, cause?: unknown): AppError {
  return new AppError("corrupt_data", `Record ${record.offset} of topic ${topic} is not a JSON object.`, {
    cause,
    hint: "Append events through Millrace, which checks them.",
  });
}
