import { join } from "node:path";
import { defineConfig } from "vitest/config";

/**
 * Real clients, unmodified, against a real server: MLflow 3.17.2 and 2.22.5 from PyPI. `MLFLOW_CHECKS_URI` names another server to
 * check instead, such as `mlflow server` itself, which is where the expectations come from.
 */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  root: join(import.meta.dirname, "..", ".."),
  test: {
    globalSetup: [join(import.meta.dirname, "global-setup.ts")],
    include: ["tests/clients/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 900_000, // the first run downloads
  },
});
