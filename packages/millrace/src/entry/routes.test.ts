import { expect, it } from "vitest";
import { serveRoutes } from "../../../../tests/processes/serve-routes.ts";
import { allRoutes } from "./routes.ts";

it("no two routes answer the same call", () => {
  const calls = allRoutes.map(({ method, path }) => `${method} ${path}`);
  expect(calls.filter((call, i) => calls.indexOf(call) !== i)).toEqual([]);
});

it("the server of a project tells MLflow's clients a version of MLflow: below 3.4 they would not send their spans", async () => {
  const server = await serveRoutes(allRoutes, {});
  try {
    const [major, minor] = (await (await fetch(`${server.address}/version`)).text()).split(".").map(Number);
    expect([major, minor! >= 4]).toEqual([3, true]);
  } finally {
    await server.close();
  }
});
