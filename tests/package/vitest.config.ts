import { defineConfig } from "vitest/config";

/** `npm run test:package`: packs, installs into an empty folder and works there. Needs npm's registry, or its packages in npm's cache. */
export default defineConfig({
  test: {
    include: ["tests/package/**/*.test.ts"],
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
