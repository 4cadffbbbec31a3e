import { join } from "node:path";

/*
 * journal-<seq>.log                     what is committed
 * data/<topic id>-<topic>-<partition>/  one folder a partition
 *   <base offset>.seg                   its records, from that offset on
 */

export function journalName(seq: number): string {
  return `journal-${padded(seq)}.log`;
}

export function dataFolder(folder: string): string {
  return join(folder, "data");
}

export function partitionFolder(folder: string, topic: { id: number; name: string }, partition: number): string {
  return join(dataFolder(folder), `${topic.id}-${topic.name}-${partition}`); // the id keeps names apart where letters differ only in case
}

export function segmentName(base: number): string {
  return `${padded(base)}.seg`;
}

export function segmentPath(folder: string, topic: { id: number; name: string }, segment: { partition: number; base: number }): string {
  return join(partitionFolder(folder, topic, segment.partition), segmentName(segment.base));
}

const padded = (number: number) => String(number).padStart(20, "0");
