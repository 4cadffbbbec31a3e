import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

describe(".ci/run", () => {
  it("calls what the README tells a new user to type, and every suite that package.json has", async () => {
    const { stdout } = await run(join(root, ".ci/run"), ["--dry-run"]);
    const commands = stdout.trim().split("\n");
    const readme = await readFile(join(root, "README.md"), "utf8");
    const told = [...readme.matchAll(/^npm ci && (npm .+)$/gm)].map((match) => match[1]!);
    expect(told).toEqual(["npm run demo", "npm test"]);
    expect(commands.slice(0, 2)).toEqual(["npm ci", "npm test"]);
    expect(commands.some((command) => command.startsWith("npm run demo"))).toBe(true);
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }; // npm's own format
    const suites = Object.keys(scripts).filter((name) => name.startsWith("test:"));
    expect(suites.length).toBeGreaterThanOrEqual(3);
    expect(suites.filter((name) => !commands.includes(`npm run ${name}`))).toEqual([]);
    expect(commands).toContain("npm run check");
  });

  it("refuses a suite that it does not know", async () => {
    await expect(run(join(root, ".ci/run"), ["everything"])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Suites: install test"),
    });
  });
});

describe(".ci/run sums up", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "millrace-ci-test-"));
    await mkdir(join(folder, ".ci"));
    await cp(join(root, ".ci/run"), join(folder, ".ci/run"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Runs the suites of a package whose scripts are these programs. `report` writes what vitest would. */
  async function sum(scripts: Record<string, string>, ...suites: string[]): Promise<{ code: number; stdout: string }> {
    const named = Object.entries(scripts).map(async ([name, program]) => {
      const report = `const report = (numPassedTests, numFailedTests) => {
        const file = process.argv.find((each) => each.startsWith("--outputFile.json=")).slice(18);
        require("fs").writeFileSync(file, JSON.stringify({ numPassedTests, numFailedTests, testResults: [] })); };`;
      const file = `${name.replace(":", "-")}.cjs`;
      await writeFile(join(folder, file), `${report}\n${program}`);
      return [name, `node ${file}`];
    });
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ name: "x", private: true, scripts: Object.fromEntries(await Promise.all(named)) }),
    );
    const environment = { ...process.env, CI_LOGS: join(folder, "logs") };
    return run(join(folder, ".ci/run"), suites, { cwd: folder, env: environment }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    );
  }

  it("all tests that passed, and ends with 0", async () => {
    const { code, stdout } = await sum({ test: "report(7, 0)", "test:services": "report(5, 0)", check: "" }, "test", "check", "services");
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("13 passed, 0 failed");
    expect(code).toBe(0);
  });

  it("a suite that failed, crashed, found no tests or failed outside its tests as failed", async () => {
    const scripts = {
      ...{ test: "report(7, 2); process.exitCode = 1", "test:services": "process.exit(134)" },
      ...{ "test:crash": "report(0, 0)", "test:package": "report(3, 0); process.exitCode = 1", check: "process.exit(1)" },
    };
    const { code, stdout } = await sum(scripts, "test", "services", "crash", "package", "check");
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("10 passed, 6 failed");
    expect(code).toBe(1);
  });

  it("without the addresses that packages come from", async () => {
    const said = "request to https://packages.example.org/x failed: getaddrinfo ENOTFOUND packages.example.org; serving at http://127.0.0.1:4040";
    const { stdout } = await sum({ check: `console.log(${JSON.stringify(said)}); process.exit(1)` }, "check");
    expect(stdout).toContain("request to <address> failed: getaddrinfo ENOTFOUND <host>; serving at http://127.0.0.1:4040");
    expect(await readFile(join(folder, "logs", "check.log"), "utf8")).not.toContain("example.org");
  });
});
