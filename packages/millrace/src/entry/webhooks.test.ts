import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createToken } from "#domains/access";
import { resolveConfig } from "#domains/project";
import { aliasHistory, modelCard, registerVersion } from "#domains/registry";
import { logArtifact, logParams, modelDigest, createExperiment, startRun } from "#domains/tracking";
import { createWebhook, deliverDue } from "#domains/webhooks";
import { parseSecretKeys } from "#kit/secret-box";
import { sql } from "#kit/sql";
import { openProject, type OpenedProject } from "./open-project.ts";
import { serveProject } from "./serve-project.ts";

const dying = fileURLToPath(new URL("../../../../tests/processes/move-alias-and-die.ts", import.meta.url));
const model = "late-arrival";

let folder: string;
let receiver: Server;
let origin: string;
let messages: { id: unknown; type: unknown; data: Record<string, unknown> }[];
let heard: () => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-webhooks-"));
  messages = [];
  heard = () => undefined;
  receiver = createServer(async (request, response) => {
    const { type, data } = JSON.parse(await text(request)) as { type: unknown; data: Record<string, unknown> }; // our own message
    messages.push({ id: request.headers["webhook-id"], type, data });
    response.end();
    heard();
  });
  await new Promise<void>((ready) => receiver.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  await writeFile(join(folder, "millrace.config.ts"), `export default { kind: "config", name: "hooks", outbound: { allow: ["${origin}"] } };\n`);
});
afterEach(async () => {
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
  await rm(folder, { recursive: true });
});

const open = () => openProject({ folder, environment: {}, withoutDefinitions: true, purpose: "a test" });

async function register({ services }: OpenedProject, run?: string, gate?: Record<string, string>) {
  const files = { format: "onnx", signature: { inputs: [], outputs: [] }, files: [] };
  const folderOf = { ...files, digest: modelDigest(files) };
  return registerVersion(services.registry, {
    model,
    folder: folderOf,
    again: true,
    actor: "ana",
    ...(run !== undefined && { runId: run }),
    ...(gate && { gate }),
  });
}

it.each(["http://127.0.0.1:9000/path", "127.0.0.1:9000", "ftp://127.0.0.1", "http://a:b@127.0.0.1", "*", ""])(
  "%j is no origin that could be allowed",
  (given) => {
    expect(() => resolveConfig({ name: "x", outbound: { allow: [given] } }, {})).toThrow(/outbound\.allow\.0: must be an origin/);
  },
);

it("a message of a process that was killed right after the change is delivered by the next one", async () => {
  const first = await open();
  await register(first);
  await createWebhook(first.services.webhooks, { name: "ci", url: `${origin}/in`, events: ["alias.set"] });
  await first.close();
  const child = spawn(process.execPath, ["--conditions=source", dying, folder, model, "champion", "1"], { stdio: "inherit" });
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
  expect(messages).toEqual([]);
  const next = await open();
  expect(await deliverDue(next.services.webhooks)).toBe(1);
  expect(messages).toMatchObject([{ type: "alias.set", data: { model, alias: "champion", version: 1, actor: "ana", reason: "better" } }]);
  await next.close();
});

it("a project seals the secrets of its webhooks as it opens, under a key in its home, or says why it cannot", async () => {
  const first = await open();
  await createWebhook(first.services.webhooks, { name: "ci", url: `${origin}/in`, events: ["alias.set"], secret: "sesame" });
  await first.services.state.run(sql`update webhook_secret set secret = 'sesame', sealed_by = null`); // as before
  await first.close();
  const file = join(first.services.project.home, "secret.key");
  const key = (await readFile(file, "utf8")).trim();
  await rm(file);
  const without = await open();
  expect(await without.services.state.get(sql`select secret from webhook_secret`)).toEqual({ secret: "sesame" }); // nothing is lost
  await without.close();
  const given = await openProject({ folder, environment: { MILLRACE_SECRET_KEY: key }, withoutDefinitions: true, purpose: "a test" });
  const { secret, sealed_by: by } = (await given.services.state.get<{ secret: string; sealed_by: string }>(sql`select * from webhook_secret`))!;
  expect([secret.includes("sesame"), by]).toEqual([false, parseSecretKeys(key, "the test")[0]!.id]);
  await given.close();
});

