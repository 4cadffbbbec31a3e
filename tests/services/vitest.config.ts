import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { storeTests } from "./store-tests.ts";

const root = join(import.meta.dirname, "..", "..");
const source = { resolve: { conditions: ["source"] }, ssr: { resolve: { conditions: ["source"] } } };

/**
 * `npm run test:services`: real services, installed where they are missing, and every store test on PostgreSQL. What was built or
 * downloaded is kept in `$MILLRACE_TEST_CACHE` (`~/.cache/millrace-tests`).
 */
export default defineConfig({
  ...source,
  root,
  test: {
    globalSetup: [join(import.meta.dirname, "global-setup.ts")],
    maxWorkers: 2,
    projects: [
      {
        ...source,
        root,
        test: {
          name: "services",
          include: ["tests/services/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 600_000, // the first run builds and downloads
        },
      },
      {
        ...source,
        root,
        test: {
          name: "stores on PostgreSQL",
          include: storeTests(),
          setupFiles: [join(import.meta.dirname, "store-setup.ts")],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
