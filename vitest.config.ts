import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/{contracts,structure,journeys}/**/*.test.ts"],
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
