import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millrace, millraceJson, type MillraceOptions } from "./millrace-process.ts";
import { copyProject, leftovers, type ProjectCopy } from "./project-copy.ts";
import { makeSmallProject, type SmallProject } from "./small-project.ts";

/** Mistakes in a project's own files and in the command line. Each must name the thing and the remedy, and write nothing half. */
let base: SmallProject;

beforeAll(async () => {
  base = await makeSmallProject();
});
afterAll(() => base?.remove());

/** Spoils a copy of the project, runs a command in it and hands both over. */
async function spoilt(
  spoil: (copy: ProjectCopy) => Promise<void>,
  args: string[],
  look: (answer: { exit: number | null; error: string; folder: string; stderr: string }) => Promise<void> | void,
  options: MillraceOptions = {},
): Promise<void> {
  const copy = await copyProject(base.folder);
  try {
    await spoil(copy);
    const { exit, stderr } = await millrace(copy.folder, args, options);
    expect(stderr).not.toMatch(/\n {4}at /); // no stack trace
    expect(await leftovers(copy.folder)).toEqual([]);
    await look({ exit, stderr, error: stderr.slice(Math.max(0, stderr.indexOf("error["))).trimEnd(), folder: copy.folder });
  } finally {
    await copy.remove();
  }
}

const run = ["run", "late-delivery", "--quiet"];
const nothing = () => Promise.resolve();
const stateOf = (folder: string) => join(folder, ".millrace");

describe("a configuration that cannot be used", { timeout: 120_000 }, () => {
  test.each<[string, (copy: ProjectCopy) => Promise<void>, RegExp]>([
    [
      "an unknown field",
      (copy) => copy.change("millrace.config.ts", 'name: "small"', 'name: "small", stat: "here"'),
      /^error\[invalid_config\]: millrace\.config\.ts cannot be used: .*Unrecognized key: "stat"\.\nhint: Fields are: name, home, /,
    ],
    [
      "a wrong value",
      (copy) => copy.change("millrace.config.ts", "threads: 2", "threads: 0"),
      /^error\[invalid_config\]: millrace\.config\.ts cannot be used: resources\.threads: Too small: expected number to be >=1\.\nhint: /,
    ],
    [
      "a name that cannot be one",
      (copy) => copy.change("millrace.config.ts", '"small"', '"Small Things"'),
      /^error\[invalid_config\]: .*name: use lower-case letters, digits and dashes, starting with a letter\.\nhint: /,
    ],
    [
      "a mistake of syntax",
      (copy) => copy.write("millrace.config.ts", 'import { defineConfig } from "millrace";\n\nexport default defineConfig({ name: "small" ;\n'),
      /^error\[invalid_config\]: millrace\.config\.ts:3 cannot be loaded: .*\nhint: Run `npx tsc --noEmit`/,
    ],
    [
      "no default export",
      (copy) => copy.write("millrace.config.ts", "export const config = {};\n"),
      /^error\[invalid_config\]: millrace\.config\.ts exports no default\.\nhint: Write: export default defineConfig/,
    ],
  ])("%s is named, and no state is made", async (_what, spoil, message) => {
    await spoilt(spoil, run, ({ exit, error, folder }) => {
      expect({ exit, error }).toEqual({ exit: 2, error: expect.stringMatching(message) as string });
      expect(existsSync(stateOf(folder))).toBe(false);
    });
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ MILLRACE_PORT: "many" }, /^error\[invalid_config\]: MILLRACE_PORT is "many", which is not a number\./],
    [{ MILLRACE_PORT: "70000" }, /MILLRACE_PORT="70000" cannot be used: server\.port: Too big: expected number to be <=65535\./],
    [{ MILLRACE_THREADS: "-1" }, /MILLRACE_THREADS="-1" cannot be used: resources\.threads: Too small/],
    [{ MILLRACE_LOG: "loud" }, /MILLRACE_LOG="loud" cannot be used: log: Invalid option: expected one of "debug"\|"info"/],
    [{ MILLRACE_STATE_URL: "mysql://db/x" }, /MILLRACE_STATE_URL="mysql:\/\/db\/x" cannot be used: state\.url: a postgres:\/\/ address/],
  ])("the variable of %j is named, and no state is made", async (env, message) => {
    await spoilt(
      nothing,
      run,
      ({ exit, error, folder }) => {
        expect({ exit, error }).toEqual({ exit: 2, error: expect.stringMatching(message) as string });
        expect(existsSync(stateOf(folder))).toBe(false);
      },
      { env },
    );
  });

  test("a folder without one is told from a project", async () => {
    await spoilt(
      (copy) => rm(join(copy.folder, "millrace.config.ts")),
      run,
      ({ exit, error }) => {
        expect(exit).toBe(3);
        expect(error).toMatch(
          /^error\[not_found\]: There is no millrace\.config\.ts in \/.*\.\nhint: Run the command in a project's folder, make one \(millrace init\), or name a folder for stores without a project: --home tracking$/,
        );
      },
    );
  });

  test("a program that reads JSON gets the error as JSON", async () => {
    await spoilt(
      (copy) => copy.change("millrace.config.ts", "threads: 2", "threads: 0"),
      ["--json", ...run],
      ({ stderr }) => {
        expect(JSON.parse(stderr)).toEqual({
          error: {
            code: "invalid_config",
            message: expect.stringContaining("resources.threads") as string,
            hint: expect.any(String) as string,
            details: { fields: ["resources.threads"] },
          },
        });
      },
    );
  });
});

