/** Before each store test: a database of its own on the suite's PostgreSQL. After it: proof that the test was there. */
import { afterAll, beforeAll, expect, inject } from "vitest";
import { newId } from "#kit/id";
import { query } from "./postgres.ts";

const server = inject("postgres");
const name = `store_${newId().toLowerCase()}`;
const url = new URL(server);
url.pathname = `/${name}`;

beforeAll(() => query(server, `create database ${name}`));
process.env["MILLRACE_TEST_POSTGRES"] = url.href;

afterAll(async () => {
  const [used] = await query<{ schemas: number }>(
    url.href,
    "select count(*)::int as schemas from information_schema.schemata where schema_name like 'test_%'",
  );
  await query(server, `drop database ${name} with (force)`);
  expect(used!.schemas, "schemas that `openTestState` made on PostgreSQL").toBeGreaterThan(0);
});
