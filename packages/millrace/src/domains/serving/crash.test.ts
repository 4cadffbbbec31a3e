import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { answers, makeServingFolder, openServingProject } from "../../../../../tests/processes/serving-project.ts";
import type { PredictionRecord } from "./index.ts";

const child = fileURLToPath(new URL("../../../../../tests/processes/serving-child.ts", import.meta.url));
const kills = 12;

test(
  "a process killed again and again while it replays and answers gives every answer once, the same as one left alone",
  { timeout: 120_000 },
  async () => {
    const template = await makeServingFolder(60_000);
    const killed = await mkdtemp(join(tmpdir(), "millrace-serving-killed-"));
    const alone = await mkdtemp(join(tmpdir(), "millrace-serving-alone-"));
    try {
      await cp(template, killed, { recursive: true });
      await cp(template, alone, { recursive: true });
      expect(await run(alone)).toBe("done");
      let deaths = 0;
      // Few lines a life, so that after the last death there still is something left to do.
      for (let life = 0; life < kills; life++) if ((await run(killed, 1 + randomInt(4))) === "killed") deaths++;
      expect(deaths).toBeGreaterThanOrEqual(10);
      expect(await run(killed)).toBe("done");
      expect(await plainAnswers(killed)).toEqual(await plainAnswers(alone));
    } finally {
      for (const folder of [template, killed, alone]) await rm(folder, { recursive: true });
    }
  },
);

/** Runs the process; kills it a moment after it has said so many lines. */
async function run(folder: string, lines = Infinity): Promise<"done" | "killed"> {
  const running = spawn(process.execPath, ["--conditions=source", child, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    running.on("error", reject);
    running.on("close", (code, signal) => resolve({ code, signal }));
  });
  let seen = 0;
  for await (const _ of createInterface({ input: running.stdout })) if (++seen === lines) setTimeout(() => running.kill("SIGKILL"), randomInt(20));
  const { code, signal } = await ended;
  if (signal === "SIGKILL") return "killed";
  expect(code).toBe(0);
  return "done";
}

/** The answers of a project, with inputs that can be compared. */
async function plainAnswers(folder: string): Promise<(Omit<PredictionRecord, "inputs"> & { inputs: number[] })[]> {
  const project = await openServingProject(folder);
  try {
    const records = await answers(project);
    return records.map((record) => ({ ...record, inputs: [...record.inputs] }));
  } finally {
    await project.close();
  }
}
