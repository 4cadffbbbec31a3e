export { appendEvents, checkEvent, type Event } from "./append-events.ts";
export { laterRows } from "./batches.ts";
export { source, topic, type Source, type SourceOptions, type Topic, type TopicOptions } from "./define.ts";
export { ingestSource, tableOf, type IngestOptions, type IngestResult, type IngestServices } from "./ingest-source.ts";
export { createTopicTable, keepTopic, type KeepServices } from "./keep-topic.ts";
export { ingestMigrations } from "./migrations.ts";
export { fileRelation, findSourceFile } from "./source-file.ts";
