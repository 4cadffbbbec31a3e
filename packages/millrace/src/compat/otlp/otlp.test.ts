import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import fc from "fast-check";
import { createExperiment } from "#domains/tracking";
import { readTrace, type Span } from "#domains/traces";
import { AppError } from "#kit/app-error";
import { protobufWriter, readFields, readText } from "#kit/protobuf";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { spansInJson } from "./json-spans.ts";
import { spansInProtobuf } from "./protobuf-spans.ts";

let place: MlflowPlace;
let experiment: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await createExperiment(place.tracking, { name: "sent" })).id;
});
afterAll(() => place.close());

/**
 * Made with opentelemetry-proto 1.45.2: one resource (service.name, 1 << 62 as `big`), one scope, one span with every kind of value,
 * an event, a link and a status.
 */
const sample = Buffer.from(
  "CsECCisKFgoMc2VydmljZS5uYW1lEgYKBGRlc2sKEQoDYmlnEgoYgICAgICAgIBAEpECCgoKA2xpYhIDMi4wEoICChBbis4dQHSwCd4MaMN6hZ+rEgjVM7CDNxpq/CIIAAAAAAAAAAEqBGNhbGwwAzkVTS9j/R7pGEHVQI5k/R7pGEoKCgF0EgUKA8O8IUoHCgFiEgIQAUoQCgFpEgsY////////////AUoOCgFkEgkhAAAAAAAA+D9KEwoBbBIOKgwKAhgBCgYKBHh4eHhKFAoBbRIPMg0KCwoBaxIGKgQKAhgASgoKAXgSBToD/wABSgUKAW4SAFofCRVNL2P9HukYEgVyZXRyeRoNCgN0cnkSBgoEb25jZWocChAAAAAAAAAAAAAAAAAAAAAHEggAAAAAAAAACXoMEghubyByZXBseRgC",
  "base64",
);

const body = (...spans: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
const json = (fields: object = {}) => ({
  traceId: "5b8ece1d4074b009de0c68c37a859fab",
  spanId: "d533b083371a6afc",
  name: "s",
  startTimeUnixNano: "1000000",
  endTimeUnixNano: "2000000",
  ...fields,
});

function send(sent: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  const type = typeof sent === "string" ? "application/json" : "application/x-protobuf";
  return fetch(`${place.address}/v1/traces`, {
    method: "POST",
    body: sent,
    headers: { "content-type": type, "x-mlflow-experiment-id": experiment, ...headers },
  });
}

/** The same in OTLP's JSON, with some of its times and integers as numbers. */
const sampleJson = String.raw`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"desk"}},{"key":"big","value":{"intValue":"4611686018427387904"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"2.0"},"spans":[{"traceId":"5B8ACE1D4074B009DE0C68C37A859FAB","spanId":"d533b083371a6afc","parentSpanId":"0000000000000001","name":"call","kind":3,"startTimeUnixNano":1795000000123456789,"endTimeUnixNano":"1795000000146456789","attributes":[{"key":"t","value":{"stringValue":"\u00fc!"}},{"key":"b","value":{"boolValue":true}},{"key":"i","value":{"intValue":-1}},{"key":"d","value":{"doubleValue":1.5}},{"key":"l","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"xxxx"}]}}},{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"0"}]}}}]}}},{"key":"x","value":{"bytesValue":"/wAB"}},{"key":"n","value":{}}],"events":[{"timeUnixNano":"1795000000123456789","name":"retry","attributes":[{"key":"try","value":{"stringValue":"once"}}]}],"links":[{"traceId":"00000000000000000000000000000007","spanId":"0000000000000009"}],"status":{"message":"no reply","code":2}}]}]}]}`;

const whole: Span = {
  ...{ trace: "5b8ace1d4074b009de0c68c37a859fab", id: "d533b083371a6afc", parent: "0000000000000001", name: "call", kind: "client" },
  ...{ status: "error", message: "no reply", startNs: 1_795_000_000_123_456_789n, endNs: 1_795_000_000_146_456_789n },
  attributes: { t: "ü!", b: true, i: -1n, d: 1.5, l: [1n, "xxxx"], m: { k: [0n] }, x: new Uint8Array([255, 0, 1]), n: null },
  events: [{ name: "retry", timeNs: 1_795_000_000_123_456_789n, attributes: { try: "once" } }],
  links: [{ trace: `${"0".repeat(31)}7`, span: "0000000000000009", attributes: {} }],
  resource: { "service.name": "desk", big: 2n ** 62n },
  scope: { name: "lib", version: "2.0" },
};

/** `google.rpc.Status`, or a response with its partial success. */
async function statusIn(response: Response): Promise<{ code: number; message: string }> {
  const status = { code: 0, message: "" };
  for (const field of readFields(new Uint8Array(await response.arrayBuffer()), "The answer")) {
    if (field.wire === "varint") status.code = field.value;
    else if (field.wire === "bytes") status.message = readText(field.value, "The answer");
  }
  return status;
}

describe("spans", () => {
  it("are read whole in both encodings", () => {
    expect([...spansInProtobuf(sample)]).toEqual([whole]);
    expect([...spansInJson(Buffer.from(sampleJson))]).toEqual([whole]);
  });

  it("of any bytes are read or refused", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.nat(sample.length - 1).map((cut) => sample.subarray(0, cut)),
        ),
        (bytes) => {
          for (const read of [spansInProtobuf, spansInJson]) {
            try {
              for (const span of read(bytes)) expect(typeof span.name).toBe("string");
            } catch (error) {
              expect(error).toBeInstanceOf(AppError);
              expect(error).toMatchObject({ code: "corrupt_data" });
            }
          }
        },
      ),
    );
  });

  it("with attributes nested without end are refused", () => {
    let bytes = new Uint8Array();
    for (let depth = 0; depth < 2_000; depth++) bytes = wrapped(wrapped(bytes, 1), 5); // a list of one list
    const span = wrapped(wrapped(wrapped(bytes, 2), 9), 2);
    expect(() => [...spansInProtobuf(wrapped(wrapped(span, 2), 1))]).toThrow(/nested deeper/);
    const deep = `${'{"arrayValue":{"values":['.repeat(500)}${"]}}".repeat(500)}`;
    expect(() => [...spansInJson(Buffer.from(body(json({ attributes: [{ key: "a", value: JSON.parse(deep) as object }] }))))]).toThrow(
      /nested deeper/,
    );
  });

  it("come to the trace of their experiment, packed or not", async () => {
    const response = await send(gzipSync(sample), { "content-encoding": "gzip" });
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([200, "application/x-protobuf", ""]);
    const again = await send(sampleJson, { "content-type": "application/json; charset=utf-8" });
    expect([again.status, mediaType(again), await again.json()]).toEqual([200, "application/json", {}]);
    const { trace, spans } = await readTrace(place.tracking, whole.trace);
    expect(spans).toEqual([whole]);
    expect(trace).toMatchObject({ experiment, tags: { "service.name": "desk" }, spanCount: 1 });
  });

  it("are described by the conventions that programs follow", async () => {
    const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
    const attributes = [
      text("gen_ai.conversation.id", "c7"),
      text("enduser.id", "ann"),
      text("input.value", "2 + 2"),
      text("mlflow.traceTag.team", "air"),
    ];
    const given = {
      traceId: "11".repeat(16),
      attributes: [...attributes, { key: "output.value", value: { arrayValue: { values: [{ intValue: "4" }] } } }],
    };
    await send(body(json(given)));
    expect((await readTrace(place.tracking, "11".repeat(16))).trace).toMatchObject({
      ...{ name: "s", session: "c7", user: "ann", inputs: "2 + 2", outputs: "[4]", tags: { team: "air" }, status: "ok", durationMs: 1 },
    });
  });
});

