import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aucEstimate, meanLogLoss, rocAuc } from "#domains/quality";
import { sqlText } from "#kit/sql";
import type { Warehouse } from "#ports/warehouse";
import { dailyMetrics, dayMs, joinedTable, liveAuc, versionAuc, windowProfile, type Monitor, type MonitorOptions } from "./index.ts";
import {
  firstDayMs,
  openTestPlace,
  openTestWarehouse,
  someDays,
  testReference,
  type Ask,
  type Step,
  type TestPlace,
  type Truth,
} from "../../../../../tests/contracts/monitored-place.ts";
import { totalCounts } from "./store.ts";

let warehouse: Warehouse;
beforeAll(async () => void (warehouse = await openTestWarehouse()));
afterAll(() => warehouse.close());

async function inPlace<Result>(work: (place: TestPlace) => Promise<Result>): Promise<Result> {
  const place = await openTestPlace(warehouse);
  try {
    return await work(place);
  } finally {
    await place.close();
  }
}

/** Everything that the monitor has written down, without the moments of the wall clock. */
async function written(place: TestPlace) {
  const { state, lake } = place;
  const closes = await state.all(
    sqlText(
      "select endpoint, day_end_ms, serving_version, predictions, outcomes, labelled, duplicates, without_prediction, without_label, unlabelled, late from monitoring_close order by day_end_ms",
    ),
  );
  const days = await state.all(sqlText("select * from monitoring_day order by day_ms, version, role"));
  const drift = await state.all(sqlText("select * from monitoring_drift order by day_ms, version"));
  const records = await warehouse.rows(
    `select * from ${await lake.relation(joinedTable("late-arrival"))} order by cast(split_part(prediction_id, '.', 3) as integer)`,
  );
  return JSON.parse(JSON.stringify({ closes, days, drift, records })) as { closes: object[]; days: object[]; drift: object[]; records: object[] };
}

async function play(place: TestPlace, steps: Step[], monitor: Monitor): Promise<void> {
  for (const { asks, truths, closes } of steps) {
    await place.commit(asks, truths, monitor);
    if (closes !== undefined) await monitor.closeDay(closes);
  }
}

/** What should be known of a day once all steps are played: straight from the definitions. */
function expected(steps: Step[], day: number, untilMs: number, pick: (ask: Ask) => number | undefined) {
  const truth = new Map<string, Truth[]>();
  for (const each of steps.flatMap(({ truths }) => truths)) truth.set(each.key, [...(truth.get(each.key) ?? []), each]);
  const from = firstDayMs + day * dayMs;
  const labels: number[] = [];
  const scores: number[] = [];
  let predictions = 0;
  for (const ask of steps.flatMap(({ asks }) => asks)) {
    const score = pick(ask);
    if (score === undefined || ask.timeMs < from || ask.timeMs >= from + dayMs) continue;
    predictions++;
    const known = (truth.get(ask.key) ?? []).filter(({ late, timeMs }) => late !== null && timeMs < untilMs).sort((a, b) => a.timeMs - b.timeMs)[0];
    if (!known) continue;
    labels.push(Number(known.late));
    scores.push(score);
  }
  return { predictions, labels: Float32Array.from(labels), scores: Float32Array.from(scores) };
}

const lastClosed = (steps: Step[]) => Math.max(...steps.map(({ closes }) => closes ?? 0));

