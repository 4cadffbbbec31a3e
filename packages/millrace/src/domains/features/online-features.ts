import { AppError } from "#kit/app-error";
import { digestOf } from "#kit/hash";
import type { WarehouseRow } from "#ports/warehouse";
import { cellOf, keyValue, kindOf, numberValue, type ValueKind } from "./event-values.ts";
import { checkAlias } from "./join-features.ts";
import type { BoundView, FeatureView, KeyValue } from "./model.ts";
import { featureNames } from "./window-layout.ts";
import { restoreWindowState, snapshotWindowState } from "./window-snapshot.ts";
import { createWindowState, type WindowState, type WindowStateOptions } from "./window-state.ts";

/** The views of one model, live: the names and their order are those of `joinFeatures` over the same record of bound views. */
export interface OnlineFeatures {
  /** Full names, `<alias>__<feature>_<window>`. */
  readonly names: readonly string[];
  /** Aliases, in the order in which `read` writes known times. */
  readonly aliases: readonly string[];
  /** The state of a view, however often it is bound. Throws `not_found`. */
  state(viewName: string): WindowState;
  /**
   * Gives a view one row of its SQL model as an event. False when it changed nothing: a key is null, the outcome is not known yet,
   * or it is too old to matter. Throws `invalid_argument` for a missing column or a value of another type.
   */
  update(viewName: string, row: WarehouseRow): boolean;
  /**
   * Writes all features of the row that asks into `out` from `offset`, and the known time of the newest event used by each alias
   * (NaN for none) into `newestKnown`. A null key gives NaN everywhere, as in the join.
   */
  read(row: WarehouseRow, atMs: number, out: Float32Array, offset?: number, newestKnown?: Float64Array): void;
  /** Frees what reads from now on will not need. */
  forget(beforeMs: number): void;
  /** Everything as bytes, for a checkpoint next to the stream's position. */
  snapshot(): Uint8Array;
}

interface Binding {
  state: WindowState;
  columns: string[];
  kinds: ValueKind[];
  key: KeyValue[];
  first: number;
  width: number;
}

/** Opens the features of a model for a stream or for online reads: empty, or as a snapshot left them. */
export function createOnlineFeatures(
  features: Readonly<Record<string, BoundView>>,
  options: WindowStateOptions & { snapshot?: Uint8Array } = {},
): OnlineFeatures {
  const views = viewsOf(features);
  const stored = options.snapshot === undefined ? undefined : splitSnapshots(options.snapshot);
  const states = new Map<string, WindowState>();
  for (const view of views.values())
    states.set(view.name, stored === undefined ? createWindowState(view, options) : restoreWindowState(view, snapshotOf(stored, view)));
  const names: string[] = [];
  const bindings: Binding[] = Object.entries(features).map(([alias, { view, on }]) => {
    checkAlias(alias);
    const first = names.length;
    names.push(...featureNames(view, alias));
    const kinds = view.on.map((column) => kindOf(view.from.columns[column]));
    return { state: states.get(view.name)!, columns: on, kinds, key: [], first, width: names.length - first };
  });
  const stateOf = (viewName: string) => {
    const state = states.get(viewName);
    if (state !== undefined) return state;
    throw new AppError("not_found", `There is no feature view \`${viewName}\` here (there are: ${[...states.keys()].join(", ")}).`);
  };
  const feeds = new Map([...states].map(([name, state]) => [name, feedOf(state)]));
  return {
    names,
    aliases: Object.keys(features),
    state: stateOf,
    update: (viewName, row) => (feeds.get(viewName) ?? feedOf(stateOf(viewName)))(row),
    read(row, atMs, out, offset = 0, newestKnown) {
      for (let b = 0; b < bindings.length; b++) {
        const binding = bindings[b]!;
        const at = offset + binding.first;
        const complete = fillKey(binding.key, row, binding.columns, binding.kinds);
        if (!complete) out.fill(Number.NaN, at, at + binding.width);
        const newest = complete ? binding.state.read(binding.key, atMs, out, at) : Number.NaN;
        if (newestKnown !== undefined) newestKnown[b] = newest;
      }
    },
    forget(beforeMs) {
      for (const state of states.values()) state.forget(beforeMs);
    },
    snapshot: () => joinSnapshots(new Map([...states].map(([name, state]) => [name, snapshotWindowState(state)]))),
  };
}

function viewsOf(features: Readonly<Record<string, BoundView>>): Map<string, FeatureView> {
  const views = new Map<string, FeatureView>();
  for (const { view } of Object.values(features)) {
    const other = views.get(view.name);
    if (other !== undefined && digestOf(other) !== digestOf(view)) {
      throw new AppError("invalid_definition", `There are two different feature views named \`${view.name}\`.`, { hint: "Rename one of them." });
    }
    views.set(view.name, view);
  }
  return views;
}

function feedOf(state: WindowState): (row: WarehouseRow) => boolean {
  const { view, measures } = state;
  const { columns } = view.from;
  const kinds = view.on.map((column) => kindOf(columns[column]));
  const measureKinds = measures.map((column) => kindOf(columns[column]));
  const key: KeyValue[] = [];
  const values = new Float64Array(measures.length);
  return (row) => {
    const knownMs = numberValue(cellOf(row, view.known), "time", view.known);
    for (let m = 0; m < measures.length; m++) values[m] = numberValue(cellOf(row, measures[m]!), measureKinds[m]!, measures[m]!);
    return fillKey(key, row, view.on, kinds) && !Number.isNaN(knownMs) && state.update(key, knownMs, values);
  };
}

/** Fills `key` from a row; false when a part is null. */
function fillKey(key: KeyValue[], row: WarehouseRow, columns: readonly string[], kinds: readonly ValueKind[]): boolean {
  let complete = true;
  for (let i = 0; i < columns.length; i++) {
    const part = keyValue(cellOf(row, columns[i]!), kinds[i]!, columns[i]!);
    if (part === null || part !== part) complete = false;
    else key[i] = part;
  }
  return complete;
}

/** u32 header bytes | header JSON: names and sizes | the snapshots, each at a multiple of 8 bytes. Each carries its own checksum. */
function joinSnapshots(snapshots: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify([...snapshots].map(([view, bytes]) => ({ view, bytes: bytes.length }))));
  let at = alignUp(4 + json.length);
  const all = new Uint8Array([...snapshots.values()].reduce((sum, bytes) => sum + bytes.length, at)); // each is a multiple of 8 long
  new DataView(all.buffer).setUint32(0, json.length, true);
  all.set(json, 4);
  for (const bytes of snapshots.values()) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

function splitSnapshots(all: Uint8Array): Map<string, Uint8Array> {
  try {
    const length = new DataView(all.buffer, all.byteOffset, all.byteLength).getUint32(0, true);
    // Damage either breaks the parse here or the checksum of a snapshot later.
    const header = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + length))) as { view: string; bytes: number }[];
    let at = alignUp(4 + length);
    return new Map(header.map(({ view, bytes }) => [view, all.subarray(at, (at += bytes))]));
  } catch (cause) {
    throw new AppError("corrupt_data", "The stored state of the online features is damaged.", {
      cause,
      hint: "Restore an earlier checkpoint, or replay the events.",
    });
  }
}

function snapshotOf(stored: ReadonlyMap<string, Uint8Array>, view: FeatureView): Uint8Array {
  const snapshot = stored.get(view.name);
  if (snapshot !== undefined) return snapshot;
  throw new AppError("conflict", `The stored state has no feature view \`${view.name}\`.`, {
    hint: "Start from an empty state and replay the events.",
  });
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
