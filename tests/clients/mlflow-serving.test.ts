import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openProject, type OpenedProject } from "#entry/open-project";
import { serveProject } from "#entry/serve-project";
import { checkNamesIn, type Generation, generations, runChecks } from "./mlflow-client.ts";

const script = "mlflow-serving.py";
const models = ["line", "mixed", "wide", "cube", "bare", "foreign"];

/** A project that has nothing but endpoints, one for each model that a client will register. Definitions are plain values. */
async function makeProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-onnx-"));
  const endpoints = models.map((name) => `export const ${name} = { kind: "endpoint", name: "${name}", model: "${name}@champion" };`);
  await writeFile(join(folder, "millrace.config.ts"), `export default { kind: "config", name: "served" };\n`);
  await writeFile(join(folder, "serve.ts"), `${endpoints.join("\n")}\n`);
  return folder;
}

describe.each(Object.keys(generations) as Generation[])("models that MLflow %s registers, at a server of Millrace", (generation) => {
  const stop = new AbortController();
  let folder: string;
  let project: OpenedProject;
  let done: Promise<void>;
  let results: Map<string, string | undefined>;
  beforeAll(async () => {
    folder = await makeProject();
    project = await openProject({ folder, environment: {}, purpose: "a test" });
    const server = await serveProject(project, { port: 0, signal: stop.signal });
    done = server.done;
    results = await runChecks(generation, server.address, { script });
  });
  afterAll(async () => {
    stop.abort();
    await done;
    await project.close();
    await rm(folder, { recursive: true });
  });

  it.each(checkNamesIn(script))("%s", (name) => {
    expect(results.has(name), `${name} did not run`).toBe(true);
    expect(results.get(name)).toBeUndefined();
  });
});