describe("live metrics", () => {
  test("are exact for every day, of the version that answered and of the one beside it, late and repeated outcomes counted once", () =>
    inPlace(async (place) => {
      const steps = someDays(5, 150);
      await play(place, steps, await place.open());
      const days = await dailyMetrics(place, "late-arrival");
      expect(days.map(({ day, version, role }) => `${day} ${role} ${version}`)).toEqual([
        "2001-06-01 serving 1",
        "2001-06-02 serving 1",
        ...["2001-06-03", "2001-06-04", "2001-06-05"].flatMap((day) => [`${day} shadow 1`, `${day} serving 2`]),
      ]);
      for (const row of days) {
        const pick = row.role === "shadow" ? (ask: Ask) => ask.shadow?.score : (ask: Ask) => ask.score;
        const { predictions, labels, scores } = expected(steps, Number(row.day.slice(-2)) - 1, lastClosed(steps), pick);
        expect(row.predictions).toBe(predictions);
        expect(row.labelled).toBe(labels.length);
        expect(row.auc).toBeCloseTo(rocAuc(labels, scores)!, 12);
        expect(row.aucStandardError).toBe(aucEstimate(labels, scores)!.standardError);
        expect(row.logLoss).toBeCloseTo(meanLogLoss(labels, scores), 12);
        expect(row.baseRate).toBeCloseTo(labels.reduce((a, b) => a + b, 0) / labels.length, 12);
      }
    }));

  test("of a day are those of the outcomes known when it is closed, and change as later ones come", () =>
    inPlace(async (place) => {
      const steps = someDays(3, 120);
      const monitor = await place.open();
      const upToFirst = steps.findIndex(({ closes }) => closes !== undefined) + 1;
      await play(place, steps.slice(0, upToFirst), monitor);
      const [before] = await dailyMetrics(place, "late-arrival");
      const early = expected(steps, 0, firstDayMs + dayMs, (ask) => ask.score);
      expect(before).toMatchObject({ labelled: early.labels.length, mature: false });
      expect(before!.auc).toBeCloseTo(rocAuc(early.labels, early.scores)!, 12);
      await play(place, steps.slice(upToFirst), monitor);
      const [after] = await dailyMetrics(place, "late-arrival");
      expect(after!.labelled).toBeGreaterThan(before!.labelled);
    }));

  test("of windows and of a version's whole time agree with the records", () =>
    inPlace(async (place) => {
      const steps = someDays(5, 150);
      await play(place, steps, await place.open());
      const until = lastClosed(steps);
      const ofVersion = (ask: Ask) => (ask.version === 1 ? ask.score : ask.shadow?.score);
      const all = [0, 1, 2, 3, 4].map((day) => expected(steps, day, until, ofVersion));
      const labels = Float32Array.from(all.flatMap((day) => [...day.labels]));
      const scores = Float32Array.from(all.flatMap((day) => [...day.scores]));
      const whole = await versionAuc(place, "late-arrival", { version: 1 });
      expect(whole!.auc).toBeCloseTo(rocAuc(labels, scores)!, 12);
      expect(whole!.positives + whole!.negatives).toBe(labels.length);
      expect(await versionAuc(place, "late-arrival", { version: 9 })).toBeUndefined();

      const served = [2, 3, 4].map((day) => expected(steps, day, until, (ask) => ask.score));
      const live = await liveAuc(place, "late-arrival", { version: 2, overMs: 3 * dayMs, untilMs: firstDayMs + 5 * dayMs });
      const exact = rocAuc(Float32Array.from(served.flatMap((d) => [...d.labels])), Float32Array.from(served.flatMap((d) => [...d.scores])))!;
      expect(Math.abs(live.auc! - exact)).toBeLessThan(1e-3);
      expect(live).toMatchObject({ days: 3, full: true });
      expect(await liveAuc(place, "late-arrival", { version: 2, overMs: 4 * dayMs, untilMs: firstDayMs + 5 * dayMs })).toMatchObject({ full: false });
    }));

  test("add up: every prediction and every outcome is counted in one place", () =>
    inPlace(async (place) => {
      const steps = someDays(4, 200);
      const monitor = await place.open({ maturityMs: dayMs });
      await play(place, steps, monitor);
      const end = lastClosed(steps) + 10 * dayMs;
      await monitor.closeDay(end); // everything has waited long enough by then
      const totals = await totalCounts(place.state, "late-arrival");
      const asks = steps.flatMap((step) => step.asks).length;
      const truths = steps.flatMap((step) => step.truths).length;
      expect(totals).toMatchObject({ predictions: asks, outcomes: truths });
      expect(totals.labelled + totals.unlabelled).toBe(asks);
      expect(totals.labelled + totals.duplicates + totals.withoutPrediction + totals.withoutLabel).toBe(truths);
      for (const part of ["labelled", "unlabelled", "duplicates", "withoutPrediction", "withoutLabel"] as const)
        expect(totals[part]).toBeGreaterThan(0);
      const { records } = await written(place);
      expect(records).toHaveLength(asks);
      expect((await dailyMetrics(place, "late-arrival")).every(({ mature }) => mature)).toBe(true);
    }));
});

