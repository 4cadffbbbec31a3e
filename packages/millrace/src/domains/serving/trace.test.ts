import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { june, late, makeServingFolder, openServingCopy, topics, type ServingProject } from "../../../../../tests/processes/serving-project.ts";
import { encodePrediction, openEndpoint, replayDays, tracePrediction } from "./index.ts";

let template: string;
let project: ServingProject;
const placeOf = () => ({ model: "late", out: "late-predictions" });

beforeAll(async () => {
  template = await makeServingFolder(4_000);
  project = await openServingCopy(template);
  const endpoint = await openEndpoint(project, late, topics);
  for await (const _ of replayDays(project, june)) {
    await endpoint.advance();
    break;
  }
  await endpoint.predict([{ origin: "SFO", destination: "JFK", traffic__departures_1h: 3 }]);
  await endpoint.close();
});
afterAll(async () => {
  await project.close();
  await rm(template, { recursive: true });
});

test("a prediction is traced to its model, its run and each input's origin, and gives the same number again", async () => {
  const trace = await tracePrediction(project, "late.0.300", placeOf);
  expect(trace).toMatchObject({
    ...{ id: "late.0.300", endpoint: "late", key: "2700", source: "stream", shadow: null },
    model: { name: "late", version: 1, runId: "run-1", blob: expect.stringMatching(/^models\//) },
    verified: { score: trace.score, equal: true },
  });
  expect(trace.inputs.map(({ name }) => name)).toEqual(trace.model.signature.inputs.map(({ name }) => name));
  const byName = new Map(trace.inputs.map((input) => [input.name, input]));
  expect(byName.get("origin")).toEqual({ name: "origin", value: expect.stringMatching(/^[A-Z]{3}$/), from: "row" });
  expect(byName.get("at_destination__delay_mean_24h")).toEqual({
    ...{ name: "at_destination__delay_mean_24h", value: expect.any(Number), from: "feature", alias: "at_destination", view: "departed" },
    ...{
      aggregate: "mean(delay)",
      window: "24h",
      model: "flights",
      columns: ["origin", "landed_at", "delay"],
      on: ["destination"],
      knownMs: expect.any(Number),
    },
  });
  const { knownMs } = byName.get("traffic__departures_1h") as { knownMs: number };
  expect(knownMs).toBeLessThan(trace.timeMs);
});

test("a value that the caller gave is named so", async () => {
  const { inputs, verified } = await tracePrediction(project, "late.0.400", placeOf);
  expect(inputs.find(({ name }) => name === "traffic__departures_1h")).toEqual({ name: "traffic__departures_1h", value: 3, from: "caller" });
  expect(inputs.find(({ name }) => name === "distance")).toEqual({ name: "distance", value: null, from: "row" });
  expect(verified.equal).toBe(true);
});

test("a record that was changed is found out", async () => {
  const [{ firstOffset } = { firstOffset: 0 }] = await project.stream.append("late-predictions", [
    {
      value: encodePrediction({
        key: "1",
        timeMs: 0,
        version: 1,
        score: 0.5,
        inputs: new Float32Array(16).fill(1),
        known: [null, null, null, null],
        source: "http",
      }),
    },
    { value: encodePrediction({ key: "1", timeMs: 0, version: 1, score: 0.5, inputs: new Float32Array(3), known: [], source: "http" }) },
    { value: "{}" },
  ]);
  expect((await tracePrediction(project, `late.0.${firstOffset}`, placeOf)).verified).toEqual({ score: expect.any(Number), equal: false });
  await expect(tracePrediction(project, `late.0.${firstOffset + 1}`, placeOf)).rejects.toMatchObject({
    code: "corrupt_data",
    message: "The prediction holds 3 inputs, but late v1 takes 16.",
  });
  await expect(tracePrediction(project, `late.0.${firstOffset + 2}`, placeOf)).rejects.toMatchObject({ code: "corrupt_data" });
});
