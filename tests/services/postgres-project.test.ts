import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query, startPostgres, type PostgresServer } from "./postgres.ts";
import { starterProject, type StarterProject } from "./starter-project.ts";
import { startVersitygw, type S3Server } from "./versitygw.ts";

const question = {
  ...{ bill_id: 1, customer_id: 7, plan: "basic", channel: "ads", region: "north", months: 4 },
  ...{ minutes: 40, visits: 2, tickets: 1, payment_failed: true },
};

interface Run {
  runId: string;
  resumed: boolean;
  steps: { ran: number; cached: number };
  result: { version: number; verdict: string; promoted: boolean; digest: string; metrics: { auc: number } };
}

let postgres: PostgresServer;
let s3: S3Server;
const projects: StarterProject[] = [];

beforeAll(async () => {
  [postgres, s3] = [await startPostgres(), await startVersitygw()];
});
afterAll(async () => {
  for (const project of projects) await project.remove();
  await s3?.stop();
  await postgres?.stop();
});

let databases = 0;
async function newProject(): Promise<StarterProject & { state: string; bucket: string }> {
  const [state, bucket] = [await postgres.database(`project_${++databases}`), await s3.bucket()];
  const project = await starterProject({ state, s3, bucket });
  projects.push(project);
  return { ...project, state, bucket };
}

describe("a project with its state in PostgreSQL and its blobs in S3", () => {
  let project: Awaited<ReturnType<typeof newProject>>;
  let first: Run;
  beforeAll(async () => {
    project = await newProject();
  });

  it("is said not to have run before it has", async () => {
    const { exit, stderr } = await project.millrace("a", ["models", "list"]);
    expect(stderr).toMatch(/has not been run yet/);
    expect(exit).toBe(3);
  });

  it("is ingested, built, trained and registered, and the second time comes from the cache", async () => {
    first = await project.json<Run>("a", "run", "churn");
    expect(first.result).toMatchObject({ verdict: "passed", promoted: true, version: 1 });
    expect(first.result.metrics.auc).toBeGreaterThan(0.78);
    expect(first.steps).toEqual({ ran: 5, cached: 0 });
    const second = await project.json<Run>("a", "run", "churn");
    expect(second.steps).toEqual({ ran: 0, cached: 5 });
    expect(second.result).toEqual(first.result);
  });

  it("predicts over HTTP, and traces the prediction to the columns of the files", async () => {
    const server = await project.serve("a");
    const { predictions } = await ask(server.address);
    expect(predictions).toMatchObject([{ version: 1, score: expect.any(Number) }]);
    const traced = await fetch(`${server.address}/api/predictions/${predictions[0]!.id}/trace`);
    const trace = await traced.text();
    expect(traced.status).toBe(200);
    for (const part of [first.runId, "usage__minutes_mean_95d", "models.bills", "raw.bills"]) expect(trace).toContain(part);
    expect(await server.stop()).toBe(0);
  });

  it("is found sound by doctor", async () => {
    const { checks } = await project.json<{ checks: { name: string; status: string }[] }>("a", "doctor");
    expect(checks.filter((check) => check.status === "fail")).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(["state", "lake", "models"]));
  });

  it("keeps its facts in PostgreSQL and its bytes in S3, so that an empty home has them all", async () => {
    expect(await query(project.state, "select count(*)::int as n from millrace.registry_version")).toEqual([{ n: 1 }]);
    const [row] = await project.json<{ rows: number }[]>("empty", "sql", "select count(*) as rows from models.bills");
    expect(row!.rows).toBeGreaterThan(30_000);
    expect((await project.json<{ aliases: object }>("empty", "models", "show", "churn")).aliases).toEqual({ champion: 1 });
  });
});

