import { describe, expect, it } from "vitest";
import { maskedCommandLine, maskedEnvironment } from "./masked.ts";

describe("an environment", () => {
  it.each([
    ["AWS_SECRET_ACCESS_KEY", "abc"],
    ["AWS_ACCESS_KEY_ID", "abc"],
    ["GITHUB_TOKEN", "abc"],
    ["PGPASSWORD", "abc"],
    ["DB_PWD", "abc"],
    ["OPENAI_API_KEY", "abc"],
    ["HARMLESS", "ghp_abcdefghijklmnop1234"],
    ["HARMLESS", "mr_abcdefghijklmnopqrst"],
    ["HARMLESS", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.x"],
    ["HARMLESS", "-----BEGIN RSA PRIVATE KEY-----\nx"],
    ["MLFLOW_TRACKING_PASSWORD", "abc"],
    ["SENTRY_DSN", "abc"],
  ])("hides %s=%s", (name, value) => {
    expect(maskedEnvironment({ [name]: value })).toEqual({ [name]: "***" });
  });

  it("hides the login of an address, and what signs it", () => {
    expect(maskedEnvironment({ DATABASE_URL: "postgres://me:s3cret@db.example/x", LINK: "https://b.example/f?X-Amz-Signature=abc&x=1" })).toEqual({
      ...{ DATABASE_URL: "postgres://***@db.example/x", LINK: "https://b.example/f?X-Amz-Signature=***&x=1" },
    });
  });

  it("keeps the rest in order of names, without what only shells want", () => {
    const given = {
      PATH: "/bin",
      CUDA_VISIBLE_DEVICES: "0",
      OMP_NUM_THREADS: "2",
      LS_COLORS: "x",
      _: "x",
      NOTHING: undefined,
      MONKEY: "banana",
      LONG: "x".repeat(2_000),
    };
    expect(maskedEnvironment(given)).toEqual({
      ...{ CUDA_VISIBLE_DEVICES: "0", LONG: `${"x".repeat(1_000)}…`, MONKEY: "banana", OMP_NUM_THREADS: "2", PATH: "/bin" },
    });
  });
});

describe("a command line", () => {
  it("hides secrets after, and within, options that carry them", () => {
    expect(
      maskedCommandLine(["python", "train.py", "--api-key", "abc", "--password=abc", "--lr=0.1", "token=abc", "--secret", "--epochs", "3"]),
    ).toEqual([...["python", "train.py", "--api-key", "***", "--password=***", "--lr=0.1", "token=***", "--secret", "--epochs", "3"]]);
    expect(maskedCommandLine(["train", "s3://me:pass@bucket/x", "--from=postgres://a:b@c/d"])).toEqual([
      "train",
      "s3://***@bucket/x",
      "--from=postgres://***@c/d",
    ]);
  });
});
