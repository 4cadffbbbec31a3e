import { AppError } from "#kit/app-error";
import { type Attributes, type AttributeValue, type Span, type SpanEvent, spanKinds, spanStatuses } from "./model.ts";

/**
 * Spans as bytes: JSON in which a value that JSON has no type for is an object with one letter. `[parent, name, …]` in fixed places
 * rather than fields, resources and scopes once a batch: a batch is about half of what OpenTelemetry's own JSON takes.
 */
interface PackedBatch {
  resources: PackedAttributes[];
  scopes: [string, string][];
  spans: PackedSpan[];
}
type PackedSpan = [
  id: string,
  parent: string,
  name: string,
  kind: number,
  status: number,
  message: string,
  start: string,
  end: string,
  attributes: PackedAttributes,
  events: [string, string, PackedAttributes][],
  links: [string, string, PackedAttributes][],
  resource: number,
  scope: number,
];
type PackedAttributes = Record<string, PackedValue>;
type PackedValue =
  | string
  | boolean
  | number
  | null
  | PackedValue[]
  | { i: string }
  | { d: number | string }
  | { b: string }
  | { m: PackedAttributes };

/** Packs spans of one trace. Spans in equal order give equal bytes. */
export function packSpans(spans: Span[]): Buffer {
  const resources = tableOf<PackedAttributes>();
  const scopes = tableOf<[string, string]>();
  const packed = spans.map((span) =>
    packSpan(span, resources.place(packAttributes(span.resource)), scopes.place([span.scope.name, span.scope.version])),
  );
  const batch: PackedBatch = { resources: resources.items, scopes: scopes.items, spans: packed };
  return Buffer.from(JSON.stringify(batch));
}

export function unpackSpans(trace: string, bytes: Uint8Array): Span[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  try {
    const { resources, scopes, spans } = JSON.parse(text) as PackedBatch; // written by `packSpans`
    const unpacked = resources.map(unpackAttributes);
    return spans.map((span) => unpackSpan(trace, span, unpacked, scopes));
  } catch (cause) {
    throw new AppError("corrupt_data", `Spans of trace "${trace}" in the store are damaged.`, { cause });
  }
}

/**
 * All of these spans, each once. Of several versions of a span the one that ended last stays, then the one that says more: whatever
 * the order and the number of deliveries, the same remains.
 */
export function mergeSpans(spans: Iterable<Span>): Span[] {
  const byId = new Map<string, Span>();
  for (const span of spans) {
    const standing = byId.get(span.id);
    if (standing === undefined || isBetter(span, standing)) byId.set(span.id, span);
  }
  return [...byId.values()];
}

function isBetter(span: Span, standing: Span): boolean {
  const [a, b] = [span.endNs ?? -1n, standing.endNs ?? -1n];
  if (a !== b) return a > b;
  const [mine, theirs] = [JSON.stringify(packSpan(span, 0, 0)), JSON.stringify(packSpan(standing, 0, 0))];
  return mine.length === theirs.length ? mine > theirs : mine.length > theirs.length;
}

function packSpan(span: Span, resource: number, scope: number): PackedSpan {
  return [
    span.id,
    span.parent ?? "",
    span.name,
    spanKinds.indexOf(span.kind),
    spanStatuses.indexOf(span.status),
    span.message,
    String(span.startNs),
    span.endNs === undefined ? "" : String(span.endNs),
    packAttributes(span.attributes),
    span.events.map(({ name, timeNs, attributes }) => [name, String(timeNs), packAttributes(attributes)]),
    span.links.map(({ trace, span: linked, attributes }) => [trace, linked, packAttributes(attributes)]),
    resource,
    scope,
  ];
}

function unpackSpan(trace: string, packed: PackedSpan, resources: Attributes[], scopes: [string, string][]): Span {
  const [id, parent, name, kind, status, message, start, end, attributes, events, links, resource, scope] = packed;
  return {
    trace,
    id,
    parent: parent || undefined,
    name,
    kind: spanKinds[kind]!, // packed from the same lists
    status: spanStatuses[status]!,
    message,
    startNs: BigInt(start),
    endNs: end === "" ? undefined : BigInt(end),
    attributes: unpackAttributes(attributes),
    events: events.map(([event, time, given]): SpanEvent => ({ name: event, timeNs: BigInt(time), attributes: unpackAttributes(given) })),
    links: links.map(([other, span, given]) => ({ trace: other, span, attributes: unpackAttributes(given) })),
    resource: resources[resource]!,
    scope: { name: scopes[scope]![0], version: scopes[scope]![1] },
  };
}

function packAttributes(attributes: Attributes): PackedAttributes {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, packValue(value)])); // not by assignment: a key may be `__proto__`
}

function unpackAttributes(packed: PackedAttributes): Attributes {
  return Object.fromEntries(Object.entries(packed).map(([key, value]) => [key, unpackValue(value)]));
}

function packValue(value: AttributeValue): PackedValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : { i: String(value) };
  if (typeof value === "number") return { d: Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value) };
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString("base64") };
  return Array.isArray(value) ? value.map(packValue) : { m: packAttributes(value) };
}

function unpackValue(packed: PackedValue): AttributeValue {
  if (packed === null || typeof packed === "string" || typeof packed === "boolean") return packed;
  if (typeof packed === "number") return BigInt(packed);
  if (Array.isArray(packed)) return packed.map(unpackValue);
  if ("i" in packed) return BigInt(packed.i);
  if ("d" in packed) return Number(packed.d);
  return "b" in packed ? new Uint8Array(Buffer.from(packed.b, "base64")) : unpackAttributes(packed.m);
}

/** Equal items once, by number. */
function tableOf<Item>(): { items: Item[]; place(item: Item): number } {
  const items: Item[] = [];
  const places = new Map<string, number>();
  return {
    items,
    place(item) {
      const key = JSON.stringify(item);
      const standing = places.get(key);
      if (standing !== undefined) return standing;
      places.set(key, items.length);
      return items.push(item) - 1;
    },
  };
}
