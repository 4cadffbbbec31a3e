export { guardedBlobs, shortestGraceMs } from "./blob-guard.ts";
export { type BlobPlace, type BlobReferences, collectBlobs, type CollectOptions, type Collected } from "./collect-blobs.ts";
export { claimForHome, claimState } from "./claims.ts";
export { defineConfig, environmentOverrides, postgres, resolveConfig, s3, type Config, type ConfigInput } from "./config.ts";
export { definitionOf, definitionsOf, loadConfig, loadProject, type Definition, type Project } from "./load-project.ts";
export { projectMigrations } from "./migrations.ts";
export { holderOf, lockProject, type Holder, type ProjectLock } from "./lock.ts";
