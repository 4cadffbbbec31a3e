import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifactRoutes, experimentRoutes, metricRoutes, runRoutes, runSearchRoutes } from "../../millrace/src/domains/tracking/index.ts";
import { openTestTracking, type TestTracking } from "../../../tests/contracts/tracking.ts";
import { serveRoutes } from "../../../tests/processes/serve-routes.ts";
import { createClient } from "./index.ts";

let test: TestTracking;
let server: Awaited<ReturnType<typeof serveRoutes>>;
beforeAll(async () => {
  test = await openTestTracking();
  server = await serveRoutes([...experimentRoutes, ...runSearchRoutes, ...runRoutes, ...metricRoutes, ...artifactRoutes], {
    tracking: test.services,
  });
});
afterAll(async () => {
  await server.close();
  await test.close();
});

describe("a TypeScript program", () => {
  it("starts runs, logs to them, finishes them and finds the best", async () => {
    const client = createClient({ url: server.address });
    for (const rate of [0.1, 0.3]) {
      const { id: run } = await client.runs.start({
        experiment: "air/late-arrival",
        name: `rate ${rate}`,
        params: { rate, kind: "trees", deep: false },
      });
      for (let step = 0; step < 20; step++) {
        test.services.clock.advance(1_000);
        await client.runs.log({ run, metrics: { loss: step === 7 ? Number.NaN : rate / (step + 1) }, step });
      }
      await client.runs.log({
        run,
        metrics: { auc: 0.7 + rate / 10, worst: Number.NEGATIVE_INFINITY },
        tags: { team: "air" },
        inputs: [{ name: "flights", version: 3, use: "train" }],
      });
      const { status, endedMs } = await client.runs.finish({ run });
      expect({ status, endedMs: typeof endedMs }).toEqual({ status: "finished", endedMs: "number" });
    }

    const { runs, matching, total } = await client.runs.search({
      query: "metrics.auc > 0.7 AND params.rate BETWEEN 0.05 AND 0.35 AND inputs.name = flights",
      experiments: ["air/"],
      order: "metrics.auc desc",
      select: "metrics.auc, params.rate",
    });
    expect({ matching, total }).toEqual({ matching: 2, total: 2 });
    expect(runs.map(({ name, metrics, params }) => ({ name, metrics, params }))).toEqual([
      { name: "rate 0.3", metrics: { auc: 0.73 }, params: { rate: "0.3" } },
      { name: "rate 0.1", metrics: { auc: 0.71 }, params: { rate: "0.1" } },
    ]);

    const ids = runs.map(({ id }) => id);
    const { series } = await client.metrics.sample({ runs: ids, keys: ["loss"], buckets: 5 });
    expect(series.map(({ points, notNumbers }) => [points, notNumbers])).toEqual([
      [20, 1],
      [20, 1],
    ]);
    const { points } = await client.metrics.history({ run: ids[0]!, key: "loss", fromStep: 6, toStep: 8 });
    expect(points.map(({ step, value }) => [step, value])).toEqual([
      [6, 0.3 / 7],
      [7, "NaN"],
      [8, 0.3 / 9],
    ]);
    expect((await client.runs.compare({ runs: ids })).params).toEqual([{ key: "rate", differs: true, values: ["0.3", "0.1"] }]);
    expect((await client.runs.details({ run: ids[0]! })).metrics["worst"]).toMatchObject({ value: "-Infinity" });
    const csv = await (await client.runs.export({ query: "tags.team = air", select: "metrics.auc", order: "name" })).text();
    expect(csv.split("\r\n")).toHaveLength(4);
    expect((await client.experiments.list({ folder: "air" })).experiments).toMatchObject([{ name: "air/late-arrival", runs: 2, running: 0 }]);
    // @ts-expect-error -- a run is needed
    await expect(client.runs.log({ metrics: { auc: 1 } })).rejects.toMatchObject({ status: 404 });
    await expect(client.runs.search({ query: "metrics.auc >" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("character 14") as string,
    });
  });

  it("moves files of any size, from memory, a blob or a stream", async () => {
    const client = createClient({ url: server.address });
    const { id: run } = await client.runs.start({ experiment: "files" });
    const bytes = new Uint8Array(300_000).map((_, i) => i % 251);
    const bodies = { memory: bytes, blob: new Blob([bytes], { type: "text/plain" }), stream: new Blob([bytes]).stream() };
    for (const [name, body] of Object.entries(bodies)) {
      const path = `a folder/ü ${name}#1.bin`;
      expect(await client.artifacts.upload({ run, path }, body)).toMatchObject({ path, sizeBytes: bytes.length, folder: false });
      const answer = await client.artifacts.download({ run, path });
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
    }
    expect((await client.artifacts.show({ run, path: "a folder/ü blob#1.bin" })).mediaType).toBe("text/plain");
    for (const path of ["../x", "a/../../../../tokens", "."]) {
      await expect(client.artifacts.download({ run, path })).rejects.toMatchObject({ code: "invalid_argument", status: 0 });
    }
    await expect(client.runs.details({ run: ".." })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
