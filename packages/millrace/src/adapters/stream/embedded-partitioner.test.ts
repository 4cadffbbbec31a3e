import { expect, it } from "vitest";
import { murmur2, partitionOf } from "./embedded-partitioner.ts";

it("hashes keys as Kafka's producers do", () => {
  // Expected values: testMurmur2 of org.apache.kafka.common.utils.UtilsTest, as every client that follows it has them
  const expected: Record<string, number> = {
    "21": -973932308,
    foobar: -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(expected)) expect(murmur2(Buffer.from(key))).toBe(hash);
  expect(partitionOf(Buffer.from("foobar"), 10)).toBe((-790332482 & 0x7fffffff) % 10);
});
