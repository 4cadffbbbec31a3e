import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";
import { versitygw } from "./versitygw.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** URL of the suite's PostgreSQL. */
    postgres: string;
  }
}

/**
 * Starts the PostgreSQL that all tests of the suite share, and builds what several of them would otherwise build at the same time. Both
 * happen once, however many projects the configuration has.
 */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  provide("postgres", server.url);
  try {
    await versitygw();
  } catch (error) {
    process.stderr.write(`The S3 server could not be built; its tests will say so again: ${String(error)}\n`);
  }
  return server.stop;
}