describe("the table of joined records", () => {
  test("holds each record once, with the features as the model saw them", () =>
    inPlace(async (place) => {
      const at = firstDayMs + 3_600_000;
      const monitor = await place.open();
      const asks: Ask[] = [
        { key: "7", timeMs: at, version: 1, score: 0.25, rate: 0.1, origin: 1 },
        { key: "8", timeMs: at + 1, version: 1, score: 0.75, shadow: { version: 3, score: 0.5 }, rate: Number.NaN, origin: -1 },
      ];
      await place.commit(asks, [], monitor);
      await place.commit([], [{ key: "8", timeMs: at + 7_200_000, late: true }], monitor);
      const report = await monitor.closeDay(firstDayMs + dayMs);
      expect(report.counts).toMatchObject({ predictions: 2, labelled: 1 });
      const own = { source: "stream", version: 1 };
      expect(await written(place).then(({ records }) => records)).toEqual([
        {
          ...own,
          ...{ prediction_id: "late-arrival.0.1", key: "8", time: "2001-06-01T01:00:00.001Z", score: 0.75, shadow_version: 3, shadow_score: 0.5 },
          ...{ label: 1, label_time: "2001-06-01T03:00:00.000Z", origin: null, from_origin__late_rate_1h: null },
        },
      ]);
      await monitor.closeDay(firstDayMs + 9 * dayMs);
      expect(await written(place).then(({ records }) => records[0])).toEqual({
        ...own,
        ...{ prediction_id: "late-arrival.0.0", key: "7", time: "2001-06-01T01:00:00.000Z", score: 0.25, shadow_version: null, shadow_score: null },
        ...{ label: null, label_time: null, origin: "BOS", from_origin__late_rate_1h: Math.fround(0.1) },
      });
    }));
});