describe("a span's type", () => {
  it.each([
    ["openinference.span.kind", "RETRIEVER", "RETRIEVER"],
    ["gen_ai.operation.name", "chat", "CHAT_MODEL"],
    ["gen_ai.operation.name", "something else", undefined],
    ["mlflow.spanType", "AGENT", "AGENT"],
  ])("is told by %s = %s as %s", async (key, value, type) => {
    const traceId = createHash("sha256").update(`${key} ${value}`).digest("hex").slice(0, 32);
    await send(body(json({ traceId, attributes: [{ key, value: { stringValue: value } }] })));
    expect((await readTrace(place.tracking, traceId)).spans[0]!.attributes["mlflow.spanType"]).toBe(type);
  });
});

describe("a request", () => {
  it("is taken in part, where a span of it is none", async () => {
    const given = body(json({ traceId: "22".repeat(16) }), json({ traceId: "0".repeat(32) }), json({ spanId: "12" }));
    const response = await send(given);
    expect([response.status, await response.json()]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: "2", errorMessage: expect.stringContaining("a trace id must be 16 bytes") } },
    ]);
    expect((await readTrace(place.tracking, "22".repeat(16))).spans).toHaveLength(1);
  });

  it.each([
    ["no such type", 400, "x", { "content-type": "text/plain" }],
    ["no message", 400, "not protobuf", { "content-type": "application/x-protobuf" }],
    ["no JSON", 400, "{", {}],
    ["nothing", 400, "{}", {}],
    ["ids of the wrong length only", 422, body(json({ traceId: "abc" })), {}],
    ["no experiment", 422, body(json()), { "x-mlflow-experiment-id": "" }],
    ["an unknown experiment", 404, body(json()), { "x-mlflow-experiment-id": "none" }],
    ["a body that is not packed as it says", 400, body(json()), { "content-encoding": "gzip" }],
    ["an unknown packing", 400, body(json()), { "content-encoding": "br" }],
  ])("with %s is refused with %i and a status, in its own encoding", async (_what, status, given, headers) => {
    const response = await send(given, headers as Record<string, string>);
    expect(response.status).toBe(status);
    const told = mediaType(response) === "application/json" ? ((await response.json()) as object) : await statusIn(response);
    expect(told).toEqual({ code: status === 404 ? 5 : 3, message: expect.stringMatching(/.{10}/) });
    if ((headers as Record<string, string>)["content-type"] === "application/x-protobuf")
      expect(response.headers.get("content-type")).toBe("application/x-protobuf");
  });

  it("that unpacks to more than a server holds is refused before it is unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024));
    const response = await send(bomb, { "content-encoding": "gzip" });
    expect(response.status).toBe(413);
    expect((await statusIn(response)).message).toContain("more than 64 MB");
  });

  it("may name the experiment that is always there", async () => {
    expect((await send(body(json({ traceId: "44".repeat(16) })), { "x-mlflow-experiment-id": "0" })).status).toBe(200);
  });

  it("names a run that its traces are linked to", async () => {
    await send(body(json({ traceId: "33".repeat(16) })), { "x-mlflow-run-id": "run-7" });
    expect((await readTrace(place.tracking, "33".repeat(16))).trace.links).toEqual([{ kind: "run", id: "run-7" }]);
  });
});

function mediaType(response: Response): string | undefined {
  return response.headers.get("content-type")?.split(";")[0];
}

function wrapped(bytes: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  const out = protobufWriter();
  out.bytes(at, bytes);
  return new Uint8Array(out.finish());
}
