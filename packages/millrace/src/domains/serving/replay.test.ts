import { rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkEvent, type Event } from "#domains/ingest";
import {
  arrivals,
  dayMs,
  departures,
  june,
  makeServingFolder,
  openServingCopy,
  streamFromMs,
  type ServingProject,
} from "../../../../../tests/processes/serving-project.ts";
import { replayDays } from "./index.ts";

let template: string;
let project: ServingProject;
beforeAll(async () => {
  template = await makeServingFolder(20_000);
});
afterAll(() => rm(template, { recursive: true }));
beforeEach(async () => {
  project = await openServingCopy(template);
});
afterEach(() => project.close());

async function events(topic: string): Promise<{ key: string | undefined; timeMs: number; event: Event }[]> {
  const found: { key: string | undefined; timeMs: number; event: Event }[] = [];
  for await (const { records } of project.stream.read(topic, { from: "first" })) {
    for (const { key, timeMs, value } of records) found.push({ key: key?.toString(), timeMs, event: JSON.parse(value.toString()) as Event });
  }
  return found;
}

describe("a replay", () => {
  test("brings each row to every topic at that topic's own time, in order, day by day", async () => {
    const days = [];
    for await (const day of replayDays(project, june)) {
      days.push(day);
      for (const topic of [departures, arrivals]) {
        const last = (await events(topic.name)).at(-1);
        expect(last!.timeMs).toBeLessThan(day.endMs);
      }
    }
    expect(days.map(({ day }) => day)).toEqual(["2001-06-01", "2001-06-02", "2001-06-03", "2001-06-04", "2001-06-05"]);
    expect(days[0]).toMatchObject({ endMs: streamFromMs + dayMs, index: 0, days: 5, events: { departures: 2_000 } });
    for (const topic of [departures, arrivals]) {
      const all = await events(topic.name);
      expect(all).toHaveLength(8_000);
      expect(new Set(all.map(({ key }) => key)).size).toBe(8_000);
      expect(all.every(({ timeMs }, i) => i === 0 || timeMs >= all[i - 1]!.timeMs)).toBe(true);
      for (const { key, timeMs, event } of all) {
        checkEvent(topic, event);
        expect([key, timeMs]).toEqual([String(event[topic.key]), event[topic.time]]);
      }
      expect(Object.keys(all[0]!.event)).toEqual(Object.keys(topic.columns));
    }
  });

  test("that was left in the middle of a day begins with it again and appends what is missing", async () => {
    let pieces = 0;
    const failing: ServingProject = {
      ...project,
      stream: {
        ...project.stream,
        append(topic, records, options) {
          if (pieces++ === 3) throw new Error("the power is out"); // departures and arrivals of the first day, departures of the second
          return project.stream.append(topic, records, options);
        },
      },
    };
    const seen: string[] = [];
    await expect(async () => {
      for await (const { day } of replayDays(failing, june)) seen.push(day);
    }).rejects.toThrow("the power is out");
    for await (const { day } of replayDays(project, june)) {
      seen.push(day);
      if (day === "2001-06-03") break; // not finished: it comes again
    }
    for await (const { day } of replayDays(project, june)) seen.push(day);
    expect(seen).toEqual(["2001-06-01", "2001-06-02", "2001-06-03", "2001-06-03", "2001-06-04", "2001-06-05"]);
    for (const topic of [departures, arrivals]) {
      const keys = (await events(topic.name)).map(({ key }) => key);
      expect([keys.length, new Set(keys).size]).toEqual([8_000, 8_000]);
    }
    for await (const _ of replayDays(project, june)) expect.unreachable("everything was played");
  });

  test("does not go on with other rows", async () => {
    for await (const _ of replayDays(project, june)) break;
    const fewer: ServingProject = { ...project, relationOf: async (_model, { replace }) => `(select * from ${replace["raw.flights"]!} limit 7000)` };
    const next = replayDays(fewer, june).next();
    await expect(next).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining('Replay "june" was begun with other rows') });
  });

  test("names a column that the model gives in another type", async () => {
    const other: ServingProject = {
      ...project,
      relationOf: async (_model, { replace }) => `(select * replace (cast(hour as varchar) as hour) from ${replace["raw.flights"]!})`,
    };
    await expect(replayDays(other, june).next()).rejects.toMatchObject({
      code: "invalid_definition",
      message: 'Replay "june": topic departures carries hour as INTEGER, but in model flights it is VARCHAR.',
    });
  });

  test("leaves nothing behind in the warehouse", async () => {
    for await (const _ of replayDays(project, june)) break;
    expect(await project.warehouse.rows("select table_name from information_schema.tables where table_name like 'replay%'")).toEqual([]);
  });
});
