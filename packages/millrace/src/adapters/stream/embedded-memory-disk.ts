import { basename, dirname } from "node:path";
import type { LogFile, LogFiles } from "./embedded-files.ts";

/*
 * A disk in memory for tests, as unkind as a real one may be. Until a file is synced, its writes may be lost, torn or leave zeros,
 * in any combination; until a folder is synced, what was created, renamed or removed in it may not have happened.
 */

interface Inode {
  current: Buffer;
  durable: Buffer;
  /** Changes since the last sync, oldest first. */
  pending: ({ position: number; data: Buffer } | { size: number })[];
}

type NameChange = { path: string; inode: Inode | undefined; from?: string };

export interface MemoryDisk extends LogFiles {
  /** Power goes off after so many more operations: that one and all later ones fail. Infinity by default. */
  operationsLeft: number;
  /** Bytes that fit on the disk; a write beyond fails with `ENOSPC` after a part of it was written. */
  capacityBytes: number;
  /** Makes the next syncs of files fail with `EIO`. */
  failingSyncs: number;
  /** A disk as it may be found after the power went off. */
  afterPowerLoss(random: () => number): MemoryDisk;
  /** All files as they are now. */
  contents(): Map<string, Buffer>;
}

/** A disk with these files on it, all durable. */
export function memoryDiskWith(contents: Map<string, Buffer>): MemoryDisk {
  const folders = new Set<string>();
  for (const path of contents.keys()) for (let place = dirname(path); place !== dirname(place); place = dirname(place)) folders.add(place);
  return memoryDisk(new Map([...contents].map(([path, content]) => [path, { current: content, durable: content, pending: [] }])), folders);
}

export function memoryDisk(names = new Map<string, Inode>(), folders = new Set<string>()): MemoryDisk {
  const durableNames = new Map(names);
  const changes = new Map<string, NameChange[]>(); // by folder, oldest first

  function operate(): void {
    if (disk.operationsLeft-- <= 0) throw Object.assign(new Error("the power is off"), { code: "EIO" });
  }

  function change(entry: NameChange): void {
    if (entry.from !== undefined) names.delete(entry.from);
    if (entry.inode) names.set(entry.path, entry.inode);
    else names.delete(entry.path);
    const place = dirname(entry.path);
    changes.set(place, [...(changes.get(place) ?? []), entry]);
  }

  const find = (path: string): Inode => {
    const inode = names.get(path);
    if (!inode) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return inode;
  };

  const usedBytes = () => [...names.values()].reduce((sum, inode) => sum + inode.current.length, 0);

  function fileOf(inode: Inode): LogFile {
    return {
      async read(buffer, position) {
        operate();
        const part = inode.current.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      async write(buffer, position) {
        await Promise.resolve();
        operate();
        const room = disk.capacityBytes - usedBytes() + Math.max(0, inode.current.length - position);
        const data = Buffer.from(buffer.subarray(0, Math.max(0, Math.min(buffer.length, room))));
        inode.current = withWrite(inode.current, position, data);
        inode.pending.push({ position, data });
        if (data.length < buffer.length) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      },
      async sync() {
        await Promise.resolve();
        operate();
        if (disk.failingSyncs > 0) {
          disk.failingSyncs--;
          throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
        }
        inode.durable = inode.current;
        inode.pending = [];
      },
      async truncate(size) {
        operate();
        inode.current = inode.current.subarray(0, size);
        inode.pending.push({ size });
      },
      async close() {},
    };
  }

  const disk: MemoryDisk = {
    operationsLeft: Infinity,
    capacityBytes: Infinity,
    failingSyncs: 0,
    async open(path, mode) {
      operate();
      if (mode !== "create") return fileOf(find(path));
      const inode: Inode = { current: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] };
      change({ path, inode });
      return fileOf(inode);
    },
    async readAll(path) {
      operate();
      return Buffer.from(find(path).current);
    },
    async size(path) {
      operate();
      return names.get(path)?.current.length;
    },
    async list(path) {
      operate();
      const inside = [...names.keys(), ...folders].filter((name) => dirname(name) === path);
      return [...new Set(inside.map((name) => basename(name)))].sort();
    },
    async makeFolder(path) {
      operate();
      for (let place = path; place !== dirname(place); place = dirname(place)) folders.add(place);
    },
    async syncFolder(path) {
      operate();
      for (const entry of changes.get(path) ?? []) applyName(durableNames, entry);
      changes.delete(path);
    },
    async rename(from, to) {
      operate();
      change({ path: to, inode: find(from), from });
    },
    async remove(path) {
      operate();
      if (names.has(path)) change({ path, inode: undefined });
    },
    afterPowerLoss(random) {
      const left = new Map(durableNames);
      for (const list of changes.values()) for (const entry of list.slice(0, Math.floor(random() * (list.length + 1)))) applyName(left, entry);
      return memoryDisk(new Map([...left].map(([path, inode]) => [path, settled(inode, random)])), new Set(folders));
    },
    contents: () => new Map([...names].map(([path, inode]) => [path, Buffer.from(inode.current)])),
  };
  return disk;
}

function applyName(names: Map<string, Inode>, { path, inode, from }: NameChange): void {
  if (from !== undefined) names.delete(from);
  if (inode) names.set(path, inode);
  else names.delete(path);
}

/** What is left of a file: each change since its last sync happened wholly, in part, as zeros, or not at all. */
function settled(inode: Inode, random: () => number): Inode {
  let content = inode.durable;
  for (const entry of inode.pending) {
    const fate = random();
    if ("size" in entry) {
      if (fate < 0.5) content = content.subarray(0, entry.size);
    } else if (fate < 0.4) {
      content = withWrite(content, entry.position, entry.data);
    } else if (fate < 0.6) {
      content = withWrite(content, entry.position, entry.data.subarray(0, Math.floor(random() * entry.data.length)));
    } else if (fate < 0.8) {
      content = withWrite(content, entry.position, Buffer.alloc(entry.data.length));
    }
  }
  return { current: content, durable: content, pending: [] };
}

function withWrite(content: Buffer, position: number, data: Buffer): Buffer {
  const result = Buffer.alloc(Math.max(content.length, position + data.length));
  content.copy(result);
  data.copy(result, position);
  return result;
}

/** Random numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
