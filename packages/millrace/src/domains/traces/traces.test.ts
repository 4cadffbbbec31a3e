import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLocalBlobs } from "#adapters/blob-store/local";
import { createExperiment, deleteExperiment, trackingMigrations } from "#domains/tracking";
import { fixedClock } from "#kit/clock";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { traceBlobs, tracePlace } from "./blob-references.ts";
import { assessTrace, deleteAssessment, linkComingTrace, linkTrace, updateAssessment, updateTrace } from "./change-trace.ts";
import { deleteTraces } from "./delete-traces.ts";
import { tracesMigrations } from "./migrations.ts";
import type { Assessment, Span, TracesServices } from "./model.ts";
import { readTrace } from "./read-trace.ts";
import { recordSpans } from "./record-spans.ts";
import { searchTraces, type TraceSearch } from "./search-traces.ts";
import { tellTrace } from "./tell-trace.ts";
import type { ReceivedSpan } from "./trace-summary.ts";

let services: TracesServices;
let experiment: string;
let folder: string;
beforeEach(async () => {
  const state = await openTestState([...trackingMigrations, ...tracesMigrations]);
  folder = await mkdtemp(join(tmpdir(), "millrace-traces-"));
  services = { state, blobs: await openLocalBlobs({ folder }), clock: fixedClock(1_000_000) };
  experiment = (await createExperiment(services, { name: "assistants" })).id;
});
afterEach(async () => {
  await services.state.close();
  await services.blobs.close();
  await rm(folder, { recursive: true });
});

const trace = "a".repeat(32);
const id = (number: number) => number.toString(16).padStart(16, "0");

function span(fields: Partial<Span> = {}): Span {
  return {
    ...{ trace, id: id(1), parent: undefined, name: "answer", kind: "internal", status: "ok", message: "" },
    ...{ startNs: 1_000_000_000n, endNs: 1_500_000_000n, attributes: {}, events: [], links: [], resource: {}, scope: { name: "", version: "" } },
    ...fields,
  };
}

const record = (...spans: (Span | ReceivedSpan)[]) =>
  recordSpans(services, { experiment, spans: spans.map((each) => ("span" in each ? each : { span: each })) });
const found = async (search: TraceSearch) => (await searchTraces(services, search)).traces.map((each) => each.id);

