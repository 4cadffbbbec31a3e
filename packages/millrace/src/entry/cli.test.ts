import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { millraceVersion } from "#kit/environment";
import { commandTable } from "./command-table.ts";
import { routeCommands } from "./route-commands.ts";

const bin = join(import.meta.dirname, "..", "..", "bin", "millrace.js");

function millrace(...args: string[]): Promise<{ exit: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: tmpdir() }, (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

describe("the command line", () => {
  it("lists every command and the exit codes in its help", async () => {
    const { exit, stdout, stderr } = await millrace("--help");
    expect([exit, stderr]).toEqual([0, ""]);
    for (const { words } of [...commandTable, ...routeCommands]) expect(stdout).toMatch(new RegExp(`^  ${words.split(" ")[0]}\\b`, "m"));
    expect(stdout).toContain("Exit codes: 0 done");
  });

  it("says its version", async () => {
    expect(await millrace("--version")).toEqual({ exit: 0, stdout: `${millraceVersion()}\n`, stderr: "" });
  });

  it("reports a mistake in the line as it reports every error, with what was probably meant", async () => {
    const { exit, stdout, stderr } = await millrace("rnu");
    expect([exit, stdout]).toEqual([2, ""]);
    expect(stderr).toBe("error[invalid_argument]: Unknown command `rnu`.\nhint: Did you mean run?\n");
    const missing = await millrace("run", "--json");
    expect(missing.exit).toBe(2);
    expect(JSON.parse(missing.stderr)).toMatchObject({ error: { code: "invalid_argument", message: "Missing required argument `flow`." } });
    expect((await millrace("doctor", "--colour")).stderr).toContain("Unknown option `--colour`.");
  });

  it("shows the help, and fails, when nothing is asked", async () => {
    const { exit, stdout, stderr } = await millrace();
    expect([exit, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Usage: millrace");
  });

  it("reports an error of a command with its exit code, as text or JSON", async () => {
    const text = await millrace("-C", join(tmpdir(), "no-such-project"), "run", "x");
    expect(text.exit).toBe(3);
    expect(text.stderr).toMatch(/^error\[not_found\]: There is no millrace\.config\.ts in .*\nhint: /);
    const json = await millrace("-C", join(tmpdir(), "no-such-project"), "run", "x", "--json");
    expect(json.stdout).toBe("");
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "not_found", hint: expect.any(String) } });
  });

  it("does not mind a reader that has seen enough", async () => {
    const child = spawn(process.execPath, [bin, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    const [exit] = (await once(child, "close")) as [number];
    expect([exit, stderr]).toEqual([0, ""]);
  });
});
