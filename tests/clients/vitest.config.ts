import { join } from "node:path";
import { defineConfig } from "vitest/config";

/**
 * Real clients, unmodified, against a real server: MLflow 3.17.2 and 2.22.5 from PyPI. Expectations come from MLflow's own server:
 * `MLFLOW_CHECKS_REAL=3.17.2` (or 2.22.5) starts it and checks it in Millrace's place, `MLFLOW_CHECKS_URI` names one that runs.
 * `MLFLOW_CHECKS_TORCH=1` adds PyTorch and Lightning, which bring CUDA: 3 GB to download, 7 GB on the disk.
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