describe("two homes of one project on one state", () => {
  let project: Awaited<ReturnType<typeof newProject>>;
  beforeAll(async () => {
    project = await newProject();
  });

  it("may begin the same at the same time: each finishes, every step and version is made once, every row is there once", async () => {
    const [a, b] = await Promise.all(["a", "b"].map((home) => project.json<Run>(home, "run", "churn")));
    expect(a!.steps.ran + b!.steps.ran).toBe(5);
    expect(b!.result).toMatchObject({ version: 1, digest: a!.result.digest });
    expect(a!.result).toMatchObject({ version: 1 });
    const bills = "select count(*) as rows, count(distinct bill_id) as bills from";
    const [raw] = await project.json<{ rows: number; bills: number }[]>("a", "sql", `${bills} raw.bills`);
    const [built] = await project.json<{ rows: number; bills: number }[]>("b", "sql", `${bills} models.bills`);
    expect(raw!.rows).toBe(raw!.bills);
    expect(built!.rows).toBe(built!.bills);
    expect(built!.rows).toBeGreaterThan(30_000);
    expect((await project.json<{ versions: unknown[] }>("b", "models", "show", "churn")).versions).toHaveLength(1);
    expect((await project.json<{ runs: { status: string }[] }>("b", "runs", "list")).runs.map(({ status }) => status)).toEqual([
      "succeeded",
      "succeeded",
    ]);
  });

  it("share runs, steps, models and tables: what one has made, the other takes from the cache", async () => {
    const again = await project.json<Run>("c", "run", "churn");
    expect(again.steps).toEqual({ ran: 0, cached: 5 });
  });

  it("are each held by one process; a second on the same home is refused", async () => {
    const server = await project.serve("a");
    const refused = await project.millrace("a", ["run", "churn"]);
    expect(refused).toMatchObject({ exit: 6, stderr: expect.stringContaining("Another process holds this project") });
    const beside = await project.json<Run>("b", "run", "churn");
    expect(beside.steps.cached).toBe(5);
    await server.stop();
  });

  it("have topics of their own, so an endpoint belongs to the home that opened it first", async () => {
    await project.json("a", "predict", "churn", JSON.stringify(question));
    const elsewhere = await project.millrace("b", ["predict", "churn", JSON.stringify(question)]);
    expect(elsewhere).toMatchObject({ exit: 6, stderr: expect.stringContaining("at work in another home") });
    await project.json("a", "predict", "churn", JSON.stringify(question));
  });

  it("share their blobs too: a home with others is refused, as is another project", async () => {
    const config = join(project.folder, "millrace.config.ts");
    const before = await readFile(config, "utf8");
    await writeFile(config, before.replace('prefix: "starter"', 'prefix: "else"'));
    const otherBlobs = await project.millrace("d", ["run", "churn"]);
    await writeFile(config, before.replace('name: "starter"', 'name: "other"'));
    const otherProject = await project.millrace("d", ["run", "churn"]);
    await writeFile(config, before);
    expect(otherBlobs).toMatchObject({ exit: 2, stderr: expect.stringContaining(`s3://${project.bucket}/starter`) });
    expect(otherProject).toMatchObject({ exit: 2, stderr: expect.stringContaining('belongs to project "starter"') });
  });
});

describe("a PostgreSQL that is killed under a project", () => {
  it("costs a run what had not been acknowledged, and nothing else; a server goes on when it is back, and another home ends the run", async () => {
    const project = await newProject();
    const first = await project.json<Run>("a", "run", "churn");
    const server = await project.serve("b");
    await ask(server.address);

    const crashes: Promise<void>[] = [];
    const broken = await project.millrace("a", ["run", "churn", "--fresh", "--json"], {
      onLine: (line) => void (/^ +training set/.test(line) && crashes.length === 0 && crashes.push(postgres.crash())),
    });
    await Promise.all(crashes);
    expect(crashes).toHaveLength(1);
    expect(broken).toMatchObject({ exit: 7, stderr: expect.stringContaining("PostgreSQL does not answer") });
    const during = await fetch(`${server.address}/api/models`);
    expect([during.status, await during.json()]).toMatchObject([503, { error: { code: "unavailable", hint: expect.any(String) } }]);
    expect((await fetch(`${server.address}/health`)).status).toBe(200);

    await postgres.start();
    const { runs } = await project.json<{ runs: { id: string; status: string }[] }>("a", "runs", "list");
    const cut = runs.find(({ id }) => id !== first.runId)!;
    expect(runs.find(({ id }) => id === first.runId)).toMatchObject({ status: "succeeded" });
    const resumed = await project.json<Run>("c", "run", "churn", "--resume", cut.id);
    expect(resumed).toMatchObject({ runId: cut.id, resumed: true, result: { digest: first.result.digest } });
    expect(resumed.steps.cached).toBeGreaterThanOrEqual(1);
    expect((await fetch(`${server.address}/api/models`)).status).toBe(200);
    await ask(server.address);
    expect(await server.stop()).toBe(0);
  });
});

async function ask(address: string): Promise<{ predictions: { id: string; score: number; version: number }[] }> {
  const response = await fetch(`${address}/api/endpoints/churn/predictions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ rows: [question] }),
  });
  const answer = await response.text();
  expect(response.status, answer).toBe(200);
  return JSON.parse(answer) as Awaited<ReturnType<typeof ask>>; // the route's own shape
}
