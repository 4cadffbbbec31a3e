import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { openMachineSampler } from "./machine-sampler.ts";

it("tells of the machine within its bounds", async () => {
  const sampler = openMachineSampler({ pid: process.pid });
  await sampler.sample();
  const sample = await sampler.sample();
  for (const name of ["cpu_utilization_percentage", "system_memory_usage_percentage", "disk_usage_percentage"]) {
    expect(sample[name], name).toBeGreaterThanOrEqual(0);
    expect(sample[name], name).toBeLessThanOrEqual(100);
  }
  expect(sample["process_memory_megabytes"]).toBeGreaterThan(10);
  expect(sample["process_cpu_percentage"]).toBeGreaterThanOrEqual(0);
});

it.runIf(process.platform === "linux")("counts the children of a process, and theirs", async () => {
  const idle = "setInterval(() => {}, 1e6); console.log('up')";
  const child = spawn(
    process.execPath,
    ["-e", `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(idle)}], { stdio: "inherit" }); ${idle}`],
    {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    },
  );
  try {
    let lines = 0;
    for await (const chunk of child.stdout!) if ((lines += String(chunk).split("up").length - 1) >= 2) break;
    const sample = await openMachineSampler({ pid: child.pid! }).sample();
    expect(sample["process_count"]).toBe(2);
    expect(sample["process_memory_megabytes"]).toBeGreaterThan(40);
  } finally {
    process.kill(-child.pid!, "SIGKILL"); // the group that this test began
    await once(child, "exit");
  }
  expect((await openMachineSampler({ pid: child.pid! }).sample())["process_memory_megabytes"]).toBeUndefined();
});
