import { expect, it } from "vitest";
import { openConsoleLog } from "./console-log.ts";

function kept(limitBytes?: number) {
  const stored: string[] = [];
  const log = openConsoleLog({
    store: async (bytes) => void stored.push(Buffer.from(bytes).toString("utf8")),
    ...(limitBytes !== undefined && { limitBytes }),
  });
  return { log, stored };
}

it("is saved as it grows by a quarter, and whole at the end", async () => {
  const { log, stored } = kept();
  await log.save();
  const reused = Buffer.from("0123456789");
  log.write(reused);
  reused.fill("x");
  await log.save();
  log.write(Buffer.from("a"));
  await log.save();
  expect(stored).toEqual(["0123456789"]);
  log.write(Buffer.from("bc"));
  await log.save();
  log.write(Buffer.from("d"));
  await log.close();
  await log.close();
  expect(stored).toEqual(["0123456789", "0123456789abc", "0123456789abcd"]);
});

it("of a long run keeps the beginning and the end, and says what is left out", async () => {
  const { log, stored } = kept(1_000);
  for (let i = 0; i < 1_000; i++) log.write(Buffer.from(`line ${String(i).padStart(4, "0")}\n`));
  await log.close();
  const [text] = stored;
  expect(text!.startsWith("line 0000\nline 0001\n")).toBe(true);
  expect(text!.endsWith("line 0998\nline 0999\n")).toBe(true);
  const leftOut = Number(/… ([\d,]+) bytes are left out here …/.exec(text!)![1]!.replaceAll(",", ""));
  expect(Buffer.byteLength(text!.replace(/\n….*…\n/, "")) + leftOut).toBe(10_000);
  expect(text!.length).toBeLessThan(1_100);
});
