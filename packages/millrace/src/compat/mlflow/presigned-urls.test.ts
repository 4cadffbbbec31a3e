import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
beforeAll(async () => {
  place = await openMlflowPlace();
});
afterAll(() => place.close());

const json = { "content-type": "application/json" };
async function ask(method: string, path: string, body?: object) {
  const answer = await fetch(`${place.address}${path}`, { method, headers: json, ...(body && { body: JSON.stringify(body) }) });
  const told = (await answer.json()) as Record<string, unknown>; // as the protocol has it
  return { status: answer.status, told };
}
const presigned = async (what: "upload" | "download", body: object) => {
  const { status, told } = await ask("POST", `/api/2.0/mlflow/artifacts/presigned-${what}-url`, body);
  return [status, told["error_code"], told["message"]];
};

async function newRun(location?: string): Promise<string> {
  const create = { name: `at ${location}`, artifact_location: location };
  const experiment = location === undefined ? "0" : (await ask("POST", "/api/2.0/mlflow/experiments/create", create)).told["experiment_id"];
  const { told } = await ask("POST", "/api/2.0/mlflow/runs/create", { experiment_id: experiment });
  return (told["run"] as { info: { run_id: string } }).info.run_id; // as above
}

describe("addresses of files outside of this server", () => {
  it.each(["upload", "download"] as const)(
    "are not given for %s: files here have a way of their own, and there are no keys to others' stores",
    async (what) => {
      const answer = await presigned(what, { run_id: await newRun(), path: "model.pkl" });
      expect(answer.slice(0, 2)).toEqual([400, "INVALID_PARAMETER_VALUE"]);
      expect(answer[2]).toMatch(
        new RegExp(`^Presigned ${what} is not supported for .*proxied artifact storage \\(artifact URI scheme: mlflow-artifacts\\)`),
      );
      expect(await presigned(what, { run_id: await newRun(`s3://bucket/${what}`), path: "model.pkl" })).toEqual([
        ...[501, "NOT_IMPLEMENTED", `Presigned ${what} is not supported for the current artifact repository`],
      ]);
      expect(await presigned(what, { run_id: "none", path: "model.pkl" })).toMatchObject([404, "RESOURCE_DOES_NOT_EXIST", /none/]);
    },
  );

  it.each(["../../../etc/passwd", "path/../to/file", "/etc/passwd", "/etc/passwd%00.jpg", "%2E%2E%2F%2E%2E%2Fpath"])(
    "are refused for %s",
    async (path) => {
      for (const what of ["upload", "download"] as const)
        expect(await presigned(what, { run_id: "abc", path })).toEqual([400, "INVALID_PARAMETER_VALUE", "Invalid path"]);
    },
  );

  it("are asked for one run or logged model, by a path, for seven days at most", async () => {
    const [run, path] = [await newRun(), "a"];
    expect((await presigned("upload", { run_id: run }))[2]).toMatch(/^Missing value for required parameter 'path'/);
    expect((await presigned("download", { path }))[2]).toMatch(/^Missing value for required parameter 'run_id'/);
    for (const owners of [{}, { run_id: run, model_id: "m-1" }])
      expect((await presigned("upload", { ...owners, path }))[2]).toBe("Exactly one of run_id and model_id must be provided.");
    for (const expiration of [0, 604_801])
      expect((await presigned("download", { run_id: run, path, expiration }))[2]).toBe(
        `expiration must be between 1 and 604800 seconds (got ${expiration}).`,
      );
    expect((await presigned("upload", { model_id: "m-none", path }))[0]).toBe(404);
  });
});

describe("a store that has no addresses of its own", () => {
  const base = "/api/2.0/mlflow-artifacts";

  it("says so, after a path that leads elsewhere has been refused", async () => {
    for (const path of ["path/%2e%2e%2fto/file", "%252E%252E%252Fpath", "a/etc%00"]) {
      expect(await ask("GET", `${base}/presigned/${path}`)).toMatchObject({ status: 400, told: { message: "Invalid path" } });
      expect(await ask("POST", `${base}/mpu/create/${path}`, { path: "x" })).toMatchObject({ status: 400, told: { message: "Invalid path" } });
    }
    const unsupported = { error_code: "NOT_IMPLEMENTED", message: "Multipart download is not supported for the current artifact repository" };
    expect(await ask("GET", `${base}/presigned/some/artifact/path`)).toEqual({ status: 501, told: unsupported });
    expect((await ask("POST", `${base}/mpu/create/some`, { path: "x" })).status).toBe(501);
  });
});
