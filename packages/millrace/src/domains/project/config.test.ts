import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveConfig } from "./config.ts";
import { loadConfig, loadProject } from "./load-project.ts";

describe("stores named by the environment", () => {
  it("are a PostgreSQL and a bucket", () => {
    const environment = {
      MILLRACE_STATE_URL: "postgres://db.example/x",
      MILLRACE_BLOBS_URL: "s3://models/team/one?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000",
    };
    expect(resolveConfig({ name: "x" }, environment)).toMatchObject({
      state: { kind: "postgres", url: "postgres://db.example/x" },
      blobs: { kind: "s3", bucket: "models", prefix: "team/one", region: "eu-west-1", endpoint: "http://127.0.0.1:9000" },
    });
    expect(resolveConfig({ name: "x" }, { MILLRACE_BLOBS_URL: "s3://models" }).blobs).toEqual({ kind: "s3", bucket: "models" });
  });

  it.each([
    ["models", /is no bucket/],
    ["https://models.example", /is no bucket/],
    ["s3:///x", /is no bucket/],
    ["s3://models?colour=red", /MILLRACE_BLOBS_URL="s3:\/\/models\?colour=red" cannot be used.*colour/],
  ])("are refused when they cannot be used: %s", (url, message) => {
    expect(() => resolveConfig({ name: "x" }, { MILLRACE_BLOBS_URL: url })).toThrow(message);
  });
});

describe("a folder without a project", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-bare-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("has stores where a home is named, and no definitions, whatever files lie about", async () => {
    await writeFile(join(folder, "broken.ts"), "this is no module");
    const project = await loadProject(folder, { MILLRACE_HOME: "tracking" });
    expect(project).toMatchObject({
      folder: join(folder, "tracking"),
      home: join(folder, "tracking"),
      config: { name: "millrace", state: { kind: "sqlite" } },
    });
    expect(project.definitions.size).toBe(0);
  });

  it("is refused otherwise", async () => {
    await expect(loadConfig(folder, {})).rejects.toMatchObject({ code: "not_found", hint: expect.stringContaining("--home") });
  });
});