describe("spans", () => {
  it("come back as they were, with every kind of value", async () => {
    const whole = span({
      parent: id(9),
      kind: "client",
      status: "error",
      message: "no answer",
      startNs: 1_795_194_692_184_400_858n,
      endNs: 1_795_194_692_206_926_588n,
      attributes: {
        ...{
          text: "héllo \u{1F980}",
          yes: true,
          none: null,
          whole: 3n,
          large: 2n ** 62n,
          half: 0.5,
          one: 1,
          minus: -0,
          bytes: new Uint8Array([0, 255]),
        },
        ...{ nan: Number.NaN, infinite: Number.NEGATIVE_INFINITY, list: [1n, "x", [2.5]], map: { i: 1n, d: 2, ["__proto__"]: "odd" } },
      },
      events: [{ name: "retry", timeNs: 5n, attributes: { try: 2n } }],
      links: [{ trace: "b".repeat(32), span: id(7), attributes: { why: "caller" } }],
      resource: { "service.name": "desk" },
      scope: { name: "lib", version: "2" },
    });
    await record(whole);
    const { spans } = await readTrace(services, trace);
    expect(spans).toEqual([whole]);
    expect(spans[0]!.attributes["one"]).toBe(1);
    expect(Object.is(spans[0]!.attributes["minus"], -0)).toBe(true);
  });

  it("make a trace that grows with them, whose first root names it", async () => {
    await record(span({ id: id(2), parent: id(1), startNs: 1_200_000_000n, endNs: 1_300_000_000n }));
    expect((await readTrace(services, trace)).trace).toMatchObject({ status: "running", startedMs: 1_200, durationMs: 100, name: undefined });
    await record({ span: span({ status: "error", endNs: 3_000_000_000n }), facts: { inputs: "2 + 2", outputs: "5", tags: { team: "air" } } });
    expect((await readTrace(services, trace)).trace).toMatchObject({
      ...{ status: "error", startedMs: 1_000, durationMs: 2_000, name: "answer", inputs: "2 + 2", outputs: "5", tags: { team: "air" }, spanCount: 2 },
    });
  });

  it("of a trace in another experiment stay with it", async () => {
    await record(span());
    const other = await createExperiment(services, { name: "elsewhere" });
    await recordSpans(services, { experiment: other.id, spans: [{ span: span({ id: id(2) }) }] });
    expect((await readTrace(services, trace)).trace.experiment).toBe(experiment);
  });

  it("delivered at the same moment are all there", async () => {
    const which = ["a", "b", "c"].map((letter) => letter.repeat(32));
    const deliveries = Array.from({ length: 24 }, (_, i) =>
      record(
        ...which.toSorted(() => (i % 2 === 0 ? 1 : -1)).map((each) => span({ trace: each, id: id(i + 1), parent: i === 0 ? undefined : id(1) })),
      ),
    );
    await Promise.all([...deliveries, tellTrace(services, { id: which[0]!, experiment, startedMs: 5, tags: { told: "yes" } })]);
    for (const each of which) expect((await readTrace(services, each)).trace.spanCount).toBe(24);
    expect((await readTrace(services, which[0]!)).trace).toMatchObject({ startedMs: 5, told: true, tags: { told: "yes" } });
  });

  it("of traces with odd ids are refused, for the ids name files", async () => {
    await expect(record(span({ trace: "../../x" }))).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("bring no more tags than a trace holds", async () => {
    for (let i = 0; i < 4; i++) {
      const tags = Object.fromEntries(Array.from({ length: 400 }, (_, j) => [`tag ${i} ${j}`, "x"]));
      await record({ span: span({ id: id(i + 1) }), facts: { tags } });
    }
    expect(Object.keys((await readTrace(services, trace)).trace.tags)).toHaveLength(1_000);
  });

  it("need an experiment that is there", async () => {
    await expect(recordSpans(services, { experiment: "none", spans: [{ span: span() }] })).rejects.toMatchObject({ code: "not_found" });
  });

  it("that are long are kept as blobs, which their trace refers to", async () => {
    await record(span({ attributes: { prompt: "x".repeat(300_000) } }), span({ id: id(2) }));
    expect(await readdir(join(folder, "traces", trace))).toHaveLength(1);
    expect((await readTrace(services, trace)).spans.map((each) => each.id)).toEqual([id(1), id(2)]);
    const keys = (await readdir(join(folder, "traces", trace))).map((name) => `traces/${trace}/${name}`);
    expect(keys.every((key) => tracePlace.pattern.test(key))).toBe(true);
    const referred = async () => [...(await traceBlobs.among(services.state, [...keys, `traces/other/${"0".repeat(64)}`]))];
    expect(await referred()).toEqual(keys);
    expect(await deleteTraces(services, { ids: [trace] })).toEqual([trace]);
    expect(await referred()).toEqual([]);
  });

  it("past what a trace holds are refused, the rest is kept", async () => {
    const flood = Array.from({ length: 100_001 }, (_, i) => ({ span: span({ id: id(i + 10), parent: id(1), name: "" }) }));
    await record(span());
    const { refused } = await recordSpans(services, { experiment, spans: [...flood, { span: span({ trace: "b".repeat(32) }) }] });
    expect(refused).toMatchObject([{ count: 100_001 }]);
    expect(refused[0]!.reason).toContain("more than 100000 spans");
    expect((await readTrace(services, "b".repeat(32))).spans).toHaveLength(1);
    expect((await readTrace(services, trace)).spans).toHaveLength(1);
  });

  it("in many small deliveries are put together", async () => {
    for (let i = 1; i <= 150; i++) await record(span({ id: id(i), parent: i === 1 ? undefined : id(1), startNs: BigInt(i) }));
    const { trace: whole, spans } = await readTrace(services, trace);
    expect([whole.spanCount, spans.length]).toEqual([150, 150]);
    const { count } = (await services.state.get<{ count: number }>({ text: "select count(*) as count from traces_batch", params: [] }))!;
    expect(Number(count)).toBeLessThan(70);
  });

  it("in any order, pieces and repetitions make the same trace", async () => {
    const spans = fc.uniqueArray(
      fc.record({ number: fc.integer({ min: 1, max: 6 }), end: fc.integer({ min: 0, max: 4 }), root: fc.boolean(), bad: fc.boolean() }),
      { minLength: 1, maxLength: 8, selector: ({ number, end }) => `${number} ${end}` },
    );
    let trial = 0;
    await fc.assert(
      fc.asyncProperty(spans, fc.infiniteStream(fc.nat()), async (made, random) => {
        trial++;
        const versions = (which: string) =>
          made.map(({ number, end, bad }): ReceivedSpan => {
            const isRoot = number <= 2; // the versions of one span agree on what it is
            return {
              span: span({
                ...{ trace: which, id: id(number), parent: isRoot ? undefined : id(1), name: `span ${number}` },
                ...{
                  startNs: BigInt(number) * 1_000_000n,
                  endNs: end === 0 ? undefined : BigInt(10 + end) * 1_000_000n,
                  status: bad ? "error" : "ok",
                },
              }),
              facts: isRoot ? { inputs: `in ${number}`, outputs: `out ${number}` } : {},
            };
          });
        const next = () => random.next().value as number; // never ends
        const [once, often] = [`once${trial}`, `often${trial}`];
        await recordSpans(services, { experiment, spans: versions(once) });
        const deliveries = versions(often).flatMap((each) => (next() % 3 === 0 ? [each, each] : [each]));
        const shuffled = deliveries.map((each) => ({ each, key: next() })).sort((a, b) => a.key - b.key);
        for (let at = 0; at < shuffled.length;) {
          const size = 1 + (next() % 3);
          await recordSpans(services, { experiment, spans: shuffled.slice(at, at + size).map(({ each }) => each) });
          at += size;
        }
        const [a, b] = [await readTrace(services, once), await readTrace(services, often)];
        expect(b.spans).toEqual(a.spans.map((each) => ({ ...each, trace: often })));
        expect({ ...b.trace, sizeBytes: 0 }).toEqual({ ...a.trace, id: often, sizeBytes: 0 });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a trace told by its program", () => {
  const told = { id: trace, experiment: "", startedMs: 900, durationMs: 700, status: "ok" as const, name: "told", metadata: { a: "1" } };

  it.each(["before", "after"])("has the told facts, whether its spans came %s", async (order) => {
    const tell = () => tellTrace(services, { ...told, experiment, session: "s1", tags: { team: "air" } });
    const send = () => record({ span: span({ status: "error" }), facts: { inputs: "in", session: "other" } });
    for (const step of order === "before" ? [send, tell] : [tell, send]) await step();
    expect((await readTrace(services, trace)).trace).toMatchObject({
      ...{
        name: "told",
        status: "ok",
        startedMs: 900,
        durationMs: 700,
        session: "s1",
        inputs: "in",
        tags: { team: "air" },
        told: true,
        spanCount: 1,
      },
    });
  });

  it("is not taken into a deleted experiment", async () => {
    await expect(tellTrace(services, { ...told, experiment: "none" })).rejects.toMatchObject({ code: "not_found" });
    await deleteExperiment(services, { id: experiment });
    await expect(tellTrace(services, { ...told, experiment })).rejects.toMatchObject({ code: "conflict" });
  });

  it("may be tagged, linked and assessed", async () => {
    await tellTrace(services, { ...told, experiment });
    await updateTrace(services, { id: trace, tags: { a: "1", b: "2" }, metadata: { c: "3" } });
    await updateTrace(services, { id: trace, tags: { a: null }, name: "other" });
    await linkTrace(services, { id: trace, links: [{ kind: "run", id: "r1" }] });
    const { trace: linked } = await readTrace(services, trace);
    expect(linked).toMatchObject({ tags: { b: "2" }, metadata: { a: "1", c: "3" }, name: "other", links: [{ kind: "run", id: "r1" }] });
    await expect(updateTrace(services, { id: "none", tags: {} })).rejects.toMatchObject({ code: "not_found" });
    await expect(updateTrace(services, { id: trace, tags: { a: "x".repeat(8_001) } })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("keeps who judged it, and what was overridden", async () => {
    await tellTrace(services, { ...told, experiment });
    const first: Assessment = { id: "a-1", name: "good", kind: "feedback", value: true, metadata: {}, createdMs: 1, updatedMs: 1, valid: true };
    await assessTrace(services, { trace, assessment: first });
    await assessTrace(services, { trace, assessment: { ...first, id: "a-2", value: false, overrides: "a-1" } });
    const validity = async () => (await readTrace(services, trace)).trace.assessments.map(({ valid }) => valid);
    expect(await validity()).toEqual([false, true]);
    expect(await found({ conditions: [{ assessment: "feedback", name: "good", op: "=", value: "true" }] })).toEqual([]);
    await deleteAssessment(services, { trace, id: "a-2" });
    expect(await validity()).toEqual([true]);
    await updateAssessment(services, { trace, id: "a-1", change: (standing) => ({ ...standing, value: 0.7 }) });
    expect(await found({ conditions: [{ assessment: "feedback", name: "good", op: ">", value: 0.5 }] })).toEqual([trace]);
    await expect(assessTrace(services, { trace, assessment: { ...first, overrides: "none" } })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a search", () => {
  const many = async () => {
    for (let i = 0; i < 25; i++) {
      const which = `t${String(i).padStart(2, "0")}`;
      const startNs = BigInt(i) * 1_000_000_000n;
      await record({
        span: span({
          ...{ trace: which, name: `job ${i % 3}`, startNs, endNs: startNs + BigInt(i) * 1_000_000n, status: i % 5 === 0 ? "error" : "ok" },
          attributes: { model: `m${i % 2}`, prompt: i === 7 ? 'the "needle"' : "hay" },
        }),
        facts: { tags: { shade: String(i % 4), ...(i === 3 && { rare: "yes" }) }, session: `s${i % 6}`, user: "ann" },
      });
    }
  };

  it("finds by every field", async () => {
    await many();
    const count = async (...conditions: NonNullable<TraceSearch["conditions"]>) => (await found({ conditions })).length;
    expect(await count({ field: "status", op: "=", value: "error" })).toBe(5);
    expect(await count({ field: "startedMs", op: ">=", value: 20_000 })).toBe(5);
    expect(await count({ field: "durationMs", op: "<", value: 3 })).toBe(3);
    expect(await count({ field: "name", op: "like", value: "job _" }, { field: "session", op: "=", value: "s1" })).toBe(4);
    expect(await count({ field: "name", op: "in", value: ["job 0", "job 1"] })).toBe(17);
    expect(await count({ field: "name", op: "not in", value: ["job 0", "job 1"] })).toBe(8);
    expect(await count({ tag: "shade", op: "=", value: "2" })).toBe(6);
    expect(await count({ tag: "shade", op: "!=", value: "2" })).toBe(19);
    expect(await count({ tag: "rare", op: "exists" })).toBe(1);
    expect(await count({ tag: "rare", op: "missing" })).toBe(24);
    expect(await count({ tag: "shade", op: "matches", value: "^[12]$" })).toBe(12);
    expect(await count({ span: [{ field: "text", op: "ilike", value: '%"NEEDLE"%' }] })).toBe(1);
    expect(await count({ span: [{ field: "text", op: "like", value: "%the%needle%" }] })).toBe(1);
    expect(await count({ span: [{ field: "text", op: "like", value: "%Needle%" }] })).toBe(0);
    expect(await count({ span: [{ field: "status", op: "like", value: "%rro%" }] })).toBe(5);
    expect(await count({ span: [{ attribute: "model", op: "=", value: "m1" }] })).toBe(12);
    expect(await count({ field: "name", op: "=", value: "job\0" })).toBe(0);
    expect(await count({ field: "status", op: ">", value: 5 })).toBe(0);
    expect(await count({ field: "startedMs", op: "=", value: "20000" })).toBe(1);
    expect(await count({ field: "startedMs", op: "in", value: ["x"] })).toBe(0);
    expect(await count({ run: true, op: "!=", value: 5 })).toBe(0);
    expect(await found({ experiments: ["none"] })).toEqual([]);
  });

  it("goes on page by page, also while traces come", async () => {
    await many();
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await searchTraces(services, { conditions: [{ field: "status", op: "=", value: "ok" }], limit: 6, ...(cursor && { cursor }) });
      seen.push(...page.traces.map((each) => each.id));
      await record(span({ trace: `new${seen.length}`, startNs: 10n ** 12n }));
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
    expect(seen).toHaveLength(20);
  });

  it("orders by any field, with those that lack it last", async () => {
    await many();
    const page = async (cursor?: string) =>
      searchTraces(services, { orderBy: [{ tag: "rare" }, { field: "durationMs" }], limit: 2, ...(cursor && { cursor }) });
    const first = await page();
    expect(first.traces.map((each) => each.id)).toEqual(["t03", "t00"]);
    expect((await page(first.nextCursor)).traces.map((each) => each.id)).toEqual(["t01", "t02"]);
    await expect(page("nonsense")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("of spans wants one span that meets all of it", async () => {
    await record(span({ attributes: { model: "a" } }), span({ id: id(2), parent: id(1), name: "tool", attributes: { model: "b" } }));
    const both = (model: string) =>
      found({
        conditions: [
          {
            span: [
              { field: "name", op: "=", value: "tool" },
              { attribute: "model", op: "=", value: model },
            ],
          },
        ],
      });
    expect([await both("a"), await both("b")]).toEqual([[], [trace]]);
  });

  it("finds traces by runs they were linked to before they came, told or with their spans", async () => {
    const [told, spanned] = ["early", "e".repeat(32)] as const;
    for (const id of [told, spanned])
      for (const run of ["r7", "r8", "r7"]) await linkComingTrace(services, { id, links: [{ kind: "run", id: run }] });
    expect(await found({ conditions: [{ run: true, op: "=", value: "r7" }] })).toEqual([]);
    expect((await tellTrace(services, { id: told, experiment, startedMs: 1 })).links).toHaveLength(2);
    await record(span({ trace: spanned }));
    await linkComingTrace(services, { id: told, links: [{ kind: "run", id: "r9" }] });
    expect((await found({ conditions: [{ run: true, op: "=", value: "r7" }] })).toSorted()).toEqual([told, spanned].toSorted());
    expect(await found({ conditions: [{ run: true, op: "=", value: "r9" }] })).toEqual([told]);
  });

  it("finds traces by the run they were made in or linked to", async () => {
    await tellTrace(services, { id: "made", experiment, startedMs: 2, run: "r1" });
    await tellTrace(services, { id: "linked", experiment, startedMs: 1 });
    await linkTrace(services, { id: "linked", links: [{ kind: "run", id: "r1" }] });
    expect(await found({ conditions: [{ run: true, op: "=", value: "r1" }] })).toEqual(["made", "linked"]);
  });

  it("is not held up by an expression made to run for hours", async () => {
    await record({ span: span(), facts: { tags: { a: `${"a".repeat(40)}b` } } });
    await expect(found({ conditions: [{ tag: "a", op: "matches", value: "^(a+)+$" }] })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(found({ conditions: [{ tag: "a", op: "matches", value: "(" }] })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("a deletion", () => {
  it("takes the oldest up to a time and a number", async () => {
    for (let i = 1; i <= 5; i++) await tellTrace(services, { id: `t${i}`, experiment, startedMs: i });
    expect(await deleteTraces(services, { experiment, untilMs: 4, limit: 2 })).toEqual(["t1", "t2"]);
    expect(await deleteTraces(services, { experiment: "other", ids: ["t3"] })).toEqual([]);
    expect(await deleteTraces(services, { experiment, ids: ["t5", "t5", "none"] })).toEqual(["t5"]);
    expect(await found({})).toEqual(["t4", "t3"]);
    await expect(deleteTraces(services, { experiment })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