describe("a monitor that is opened again", () => {
  test("after any batch, told of what is recorded or not, writes what an unbroken one writes", async () => {
    const steps = someDays(4, 60, 3);
    const options: Partial<MonitorOptions> = { maturityMs: 2 * dayMs };
    const unbroken = await inPlace(async (place) => {
      await play(place, steps, await place.open(options));
      return written(place);
    });
    expect(unbroken.closes.length).toBeGreaterThan(5);
    for (const every of [1, 2, 5, 11]) {
      const broken = await inPlace(async (place) => {
        let monitor = await place.open(options);
        for (const [i, { asks, truths, closes }] of steps.entries()) {
          const told = i % 3 === 0 ? [] : [monitor];
          await place.commit(asks, truths, ...told);
          if (closes !== undefined) await monitor.closeDay(closes);
          if (i % every !== 0) continue;
          monitor = await place.open(options);
          if (i % 2 === 0) await monitor.catchUp();
        }
        return written(place);
      });
      expect(broken).toEqual(unbroken);
    }
  });

  test("after a closing that failed before or after its table was written, goes on as if nothing had happened", async () => {
    const steps = someDays(4, 60, 5);
    const unbroken = await inPlace(async (place) => {
      await play(place, steps, await place.open());
      return written(place);
    });
    for (const point of ["before the table", "after the table"] as const) {
      for (const fresh of [true, false]) {
        const broken = await inPlace(async (place) => {
          let failing = false;
          const fail = async () => {
            failing = false;
            throw new Error("power cut");
          };
          const lake =
            point === "before the table"
              ? {
                  ...place.lake,
                  appendColumns: (...a: Parameters<typeof place.lake.appendColumns>) => (failing ? fail() : place.lake.appendColumns(...a)),
                }
              : place.lake;
          const state =
            point === "after the table"
              ? {
                  ...place.state,
                  write: <R>(work: Parameters<typeof place.state.write<R>>[0]) => (failing ? (fail() as Promise<R>) : place.state.write(work)),
                }
              : place.state;
          let monitor = await place.open({ lake, state });
          for (const { asks, truths, closes } of steps) {
            await place.commit(asks, truths, monitor);
            if (closes === undefined) continue;
            failing = true;
            const failure = await monitor.closeDay(closes).catch((error: unknown) => error);
            if (failing) continue; // a day that brought no record writes no table
            expect(failure).toMatchObject({ message: "power cut" });
            if (fresh) monitor = await place.open({ lake, state });
            await monitor.closeDay(closes);
          }
          return written(place);
        });
        expect(broken).toEqual(unbroken);
      }
    }
  });

  test("counts events that come after their day was closed once, and those of a day that was given up apart", async () => {
    const at = (day: number, hour: number) => firstDayMs + day * dayMs + hour * 3_600_000;
    const ask = (key: string, timeMs: number): Ask => ({ key, timeMs, version: 1, score: 0.5, rate: 0.5, origin: 0 });
    const truth = (key: string, timeMs: number): Truth => ({ key, timeMs, late: true });
    const steps: Step[] = [
      { asks: [ask("10", at(0, 1)), ask("20", at(0, 2))], truths: [truth("10", at(0, 5)), truth("40", at(0, 6))], closes: at(1, 0) },
      // Of the first day, in the log after its end: a prediction with its outcome, and the outcome of an older one.
      { asks: [ask("30", at(0, 3)), ask("40", at(0, 7))], truths: [truth("30", at(0, 8)), truth("20", at(0, 9))] },
      { asks: [ask("50", at(1, 3))], truths: [], closes: at(2, 0) },
      { asks: [ask("60", at(2, 1))], truths: [truth("50", at(2, 2))], closes: at(4, 0) },
      { asks: [ask("70", at(0, 4))], truths: [truth("70", at(4, 1)), truth("10", at(4, 2))], closes: at(5, 0) },
    ];
    const results = [];
    for (const reopen of [false, true]) {
      results.push(
        await inPlace(async (place) => {
          let monitor = await place.open({ maturityMs: 2 * dayMs });
          for (const { asks, truths, closes } of steps) {
            await place.commit(asks, truths, monitor);
            if (reopen) monitor = await place.open({ maturityMs: 2 * dayMs });
            if (closes !== undefined) await monitor.closeDay(closes);
            if (reopen) monitor = await place.open({ maturityMs: 2 * dayMs });
          }
          const [first] = await dailyMetrics(place, "late-arrival");
          expect(first).toMatchObject({ predictions: 4, labelled: 3, mature: true });
          const totals = await totalCounts(place.state, "late-arrival");
          expect(totals).toMatchObject({ predictions: 7, outcomes: 7, labelled: 4, late: 1, duplicates: 0, withoutPrediction: 3 });
          return written(place);
        }),
      );
    }
    expect(results[1]).toEqual(results[0]);
    const labels = results[0]!.records.map((record) => Object(record) as { key: string; label: number | null });
    expect(Object.fromEntries(labels.map(({ key, label }) => [key, label]))).toEqual({ 10: 1, 20: 1, 30: 1, 40: null, 50: 1, 60: null, 70: null });
  });

  test("closes a day once, and several days in their order", async () => {
    const steps = someDays(3, 60, 7);
    const byDay = await inPlace(async (place) => {
      const monitor = await place.open();
      for (const { asks, truths, closes } of steps) {
        await place.commit(asks, truths, monitor);
        if (closes === undefined) continue;
        const first = await monitor.closeDay(closes);
        const before = await written(place);
        expect(await monitor.closeDay(closes)).toEqual(first);
        expect(await written(place)).toEqual(before);
      }
      return written(place);
    });
    const atOnce = await inPlace(async (place) => {
      const monitor = await place.open();
      for (const { asks, truths } of steps) await place.commit(asks, truths, monitor);
      await monitor.closeDay(lastClosed(steps));
      return written(place);
    });
    expect(atOnce.records).toEqual(byDay.records);
    expect(atOnce.drift).toEqual(byDay.drift);
    expect(atOnce.days).toEqual(byDay.days);
  });

  test("refuses the end of no day", () =>
    inPlace(async (place) => {
      const monitor = await place.open();
      await expect(monitor.closeDay(firstDayMs + 1)).rejects.toThrow("not the end of a UTC day");
    }));
});

describe("drift", () => {
  test("compares a day's inputs with the training rows of the version that answered; windows add up", () =>
    inPlace(async (place) => {
      const steps = someDays(5, 400);
      const monitor = await place.open();
      await play(place, steps, monitor);
      const { drift } = await monitor.closeDay(firstDayMs + 5 * dayMs);
      const [day] = drift;
      expect(day).toMatchObject({ day: "2001-06-05", version: 2, rows: 400 });
      const rate = day!.features.find(({ feature }) => feature === "from_origin__late_rate_1h")!;
      expect(rate.psi).toBeGreaterThan(0.3); // rates were drawn to the power of three
      expect(rate.ks).toBeGreaterThan(0.2);
      const origin = day!.features.find(({ feature }) => feature === "origin")!;
      expect(origin.missing).toBeGreaterThan(0);
      expect(origin.missingInTraining).toBe(0);
      expect(day!.quality.failed.length + day!.quality.passed + day!.quality.inconclusive).toBeGreaterThan(4);
      const window = await windowProfile(
        place,
        "late-arrival",
        { version: 2, overMs: 3 * dayMs, untilMs: firstDayMs + 5 * dayMs },
        testReference(2).profile!,
      );
      expect(window!.rows).toBe(1_200);
    }));
});
