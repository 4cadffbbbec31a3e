import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExperiment } from "#domains/tracking";
import { readTrace } from "#domains/traces";
import { pythonWith } from "../services/python-venv.ts";
import { type MlflowPlace, openMlflowPlace } from "../contracts/mlflow.ts";

const packages = ["opentelemetry-sdk==1.33.1", "opentelemetry-exporter-otlp-proto-http==1.33.1"];
const script = join(import.meta.dirname, "send-spans.py");
const run = promisify(execFile);

let place: MlflowPlace;
let experiment: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  experiment = (await createExperiment(place.tracking, { name: "instrumented" })).id;
  await pythonWith(packages);
});
afterAll(() => place.close());

describe("a program with OpenTelemetry's SDK", () => {
  it.each(["none", "gzip", "deflate"])("sends its spans, packed with %s", async (compression) => {
    const { stdout, stderr } = await run(await pythonWith(packages), [script, place.address, experiment, compression]);
    expect(stderr).toBe("");
    const { trace, spans } = await readTrace(place.tracking, stdout.trim());
    expect(trace).toMatchObject({
      ...{ name: "answer", status: "ok", session: "s-1", user: "ann", spanCount: 21, experiment },
      tags: { "service.name": "desk", "service.version": "3" },
    });
    expect(spans[0]).toMatchObject({ name: "answer", kind: "server", parent: undefined, scope: { name: "desk.lib", version: "1.2" } });
    const last = spans.find(({ name }) => name === "step 19");
    expect(last).toMatchObject({
      ...{ parent: spans[0]!.id, status: "error", message: "nothing there" },
      attributes: { number: 19n, half: 9.5, names: ["a", "b"], yes: true },
    });
    expect(last?.events.map(({ name }) => name)).toEqual(["looked", "exception"]);
  });
});
