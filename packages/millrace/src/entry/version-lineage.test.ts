import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { recordEndpoint, recordModelVersion, recordTable } from "#domains/lineage";
import { registerVersion, removeAlias, renameModel, setAlias } from "#domains/registry";
import { createEndpointDesk, type Endpoint } from "#domains/serving";
import { createExperiment, modelDigest, startRun } from "#domains/tracking";
import { openProject, type OpenedProject } from "./open-project.ts";
import { servingServices } from "./serving-services.ts";
import { lineageText, versionLineage } from "./version-lineage.ts";

const model = "late-arrival";

let folder: string;
let project: OpenedProject;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-lineage-"));
  await writeFile(join(folder, "millrace.config.ts"), `export default { kind: "config", name: "flights" };\n`);
  project = await openProject({ folder, environment: {}, withoutDefinitions: true, purpose: "a test" });
});
afterEach(async () => {
  await project.close();
  await rm(folder, { recursive: true });
});

async function register(run?: string) {
  const files = { format: "onnx", signature: { inputs: [], outputs: [] }, files: [] };
  const data = [{ table: "models.flights", version: 22 }];
  return registerVersion(project.services.registry, {
    model,
    folder: { ...files, digest: modelDigest(files) },
    again: true,
    data,
    ...(run !== undefined && { runId: run }),
  });
}

const endpoint = (name: string): Endpoint => ({ kind: "endpoint", name, model: `${model}@champion` });

it("leads from a version to its run, its data and their sources, its aliases, endpoints and batches", async () => {
  const { services } = project;
  const { id: experiment } = await createExperiment(services.tracking, { name: "delays" });
  const { id: run } = await startRun(services.tracking, { experiment, name: "nightly", source: { commit: "abc123", dirty: true } });
  await register(run);
  await recordTable(services.lineage, { table: "raw.flights", version: 7, producer: { kind: "source", name: "flights" }, columns: [] });
  await recordTable(services.lineage, {
    ...{ table: "models.flights", version: 22, producer: { kind: "model", name: "flights" }, columns: [] },
    inputs: [{ table: "raw.flights", version: 7 }],
  });
  await recordModelVersion(services.lineage, { model, version: 1, runId: run, inputs: [{ table: "models.flights", version: 22 }] });
  await recordEndpoint(services.lineage, { endpoint: "old-desk", models: [{ model, version: 1 }] });
  await setAlias(services.registry, { model, alias: "challenger", version: 1, actor: "ben" });
  await removeAlias(services.registry, { model, alias: "challenger", actor: "ben" });
  await setAlias(services.registry, { model, alias: "champion", version: 1, actor: "ana", reason: "AUC +0.01" });
  const scores = { rows: 2, columns: [{ name: "score", kind: "number" as const, values: Float64Array.of(0.1, 0.9) }] };
  const metadata = (version: number) => ({ model: `${model}@${version}`, of: { table: "models.flights", version: 22 } });
  await services.lake.appendColumns("predictions.june", scores, { metadata: metadata(1) });
  await services.lake.appendColumns("predictions.june", scores, { metadata: metadata(2) });
  services.serving = createEndpointDesk(servingServices(services), { endpoints: [endpoint("desk")], topics: [] });

  const lineage = await versionLineage(services, model, "champion");
  const now = expect.any(Number) as number;
  expect(lineage).toMatchObject({
    ...{ model, version: 1, data: [{ table: "models.flights", version: 22 }], trainingSets: [] },
    run: { id: run, experiment: "delays", name: "nightly", commit: "abc123", dirty: true, deleted: false },
    ...{ sqlModels: ["flights"], sources: ["flights"], tables: ["models.flights", "raw.flights"] },
    aliases: [
      { alias: "challenger", untilMs: now, actor: "ben" },
      { alias: "champion", untilMs: null, actor: "ana", reason: "AUC +0.01" },
    ],
    endpoints: [
      { name: "desk", follows: "late-arrival@champion", role: "named" },
      { name: "old-desk", follows: null, role: "past" },
    ],
    batches: [{ table: "predictions.june", version: 0, of: "models.flights@22", rows: 2, atMs: now }],
  });
  expect(lineageText(lineage)).toContain(`run        ${run} of `);

  await renameModel(services.registry, { name: model, newName: "delays" });
  const renamed = await versionLineage(services, "delays", "champion");
  expect(renamed).toEqual({ ...lineage, model: "delays" });
  expect(await versionLineage(services, model, "1")).toEqual(renamed);
});

it("leaves out what is not known of a version from elsewhere", async () => {
  await register();
  expect(await versionLineage(project.services, model, "1")).toMatchObject({ run: null, sources: [], aliases: [], endpoints: [], batches: [] });
  await register("a-run-of-another-store");
  expect(await versionLineage(project.services, model, "2")).toMatchObject({ run: null });
  await expect(versionLineage(project.services, model, "9")).rejects.toMatchObject({ code: "not_found" });
  await expect(versionLineage(project.services, "nothing", "1")).rejects.toMatchObject({ code: "not_found" });
});
