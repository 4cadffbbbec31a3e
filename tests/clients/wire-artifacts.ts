/** What MLflow's REST API does with artifacts, as scenarios whose answers are compared. */
import { at, type Json, type Scenario } from "./wire.ts";
import { absentRun, because, newRun } from "./wire-setup.ts";

const proxied = "/api/2.0/mlflow-artifacts/artifacts";

export const artifactScenarios: Record<string, Scenario> = {
  "artifacts are put, listed, read and deleted": async (wire) => {
    const run_id = await newRun(wire, "files");
    const root = at(await wire.get("runs/get", { run_id }), "run.info.artifact_uri").replace("mlflow-artifacts:", proxied);
    const list = (path: string) => wire.get("artifacts/list", { run_id, ...(path !== "" && { path }) });
    await list("");
    await wire.send("PUT", `${root}/a.txt`, { body: "hello" });
    await wire.send("PUT", `${root}/sub/b.txt`, { body: "b" });
    await wire.send("PUT", `${root}/sub/deep/c%20d.txt`, { body: "c" });
    await wire.send("PUT", `${root}/${encodeURIComponent("ü 机场.txt")}`, { body: "unicode" });
    await wire.send("PUT", `${root}/a.txt`, { body: "hello again" });
    await list("");
    await list("sub");
    await list("sub/");
    await list("sub/deep");
    await list("a.txt");
    await list("none");
    for (const path of ["../x", "/etc", "sub/../..", "%2e%2e/x"]) await list(path);
    for (const path of [".", "./", "sub/.", "./sub", "sub//deep", "./none"]) await list(path);
    await wire.unlike(because.location).get("artifacts/list", { run_id, path: "a\\b" });
    await wire.send("GET", `${root}/a.txt`);
    await wire.send("GET", `${root}/sub/deep/c%20d.txt`);
    await wire.send("GET", `${root}/${encodeURIComponent("ü 机场.txt")}`);
    await wire.send("GET", `${root}/none.txt`);
    await wire.send("GET", `${root}/a.txt`, { headers: { range: "bytes=1-3" } });
    await wire.send("GET", "/get-artifact", { query: `?run_id=${run_id}&path=a.txt` });
    await wire.send("GET", "/get-artifact", { query: `?run_uuid=${run_id}&path=sub/b.txt` });
    await wire.send("GET", "/get-artifact", { query: `?run_id=${run_id}&path=./sub//b.txt` });
    await wire.get("/get-artifact", { run_id, path: "none.txt" });
    await wire.get("/get-artifact", { run_id, path: "." });
    await wire.get("/get-artifact", { run_id, path: "../x" });
    await wire.unlike(because.page).get("/get-artifact", { run_id });
    await wire.unlike("MLflow finds no run of the name None").get("/get-artifact", { path: "a.txt" });
    await wire.get("artifacts/list", { run_id: "0".repeat(32) });
    await wire.get("artifacts/list");
    const folder = at(await wire.get("runs/get", { run_id }), "run.info.artifact_uri").replace("mlflow-artifacts:/", "");
    await wire.get(proxied, { path: folder });
    await wire.get(proxied, { path: `${folder}/sub` });
    for (const path of [".", "./sub", "/sub/.", "."]) await wire.get(proxied, { path: `${folder}/${path}` });
    await wire.get(proxied, { path: `${folder}/none` });
    await wire.get(proxied, { path: "../x" });
    await wire.send("DELETE", `${root}/sub/b.txt`);
    await wire.send("DELETE", `${root}/sub/b.txt`);
    await wire.send("DELETE", `${root}/sub`);
    await list("");
    await wire.send("GET", `${root}/sub/b.txt`);
    await wire.send("DELETE", `${root}/none`);
    await wire.send("PUT", `${root}/slash/`, { body: "x" });
    await wire.send("GET", `${root}/slash`);
    await wire.send("PUT", `${root}/slashes/x`, { body: "x" });
    await wire.send("DELETE", `${root}/slashes/`);
    await list("");
    await wire.send("PUT", `${root}/empty`, { body: "" });
    await wire.send("GET", `${root}/empty`);
    await wire.unlike("MLflow does not tell the size of an empty file").get("artifacts/list", { run_id });
  },
  "artifacts of registered versions": async (wire) => {
    const run_id = await newRun(wire, "files of versions");
    const root = at(await wire.get("runs/get", { run_id }), "run.info.artifact_uri");
    await wire.send("PUT", `${root.replace("mlflow-artifacts:", proxied)}/model/MLmodel`, { body: "flavors: {}" });
    await wire.post("registered-models/create", { name: "with files" });
    await wire.post("model-versions/create", { name: "with files", source: `${root}/model`, run_id });
    const get = (query: Record<string, string>) => wire.get("/model-versions/get-artifact", query);
    await get({ name: "with files", version: "1", path: "MLmodel" });
    await get({ name: "with files", version: "1", path: "none" });
    await get({ name: "with files", version: "1", path: "../x" });
    await get({ name: "with files", version: "99", path: "MLmodel" });
    await get({ name: "none", version: "1", path: "MLmodel" });
    await wire.unlike(because.page).get("/model-versions/get-artifact", { name: "with files", version: "1" });
    await get({ version: "1", path: "MLmodel" });
  },
  "artifacts of logged models": async (wire) => {
    const made = await wire.post("logged-models", { experiment_id: "0", name: "files" });
    const model_id = at(made, "model.info.model_id");
    const root = at(made, "model.info.artifact_uri").replace("mlflow-artifacts:", proxied);
    await wire.send("PUT", `${root}/MLmodel`, { body: "flavors: {}" });
    await wire.send("PUT", `${root}/data/x.bin`, { body: "xyz" });
    const list = (path?: string) =>
      wire.get(`logged-models/${model_id}/artifacts/directories`, path === undefined ? {} : { artifact_directory_path: path });
    await list();
    await list("data");
    await list("none");
    await list("../x");
    await wire.get("logged-models/m-none/artifacts/directories");
    const file = (path?: string) =>
      wire.get(`/ajax-api/2.0/mlflow/logged-models/${model_id}/artifacts/files`, path === undefined ? {} : { artifact_file_path: path });
    await file("MLmodel");
    await file("none");
    await file("../x");
    await wire.get(`/ajax-api/2.0/mlflow/logged-models/${model_id}/artifacts/files`);
  },
  "pages upload artifacts": async (wire) => {
    const run_id = await newRun(wire, "uploads of pages");
    const upload = (query: Record<string, string>) =>
      wire.send("POST", "/ajax-api/2.0/mlflow/upload-artifact", { body: "data", query: `?${new URLSearchParams(query).toString()}` });
    await upload({ run_uuid: run_id, path: "up.txt" });
    await upload({ run_uuid: run_id });
    await upload({ path: "up.txt" });
    await upload({ run_uuid: "0".repeat(32), path: "up.txt" });
    await upload({ run_uuid: run_id, path: "../up.txt" });
    await wire.get("artifacts/list", { run_id });
    await wire.send("POST", "/ajax-api/2.0/mlflow/upload-artifact", { body: "", query: `?run_uuid=${run_id}&path=empty.txt` });
  },
  "addresses of files in stores of others, and in this server's": async (wire) => {
    const run_id = await newRun(wire, "addresses");
    for (const what of ["upload", "download"]) {
      const ask = (body: { [key: string]: Json }) => wire.post(`artifacts/presigned-${what}-url`, body);
      await ask({ run_id, path: "model.pkl" });
      await ask({ run_id, path: "model.pkl", expiration: 60 });
      await ask({ run_id: absentRun, path: "model.pkl" });
      await ask({ run_id });
      await ask({ path: "model.pkl" });
      for (const path of ["../x", "a/../b", "/etc/passwd", "%2E%2E%2Fpath"]) await ask({ run_id, path });
    }
    await wire.post("artifacts/presigned-upload-url", { run_id, model_id: "m-1", path: "x" });
    await wire.post("artifacts/presigned-upload-url", { model_id: "m-none", path: "x" });
    for (const expiration of [0, 604_801]) await wire.post("artifacts/presigned-download-url", { run_id, path: "x", expiration });
    for (const path of ["some/path", "%252E%252E%252Fpath", "a/%2e%2e%2fb"]) await wire.get(`/api/2.0/mlflow-artifacts/presigned/${path}`);
    await wire.post("/api/2.0/mlflow-artifacts/mpu/create/some/path", { path: "x", num_parts: 2 });
    await wire.post("/api/2.0/mlflow-artifacts/mpu/create/%252E%252E%252Fpath", { path: "x", num_parts: 2 });
    await wire.post("/api/2.0/mlflow-artifacts/mpu/abort/some/path", { path: "x", upload_id: "y" });
  },
  "what pages and load balancers ask beside the API": async (wire) => {
    await wire.get("/health");
    await wire.get("/version");
    await wire.get("/ajax-api/3.0/mlflow/ui-telemetry");
    await wire.post("/ajax-api/3.0/mlflow/ui-telemetry", { records: [] });
    await wire.get("/ajax-api/2.0/mlflow/gateway-proxy", { gateway_path: "api/2.0/endpoints/" });
    for (const version of ["2.0", "3.0"]) {
      await wire.get(`/ajax-api/${version}/mlflow/get-trace-artifact`);
      await wire.get(`/ajax-api/${version}/mlflow/get-trace-artifact`, { request_id: "tr-none" });
      await wire.get(`/ajax-api/${version}/mlflow/get-trace-artifact`, { request_id: "tr-none", path: "a1b2c3d4-e5f6-4890-abcd-ef1234567890" });
      await wire.get(`/ajax-api/${version}/mlflow/get-trace-artifact`, { request_id: "tr-none", path: "../x" });
    }
  },
};
