import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixedClock } from "#kit/clock";
import { newSecretKey } from "#kit/secret-box";
import type { Database } from "#ports/database";
import { openTestState } from "../../../../../tests/contracts/state.ts";
import { accessMigrations, openSecrets } from "./index.ts";

let state: Database;
let home: string;
let file: string;
beforeEach(async () => {
  state = await openTestState(accessMigrations);
  home = await mkdtemp(join(tmpdir(), "millrace-secrets-"));
  file = join(home, "secret.key");
});
afterEach(async () => {
  await state.close();
  await rm(home, { recursive: true });
});

const open = (environment: Record<string, string> = {}, from = home) => openSecrets({ state, clock: fixedClock(1_000), home: from, environment });
const key = (...keys: string[]) => ({ MILLRACE_SECRET_KEY: keys.join(",") });

describe("the key of a home", () => {
  it("is made when it is first needed, for its owner alone, and found again", async () => {
    const secrets = open();
    await expect(stat(file)).rejects.toThrow("ENOENT");
    const sealed = await secrets.seal("sesame", "webhook/1");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await open().open(sealed, "webhook/1")).toBe("sesame");
    expect(await open().sealingKey()).toBe(sealed.key);
  });

  it("is made once by many that need it at the same time", async () => {
    const sealed = await Promise.all(Array.from({ length: 8 }, () => open().seal("sesame", "p")));
    expect(new Set(sealed.map((each) => each.key)).size).toBe(1);
    for (const each of sealed) expect(await open().open(each, "p")).toBe("sesame");
  });

  it.skipIf(process.platform === "win32")("is not used while others may read it", async () => {
    await open().sealingKey();
    await chmod(file, 0o640);
    const error = await open()
      .sealingKey()
      .catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "permission_denied", message: `Others may read the key in ${file}.`, hint: `chmod 600 ${file}` });
    await chmod(file, 0o600);
    await open().sealingKey();
  });

  it("is not made anew where it is missing, nor in a second home: what was sealed would not open", async () => {
    const secrets = open();
    const sealed = await secrets.seal("sesame", "webhook/1");
    const kept = await readFile(file, "utf8");
    const second = await mkdtemp(join(tmpdir(), "millrace-secrets-"));
    await rm(file);
    for (const where of [home, second])
      expect(
        await open({}, where)
          .seal("x", "p")
          .catch((each: unknown) => each),
      ).toMatchObject({
        code: "invalid_config",
        message: `Secrets here were sealed with the key ${sealed.key}, and no key is here.`,
        hint: expect.stringContaining(`MILLRACE_SECRET_KEY, or bring back ${join(where, "secret.key")}`) as string,
      });
    const waiting = open();
    await expect(waiting.open(sealed, "webhook/1")).rejects.toMatchObject({ code: "invalid_config" });
    await writeFile(file, kept, { mode: 0o600 });
    expect(await waiting.open(sealed, "webhook/1")).toBe("sesame"); // without a new start
    expect(await open(key(kept.trim()), second).open(sealed, "webhook/1")).toBe("sesame");
    await rm(second, { recursive: true });
  });

  it("is refused where it is none", async () => {
    await writeFile(file, "letmein", { mode: 0o600 });
    await expect(open().sealingKey()).rejects.toMatchObject({ code: "invalid_config", hint: "Make one: openssl rand -base64 32" });
  });
});

describe("the keys of the environment", () => {
  it("come before the file's, and none is made", async () => {
    const [old, young] = [newSecretKey(), newSecretKey()];
    const sealed = await open(key(old)).seal("sesame", "p");
    await expect(stat(file)).rejects.toThrow("ENOENT");
    const both = open(key(young, old));
    expect(await both.open(sealed, "p")).toBe("sesame");
    expect(await both.sealingKey()).not.toBe(sealed.key);
    await writeFile(file, old, { mode: 0o600 });
    const moved = open(key(young));
    expect([await moved.open(sealed, "p"), await moved.sealingKey()]).toEqual(["sesame", await both.sealingKey()]);
  });

  it("are named by their ids where one is missing, never by themselves", async () => {
    const [first, second] = [newSecretKey(), newSecretKey()];
    const sealed = await open(key(first)).seal("sesame", "webhook/7");
    const error = (await open(key(second))
      .open(sealed, "webhook/7")
      .catch((each: unknown) => each)) as Error;
    expect(error).toMatchObject({
      code: "invalid_config",
      message: expect.stringMatching(/^The secret of webhook\/7 was sealed with the key [0-9a-f]{16}, and here is [0-9a-f]{16}\.$/) as string,
    });
    expect(JSON.stringify(error)).not.toContain(second);
  });
});