it("the server tells of what its callers do, under the names of their tokens", async () => {
  const project = await open();
  await register(project);
  await register(project);
  const { secret } = await createToken(project.services.access, "release-bot", ["models:write", "project:read"]);
  await createWebhook(project.services.webhooks, { name: "ci", url: `${origin}/in`, events: ["alias.set", "alias.moved", "version.tag-set"] });
  const stop = new AbortController();
  const server = await serveProject(project, { port: 0, signal: stop.signal });
  const call = async (method: string, path: string, body: object) => {
    const response = await fetch(`${server.address}${path}`, {
      ...{ method, body: JSON.stringify(body), headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" } },
    });
    expect(response.status, await response.clone().text()).toBe(200);
    await response.arrayBuffer();
  };
  await call("PUT", `/api/models/${model}/aliases/champion`, { version: 1, reason: "first" });
  await call("POST", "/api/2.0/mlflow/registered-models/alias", { name: model, alias: "champion", version: "2" }); // an MLflow client
  while (messages.length < 2) await new Promise<void>((next) => (heard = next));
  expect(messages.map(({ type, data }) => [type, data["version"], data["actor"]]).sort()).toEqual([
    ["alias.moved", 2, "release-bot"],
    ["alias.set", 1, "release-bot"],
  ]);
  expect(
    (await aliasHistory(project.services.registry, { model, alias: "champion" })).map(({ actor, untilMs }) => [actor, untilMs === undefined]),
  ).toEqual([
    ["release-bot", false],
    ["release-bot", true],
  ]);
  const refused = await fetch(`${server.address}/api/webhooks`, { headers: { authorization: `Bearer ${secret}` } });
  expect(refused.status).toBe(403);
  stop.abort();
  await server.done;
  await project.close();
});

it("whoever may not read runs cannot register a version of one, and so read it through the registry", async () => {
  const project = await open();
  const { tracking, access } = project.services;
  const { id: experiment } = await createExperiment(tracking, { name: "private" });
  const { id: run } = await startRun(tracking, { experiment });
  const { secret } = await createToken(access, "writer", ["models:write"]);
  await register(project);
  const stop = new AbortController();
  const server = await serveProject(project, { port: 0, signal: stop.signal });
  const response = await fetch(`${server.address}/api/2.0/mlflow/model-versions/create`, {
    ...{ method: "POST", headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" } },
    body: JSON.stringify({ name: model, source: `runs:/${run}/model`, run_id: run }),
  });
  expect([response.status, await response.json()]).toMatchObject([403, { error_code: "PERMISSION_DENIED" }]);
  stop.abort();
  await server.done;
  await project.close();
});

it("a card has the run's parameters and commit, and the slices of the evaluation that the gate names", async () => {
  const project = await open();
  const { tracking } = project.services;
  const { id: experiment } = await createExperiment(tracking, { name: "flights" });
  const { id: run } = await startRun(tracking, { experiment, source: { commit: "abc123", dirty: false } });
  await logParams(tracking, { run, params: { leaves: "63" } });
  const evaluation = {
    task: "binary",
    slices: [{ column: "origin", level: "ORD", rows: 5, meanLabel: 0.2, meanScore: 0.3, metrics: { auc: 0.61, f1: null } }],
  };
  const { digest } = await logArtifact(tracking, {
    run,
    path: "evaluation.json",
    data: Buffer.from(JSON.stringify(evaluation)),
    mediaType: "application/json",
  });
  await register(project, run, { gate: "ready", verdict: "passed", evaluation: digest! });
  const { facts } = await modelCard(project.services.registry, model, 1);
  expect(facts.run).toMatchObject({ id: run, experiment: "flights", commit: "abc123", dirty: false, params: { leaves: "63" } });
  expect(facts.slices).toEqual([{ column: "origin", level: "ORD", rows: 5, metrics: { auc: 0.61, f1: null } }]);
  await register(project, "a-run-of-another-store", { evaluation: "../../etc/passwd" });
  expect((await modelCard(project.services.registry, model, 2)).facts).toMatchObject({ run: null, slices: [] });
  await project.close();
});
