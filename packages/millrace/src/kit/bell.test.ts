import { expect, it } from "vitest";
import { createBell } from "./bell.ts";

const never = 2 ** 30;
const quiet = new AbortController().signal;

it("wakes the one who waits, once for any number of rings", async () => {
  const bell = createBell();
  const heard = bell.heard(never, quiet);
  bell.ring();
  bell.ring();
  await heard;
  const stop = new AbortController();
  let woke = false;
  const next = bell.heard(never, stop.signal).then(() => (woke = true));
  await new Promise(setImmediate);
  expect(woke).toBe(false);
  stop.abort();
  await next;
});

it("is heard by one who comes too late to hear it ring", async () => {
  const bell = createBell();
  bell.ring();
  await bell.heard(never, quiet);
});

it("ends a wait by time, and when its signal aborts, also before it began", async () => {
  const bell = createBell();
  await bell.heard(1, quiet);
  await bell.heard(never, AbortSignal.abort());
});
