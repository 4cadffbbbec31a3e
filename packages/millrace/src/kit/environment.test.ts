import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeEnvironment, millraceVersion } from "./environment.ts";

describe("the description of an environment", () => {
  it("has the versions and the machine", () => {
    const environment = describeEnvironment();
    expect(environment).toMatchObject({ node: process.versions.node, platform: process.platform, arch: process.arch, packages: {} });
    expect(environment.cpus).toBeGreaterThan(0);
    expect(environment.cpuModel).toBe(cpus()[0]!.model.trim());
    expect(environment.memoryBytes).toBeGreaterThan(2 ** 20);
    expect(millraceVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("has nothing of the environment's variables, nor the host's name", () => {
    process.env["MILLRACE_TEST_SECRET"] = "very-secret-value";
    const text = JSON.stringify(describeEnvironment());
    delete process.env["MILLRACE_TEST_SECRET"];
    expect(text).not.toContain("very-secret-value");
    expect(text).not.toContain(JSON.stringify(hostname()));
  });

  it("lists the installed versions of the project's packages, not the ranges it asks for, and passes over missing ones", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-environment-"));
    await mkdir(join(folder, "node_modules/@scope/a"), { recursive: true });
    await writeFile(join(folder, "node_modules/@scope/a/package.json"), '{"version": "1.2.3"}');
    await writeFile(join(folder, "package.json"), '{"dependencies": {"@scope/a": "^1", "not-installed-anywhere": "*"}}');
    expect(describeEnvironment({ projectFolder: folder }).packages).toEqual({ "@scope/a": "1.2.3" });
    await writeFile(join(folder, "package.json"), "{ broken");
    expect(describeEnvironment({ projectFolder: folder }).packages).toEqual({});
    expect(describeEnvironment({ projectFolder: join(folder, "nowhere") }).packages).toEqual({});
    await rm(folder, { recursive: true });
  });
});
