import { expect, it } from "vitest";
import { createCostMeter } from "./cost-meter.ts";

it("shares the CPU time of the process among the work of the moment, without counting any twice", () => {
  const meter = createCostMeter();
  const before = process.cpuUsage();
  const [a, b, c] = [meter.start(), meter.start(), meter.start()];
  let sum = 0;
  for (let i = 0; i < 30_000_000; i++) sum += i % 7;
  const costs = [a.stop(), b.stop(), c.stop()];
  const spent = process.cpuUsage(before);
  const total = costs.reduce((all, { cpuMs }) => all + cpuMs, 0);
  expect(sum).toBeGreaterThan(0);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual((spent.user + spent.system) / 1_000 + 0.001);
  expect(costs[0]!.peakRssBytes).toBeGreaterThan(1_000_000);
});

it("adds what other processes cost: time is summed, memory is the largest", () => {
  const meter = createCostMeter();
  const alone = meter.start().stop();
  const running = meter.start();
  running.add({ cpuMs: 1_000_000, peakRssBytes: 5e12 });
  running.add({ cpuMs: 500_000, peakRssBytes: 2e12 });
  const cost = running.stop();
  expect(cost.cpuMs).toBeGreaterThanOrEqual(1_500_000);
  expect(cost.peakRssBytes).toBeGreaterThanOrEqual(5e12);
  expect(cost.peakRssBytes).toBeLessThan(5e12 + 100 * alone.peakRssBytes);
});
