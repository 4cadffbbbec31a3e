import { defineConfig } from "vitest/config";

/** Kills of the whole demonstration; run by `npm run test:crash`, as it takes its time. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: { include: ["tests/crash/**/*.test.ts"], fileParallelism: false, testTimeout: 1_200_000 },
});