describe("a definition that cannot be used", { timeout: 120_000 }, () => {
  test.each<[string, (copy: ProjectCopy) => Promise<void>, RegExp]>([
    [
      "a column that the SQL model lacks, in a feature",
      (copy) => copy.change("features.ts", 'mean("late")', 'mean("tardy")'),
      /^error\[invalid_definition\]: Feature view `delivered` uses column `tardy`, which `deliveries` does not have\.\nhint: Correct the name/,
    ],
    [
      "a text that is averaged",
      (copy) => copy.change("features.ts", 'mean("late")', 'mean("depot")'),
      /^error\[invalid_definition\]: Feature view `delivered` takes the mean of `depot`, which is VARCHAR\.\nhint: /,
    ],
    [
      "a mistake of syntax in a file that another imports",
      (copy) => copy.change("train.ts", "export const lateDelivery =", "export const =\n"),
      /^error\[invalid_definition\]: train\.ts:7 cannot be loaded: .*\nhint: Run `npx tsc --noEmit`/,
    ],
    [
      "an import of a file that is not there",
      (copy) => copy.change("train.ts", "./features.ts", "./feature.ts"),
      /^error\[invalid_definition\]: .*Cannot find module .*feature\.ts' imported from .*train\.ts/,
    ],
    [
      "two definitions of one name",
      (copy) => copy.change("sources.ts", 'source("depots"', 'source("deliveries"'),
      /^error\[invalid_definition\]: Two definitions are called source "deliveries"; the second is in sources\.ts\.\nhint: /,
    ],
  ])("%s is named before anything is made", async (_what, spoil, message) => {
    await spoilt(spoil, run, ({ exit, error, folder }) => {
      expect({ exit, error }).toEqual({ exit: 2, error: expect.stringMatching(message) as string });
      expect(existsSync(stateOf(folder))).toBe(false);
    });
  });

  test.each<[string, (copy: ProjectCopy) => Promise<void>, RegExp]>([
    [
      "a column of the training set",
      (copy) => copy.change("train.ts", '"distance", "hour"', '"distanse", "hour"'),
      /^error\[invalid_definition\]: The SQL model "deliveries" has no column "distanse", which the training set takes \(it has: .*\)\.\nhint: Did you mean distance\?$/,
    ],
    [
      "a column that a feature view is read by",
      (copy) => copy.change("train.ts", 'at("depot")', 'at("depo")'),
      /^error\[invalid_definition\]: The SQL model "deliveries" has no column "depo", which feature view delivered, as depot_now, takes .*\nhint: Did you mean depot\?$/,
    ],
    [
      "a column of a handle that the table lacks",
      async (copy) => {
        await copy.change("models/deliveries.sql", "select * from known\n", "select * exclude (hour) from known\n");
        await rm(join(copy.folder, "serve.ts"));
      },
      /^error\[invalid_definition\]: Table models\.deliveries has no column "hour", though the handle of its SQL model names one\.\nhint: .*millrace build/,
    ],
  ])("%s is named as the flow asks for it, and the run is kept as failed", async (_what, spoil, message) => {
    await spoilt(spoil, run, async ({ exit, error, folder }) => {
      expect({ exit, error }).toEqual({ exit: 2, error: expect.stringMatching(message) as string });
      const { runs } = await millraceJson<{ runs: { status: string; error: { code: string } }[] }>(folder, ["runs", "list"]);
      expect(runs).toMatchObject([{ status: "failed", error: { code: "invalid_definition" } }]);
      expect(await millraceJson(folder, ["models", "list"])).toEqual({ models: [] });
    });
  });

  test("a name that the command line has wrong is answered with those there are", async () => {
    await spoilt(nothing, ["run", "late-deliveries"], ({ exit, error }) => {
      expect({ exit, error }).toEqual({
        exit: 3,
        error: 'error[not_found]: This project has no flow "late-deliveries" (it has: late-delivery).',
      });
    });
  });
});

