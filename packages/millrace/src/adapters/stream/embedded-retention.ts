import { endOf, type LogState, type PartitionState, type TopicState } from "./embedded-state.ts";

/** New first offsets [topic id, partition, offset] for the partitions that hold more, or for longer, than their topic keeps. */
export function retentionFirsts(state: LogState, nowMs: number): [number, number, number][] {
  return [...state.byId.values()].flatMap((topic) =>
    topic.partitions.flatMap((partition): [number, number, number][] => {
      const first = firstToKeep(topic, partition, nowMs);
      return first > partition.first ? [[topic.id, partition.index, first]] : [];
    }),
  );
}

/** Age counts from the append, not from the time of the records: a replay of old events must not be dropped at once. */
function firstToKeep(topic: TopicState, partition: PartitionState, nowMs: number): number {
  let bytes = partition.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  for (const [i, segment] of partition.segments.entries()) {
    const last = i === partition.segments.length - 1;
    const tooOld = topic.retentionMs !== undefined && segment.appendedMs < nowMs - topic.retentionMs;
    const tooLarge = topic.retentionBytes !== undefined && bytes > topic.retentionBytes && !last;
    if (!tooOld && !tooLarge) return segment.base;
    bytes -= segment.bytes;
  }
  return endOf(partition);
}
