import { expect, test } from "vitest";
import { storeTests } from "./store-tests.ts";

test("every test over a state of its own runs on PostgreSQL too", () => {
  const files = storeTests();
  expect(files.length).toBeGreaterThanOrEqual(12);
  const folders = new Set(files.map((file) => file.split("/").at(-2)));
  expect([...folders]).toEqual(expect.arrayContaining(["lineage", "pipelines", "tracking", "registry", "monitoring", "retraining"]));
});