describe("a SQL model that cannot be built", { timeout: 120_000 }, () => {
  test.each<[string, (copy: ProjectCopy) => Promise<void>, RegExp]>([
    [
      "a wrong column",
      (copy) => copy.change("models/history.sql", "d.distance", "d.distence"),
      /^error\[sql_error\]: models\/history\.sql:3:27: Binder error: .*"distence"\n3 \| .*d\.distence.*\n +\^\nhint: Did you mean `distance`\?$/,
    ],
    [
      "a mistake of syntax",
      (copy) => copy.change("models/history.sql", "\nselect", "\nselct"),
      /^error\[sql_error\]: models\/history\.sql:\d+:\d+: Parser error: syntax error/,
    ],
    [
      "a reference to nothing",
      (copy) => copy.change("models/deliveries.sql", "ref('history')", "ref('histroy')"),
      /^error\[sql_error\]: models\/deliveries\.sql:7:20: There is no model `histroy`\.\n.*\n +\^\nhint: Did you mean `history`\?$/,
    ],
    [
      "an open block of the template",
      (copy) => copy.change("models/deliveries.sql", "{% endif %}", ""),
      /^error\[sql_error\]: models\/deliveries\.sql:12:4: This `\{% if %\}` is never closed\.\n/,
    ],
    [
      "rows that break a test",
      (copy) => copy.change("models/deliveries.sql", "'minutes': ['not_null']", "'depot': [{'accepted_values': {'values': ['north', 'east']}}]"),
      /^error\[test_failed\]: models\/deliveries\.sql: 1 of \d tests of `deliveries` failed; nothing was written\.\n/,
    ],
  ])("%s is named with file and line, and no table is made", async (_what, spoil, message) => {
    await spoilt(spoil, run, async ({ exit, error, folder }) => {
      expect({ exit, error }).toEqual({ exit: 1, error: expect.stringMatching(message) as string });
      const { tables } = await millraceJson<{ tables: { table: string }[] }>(folder, ["tables", "list"]);
      expect(tables.map(({ table }) => table)).toEqual(["raw.arrivals", "raw.deliveries", "raw.depots"]);
    });
  });

  test("once corrected, the project goes on where it stopped", async () => {
    const copy = await copyProject(base.folder);
    await copy.change("models/history.sql", "d.distance", "d.distence");
    expect((await millrace(copy.folder, run)).exit).toBe(1);
    await copy.change("models/history.sql", "d.distence", "d.distance");
    const { exit, stderr } = await millrace(copy.folder, ["run", "late-delivery"]);
    expect(exit).toBe(0);
    expect(stderr).toMatch(/0 of 6 batches new/);
    await copy.remove();
  });
});

describe("a source that is not there", { timeout: 120_000 }, () => {
  test("is named with the path that was looked for", async () => {
    await spoilt(
      (copy) => rm(join(copy.folder, "data/deliveries.parquet")),
      run,
      async ({ exit, error, folder }) => {
        expect({ exit, error }).toEqual({
          exit: 3,
          error: expect.stringMatching(
            /^error\[not_found\]: The file of source "deliveries", data\/deliveries\.parquet, is neither in the project nor in an installed package\.\nhint: Correct `files`/,
          ) as string,
        });
        expect(await millraceJson(folder, ["tables", "list"])).toMatchObject({ tables: [] });
      },
    );
  });
});

describe("a command line that is wrong", { timeout: 60_000 }, () => {
  test.each([
    [["rnu"], "error[invalid_argument]: Unknown command `rnu`.\nhint: Did you mean run?"],
    [["run", "late-delivery", "--freh"], "error[invalid_argument]: Unknown option `--freh`.\nhint: Did you mean --fresh?"],
    [
      ["run"],
      "error[invalid_argument]: Missing required argument `flow`.\nhint: millrace --help lists the commands, millrace <command> --help its options.",
    ],
    [
      ["run", "late-delivery", "--param", "trials"],
      'error[invalid_argument]: "trials" is no parameter.\nhint: Write it as name=value: --param until=2001-06-01',
    ],
    [
      ["server", "--port", "http"],
      'error[invalid_argument]: --port is "http", which is no port.\nhint: Give a number from 0 (any free one) to 65535.',
    ],
  ])("%j ends with 2 and says what was meant", async (args, message) => {
    await spoilt(nothing, args, ({ exit, error }) => expect({ exit, error }).toEqual({ exit: 2, error: message }));
  });
});

/** The Node that the machine itself has, which may be too old. */
const oldNode = ["/usr/bin/node", "/usr/local/bin/node"].find((path) => existsSync(path));

describe("a Node that is too old", { timeout: 60_000 }, () => {
  test("is told so in one line by the program itself", async () => {
    // Where the machine has no old Node, this one says that it is: the check is the program's first statement.
    const pretend = join(base.folder, "pretend.mjs");
    await writeFile(pretend, 'Object.defineProperty(process.versions, "node", { value: "20.11.1" });\n');
    const options = { env: { NODE_OPTIONS: `--import ${pretend}` } };
    const { exit, stderr, stdout } = await millrace(base.folder, ["models", "list"], options);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" });
    expect(stderr).toBe(
      "error: Millrace needs Node 24.6 or newer; this is 20.11.1.\nhint: npx -p node@24 millrace, or install Node 24 from your system's packages.\n",
    );
  });

  test.skipIf(oldNode === undefined)("can read the program as it is", async () => {
    const { stdout } = await millrace(base.folder, ["--version"], { node: oldNode! });
    const { exit, stderr } = await millrace(base.folder, ["models", "list"], { node: oldNode! });
    // The machine's Node may be new enough: then the command is simply done, or finds no state.
    if (stdout === "")
      expect({ exit, stderr }).toEqual({
        exit: 2,
        stderr: expect.stringMatching(/^error: Millrace needs Node 24\.6 or newer; this is \d+\./) as string,
      });
    else expect(exit).toBe(3);
  });
});
