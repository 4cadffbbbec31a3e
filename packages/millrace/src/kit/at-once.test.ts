import { expect, it } from "vitest";
import { atOnce } from "./at-once.ts";

it("works on every item once, in order, some at a time and no more", async () => {
  const [begun, running] = [[] as number[], new Set<number>()];
  let most = 0;
  await atOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    running.add(item);
    most = Math.max(most, running.size);
    await new Promise((resolve) => void setImmediate(resolve));
    running.delete(item);
  });
  expect([begun, most]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3]);
});

it("begins nothing after a failure, and lets what is under way come to its end", async () => {
  const ended: number[] = [];
  const work = atOnce([1, 2, 3, 4, 5], 2, async (item) => {
    if (item === 2) throw new Error("no 2");
    await new Promise((resolve) => void setImmediate(resolve));
    ended.push(item);
  });
  await expect(work).rejects.toThrow("no 2");
  expect(ended).toEqual([1]);
});
