import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { captureConsole, uncaptured } from "./capture-console.ts";

function collector() {
  const chunks: Uint8Array[] = [];
  return { sink: (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)), text: () => Buffer.concat(chunks).toString("utf8") };
}

it("hands over what the work prints, and nothing of what others print meanwhile", async () => {
  const [one, two] = [collector(), collector()];
  const work = (name: string) => async () => {
    for (let i = 0; i < 3; i++) {
      process.stdout.write(`${name} ${i} é\n`);
      await wait(1);
      process.stderr.write(Buffer.from(`${name} err\n`));
    }
    return name;
  };
  const outside = work("outside");
  const results = await Promise.all([captureConsole(one.sink, work("one")), captureConsole(two.sink, work("two")), outside()]);
  expect(results).toEqual(["one", "two", "outside"]);
  expect(one.text()).toBe([0, 1, 2].map((i) => `one ${i} é\none err\n`).join(""));
  expect(two.text()).toBe([0, 1, 2].map((i) => `two ${i} é\ntwo err\n`).join(""));
});

it("follows callbacks that the work begins", async () => {
  const { sink, text } = collector();
  await captureConsole(sink, () => new Promise<void>((resolve) => setTimeout(() => (process.stdout.write("later\n"), resolve()), 1)));
  process.stdout.write("after\n");
  expect(text()).toBe("later\n");
});

it("leaves out what is said not to be the work's", async () => {
  const { sink, text } = collector();
  await captureConsole(sink, async () => {
    uncaptured(() => process.stdout.write("progress\n"));
    process.stdout.write("mine\n");
  });
  expect(text()).toBe("mine\n");
});
