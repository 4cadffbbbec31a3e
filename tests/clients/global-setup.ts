import type { TestProject } from "vitest/node";
import { startPostgres } from "../services/postgres.ts";

/** Starts the PostgreSQL that all tests of the suite share. Its URL is provided as `postgres`, as in the services suite. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  provide("postgres", server.url);
  return server.stop;
}
