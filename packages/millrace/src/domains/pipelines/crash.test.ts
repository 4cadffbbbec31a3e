import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqlite } from "#adapters/database/sqlite";
import { sql } from "#kit/sql";
import { events, getRun, listRuns, openLedger } from "./ledger.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-crash-"));
});
afterAll(() => rm(folder, { recursive: true }));

/**
 * A program that runs a flow of 14 steps, some in parallel, each with an effect on a file and one on the database, and that kills
 * itself at the checkpoint with the number `DIE_AT`: at the begin of a body, after its effect, within the transaction that
 * records it, after that.
 */
const program = `
  import { appendFileSync } from "node:fs";
  import { openSqlite } from "#adapters/database/sqlite";
  import { flow, openLedger, pipelinesMigrations, reclaim, runFlow } from "#domains/pipelines";
  const { FOLDER, DIE_AT } = process.env;
  let checkpoints = 0;
  const checkpoint = () => { if (++checkpoints === Number(DIE_AT)) process.kill(process.pid, "SIGKILL"); };
  const database = openSqlite({ path: FOLDER + "/state.db" });
  await database.migrate([...pipelinesMigrations, { id: "effects", statements: ["create table effect (step text primary key, value bigint)"] }]);
  const ledger = openLedger({ database });
  await reclaim(ledger);
  const effectful = flow("effectful", { start: 1 }, async (step, { start }) => {
    const work = (name, value) => step.run(name, { value }, async ({ value }, context) => {
      checkpoint();
      appendFileSync(FOLDER + "/effects", context.stepId + " " + context.attempt + "\\n");
      await context.scratch();
      checkpoint();
      context.publish(async (transaction) => {
        await transaction.run({ text: "insert into effect values (?, ?)", params: [context.stepId, value] });
        checkpoint();
      });
      return value * 3 % 1009;
    });
    let value = start;
    for (let i = 0; i < 5; i++) value = await work("chain", value);
    const fan = await Promise.all([1, 2, 3, 4].map(async (i) => work("deep", await work("fan", value + i))));
    return work("join", fan.reduce((sum, one) => sum + one, 0));
  });
  const done = await runFlow({ ledger, flow: effectful, scratchRoot: FOLDER + "/scratch", onEvent: (event) => event.type === "step-finished" && event.state === "succeeded" && checkpoint() });
  await database.close();
  process.stdout.write(JSON.stringify({ result: done.result, runId: done.runId }));
`;

/** Runs the program; resolves to its output, or to undefined when it was killed. */
function launch(into: string, dieAt: number): Promise<string | undefined> {
  const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", program], {
    cwd: new URL(".", import.meta.url),
    env: { ...process.env, FOLDER: into, DIE_AT: String(dieAt), NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) =>
    child.on("close", (code, signal) =>
      signal === "SIGKILL" ? resolve(undefined) : code === 0 ? resolve(output) : reject(new Error(`exit code ${code}`)),
    ),
  );
}

describe("a process that is killed again and again", () => {
  it("takes up the same run, runs each finished step once, and ends with the same result", { timeout: 240_000 }, async () => {
    const calm = await mkdtemp(join(folder, "calm-"));
    const rough = await mkdtemp(join(folder, "rough-"));
    const expected = JSON.parse((await launch(calm, -1))!) as { result: number };

    let kills = 0;
    let output: string | undefined;
    for (let round = 0; output === undefined && round < 80; round++) {
      // Each of the four points, early and late, and sometimes past one step. Four steps side by side may reach twelve points before
      // the first of them has finished: later rounds live longer, so that each gets somewhere.
      output = await launch(rough, 1 + ((round * 5) % (7 + Math.floor(round / 4))));
      if (output === undefined) kills++;
    }
    expect(kills).toBeGreaterThanOrEqual(15);
    const end = JSON.parse(output!) as { result: number; runId: string };
    expect(end.result).toBe(expected.result);

    const database = openSqlite({ path: join(rough, "state.db") });
    const ledger = openLedger({ database });
    expect(await listRuns(ledger)).toMatchObject([{ id: end.runId, status: "succeeded", attempt: kills + 1 }]);
    const { steps } = await getRun(ledger, end.runId);
    expect(steps).toHaveLength(14);
    const begun = (await readFile(join(rough, "effects"), "utf8")).trim().split("\n");
    expect(new Set(begun).size).toBe(begun.length); // no attempt began twice
    for (const step of steps) {
      expect(step.state).toBe("succeeded");
      const attempts = begun.filter((line) => line.startsWith(`${step.id} `)).map((line) => Number(line.split(" ")[1]));
      expect(Math.max(...attempts)).toBe(step.attempt); // nothing ran after the attempt that finished
    }
    const finished = (await events(ledger, { limit: 10_000 })).filter(({ event }) => event.type === "step-finished");
    expect(finished.map(({ event }) => "stepId" in event && event.stepId).sort()).toEqual(steps.map(({ id }) => id).sort());
    // The table's primary key would have refused a second effect. Which of the parallel calls has which number may differ.
    expect(await effectValues(rough)).toEqual(await effectValues(calm));
    await database.close();
  });
});

async function effectValues(from: string): Promise<number[]> {
  const database = openSqlite({ path: join(from, "state.db"), readOnly: true });
  const rows = await database.all<{ value: number }>(sql`select value from effect order by value`);
  await database.close();
  return rows.map(({ value }) => value);
}
