import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getArtifact, listArtifacts, logArtifact } from "#domains/tracking";
import { sql } from "#kit/sql";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";

let place: MlflowPlace;
let root: string;
let run: string;
beforeAll(async () => {
  place = await openMlflowPlace();
  run = await newRun();
  root = `0/${run}/artifacts`;
});
afterAll(() => place.close());

async function newRun(): Promise<string> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  const answer = await fetch(`${place.address}/api/2.0/mlflow/runs/create`, init);
  return ((await answer.json()) as { run: { info: { run_id: string } } }).run.info.run_id; // as the protocol has it
}

const url = (path: string) => `${place.address}/api/2.0/mlflow-artifacts/artifacts/${path}`;
const put = (path: string, body: string) => fetch(url(path), { method: "PUT", body });
const list = async (path: string) => {
  const answer = await fetch(`${place.address}/api/2.0/mlflow-artifacts/artifacts?path=${path}`);
  return ((await answer.json()) as { files?: { path: string; is_dir: boolean; file_size?: number }[] }).files; // as above
};

describe("artifacts of runs", () => {
  it("are stored, listed, read and deleted", async () => {
    expect((await put(`${root}/a.txt`, "hello")).status).toBe(200);
    await put(`${root}/plots/deep/b.png`, "png");
    expect(await list(root)).toEqual([
      { path: "a.txt", is_dir: false, file_size: 5 },
      { path: "plots", is_dir: true },
    ]);
    expect((await listArtifacts(place.tracking, { run })).map(({ path }) => path)).toEqual(["a.txt", "plots"]);
    const answer = await fetch(url(`${root}/a.txt`));
    expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/plain",
      "content-length": "5",
      "content-disposition": "attachment; filename=a.txt",
      "x-content-type-options": "nosniff",
      "accept-ranges": "bytes",
    });
    for (let i = 0; i < 2; i++) expect((await fetch(url(`${root}/plots`), { method: "DELETE" })).status).toBe(200);
    expect(await list(root)).toEqual([{ path: "a.txt", is_dir: false, file_size: 5 }]);
  });

  it("logged by other means are the same ones", async () => {
    await logArtifact(place.tracking, { run, path: "report.html", data: new TextEncoder().encode("<script>alert(1)</script>") });
    const answer = await fetch(`${place.address}/get-artifact?run_id=${run}&path=report.html`);
    expect(await answer.text()).toBe("<script>alert(1)</script>");
    expect(answer.headers.get("content-security-policy")).toContain("sandbox");
    expect(answer.headers.get("content-disposition")).toMatch(/^attachment/);
  });

  it("are listed all at once, in order, however many they are, and all deleted with their root", async () => {
    const names = Array.from({ length: 2_345 }, (_, i) => `file-${String(i).padStart(5, "0")}`);
    const many = await newRun();
    await logArtifact(place.tracking, { run: many, path: "many/first", data: new TextEncoder().encode("x") });
    const { digest } = await getArtifact(place.tracking, { run: many, path: "many/first" });
    await place.tracking.state.write(async (transaction) => {
      for (const folder of ["many", ""])
        for (const name of names)
          await transaction.run(sql`insert into tracking_artifact (run, folder, name, digest, size_bytes, created_ms)
            values (${many}, ${folder}, ${name}, ${digest}, ${1}, ${1})`);
    });
    expect((await list(`0/${many}/artifacts/many`))!.map(({ path }) => path)).toEqual([...names, "first"]);
    const whole = (await (await fetch(`${place.address}/api/2.0/mlflow/artifacts/list?run_id=${many}`)).json()) as {
      files: object[];
      root_uri: string;
    };
    expect([whole.root_uri, whole.files.length, whole.files.at(-1)]).toEqual([
      `mlflow-artifacts:/0/${many}/artifacts`,
      2_346,
      { path: "many", is_dir: true },
    ]);
    await fetch(url(`0/${many}/artifacts`), { method: "DELETE" });
    expect(await list(`0/${many}/artifacts`)).toBeUndefined();
  });

  it("come in ranges, and not again when they are known", async () => {
    await put(`${root}/range.bin`, "0123456789");
    const ranged = async (range: string, more = {}) => {
      const answer = await fetch(url(`${root}/range.bin`), { headers: { range, ...more } });
      return [answer.status, answer.headers.get("content-range"), answer.status === 416 ? "" : await answer.text()];
    };
    expect(await ranged("bytes=2-4")).toEqual([206, "bytes 2-4/10", "234"]);
    expect(await ranged("bytes=-3")).toEqual([206, "bytes 7-9/10", "789"]);
    expect(await ranged("bytes=8-")).toEqual([206, "bytes 8-9/10", "89"]);
    expect(await ranged("bytes=5-99")).toEqual([206, "bytes 5-9/10", "56789"]);
    expect(await ranged("bytes=10-")).toEqual([416, "bytes */10", ""]);
    expect(await ranged("bytes=0-1,3-4")).toEqual([200, null, "0123456789"]);
    const { headers } = await fetch(url(`${root}/range.bin`));
    expect(await ranged("bytes=0-0", { "if-range": '"other"' })).toEqual([200, null, "0123456789"]);
    const again = await fetch(url(`${root}/range.bin`), { headers: { "if-none-match": headers.get("etag")! } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("that are missing, or folders, are told at once", async () => {
    await put(`${root}/f/x`, "1");
    expect((await fetch(url(`${root}/none`))).status).toBe(404);
    expect((await fetch(url(`${root}/f`))).status).toBe(400);
    for (const folder of [`${root}/f`, root]) expect((await put(folder, "2")).status).toBe(400);
    expect((await put(`${root}/f/x/y`, "2")).status).toBe(400);
    expect(await list(`${root}/none`)).toBeUndefined();
  });

  it("are found by paths that go through the folder they stand in", async () => {
    await put(`${root}/here/x`, "1");
    for (const path of [`${root}/here/.`, `${root}/./here/`, `${root}//here`])
      expect(await list(path)).toEqual([{ path: "x", is_dir: false, file_size: 1 }]);
    expect(await raw("GET", `/api/2.0/mlflow-artifacts/artifacts/${root}/./here/x`)).toMatch(/^HTTP\/1\.1 200/);
    const listed = await fetch(`${place.address}/api/2.0/mlflow/artifacts/list?run_id=${run}&path=./here`);
    expect(await listed.json()).toMatchObject({ files: [{ path: "./here/x" }] });
    const all = await fetch(`${place.address}/api/2.0/mlflow/artifacts/list?run_id=${run}&path=.`);
    expect(((await all.json()) as { files: { path: string }[] }).files.map(({ path }) => path)).toContain("./here"); // as the protocol has it
    for (const method of ["PUT", "DELETE"])
      expect(await raw(method, `/api/2.0/mlflow-artifacts/artifacts/${root}/.`), method).toMatch(/^HTTP\/1\.1 4\d\d/);
  });

  it("have a name: a path that ends with a slash is none to write to", async () => {
    const answer = await put(`${root}/slash/`, "x");
    expect([answer.status, await answer.json()]).toEqual([400, { detail: "Artifact path must include a filename (cannot end with '/')." }]);
    expect((await fetch(url(`${root}/slash`))).status).toBe(404);
    await put(`${root}/slashes/x`, "1");
    expect((await fetch(url(`${root}/slashes/`))).status).toBe(400);
    expect((await fetch(url(`${root}/slashes/`), { method: "DELETE" })).status).toBe(200);
    expect(await list(`${root}/slashes`)).toBeUndefined();
  });

  it("may be empty, and have names of any script", async () => {
    await put(`${root}/${encodeURIComponent("мо дель 模型.txt")}`, "");
    expect(await list(root)).toContainEqual({ path: "мо дель 模型.txt", is_dir: false, file_size: 0 });
    const answer = await fetch(url(`${root}/${encodeURIComponent("мо дель 模型.txt")}`));
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });
});

describe("uploads", () => {
  it("may be longer than any body in memory", async () => {
    const piece = new Uint8Array(1 << 20).fill(7);
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 80; i++) controller.enqueue(piece);
        controller.close();
      },
    });
    const init: RequestInit & { duplex: "half" } = { method: "PUT", body, duplex: "half" };
    expect((await fetch(url(`${root}/large.bin`), init)).status).toBe(200);
    expect(await list(root)).toContainEqual({ path: "large.bin", is_dir: false, file_size: 80 << 20 });
  });

  it("that end half-way leave nothing", async () => {
    const { hostname, port } = new URL(place.address);
    const socket = connect(Number(port), hostname);
    socket.write(`PUT /api/2.0/mlflow-artifacts/artifacts/${root}/half.bin HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: 100\r\n\r\nhalf`);
    await once(socket, "connect");
    socket.end();
    await once(socket.resume(), "close");
    expect((await fetch(url(`${root}/half.bin`))).status).toBe(404);
  });
});

describe("uploads of a page", () => {
  const upload = async (query: object, body = "") => {
    const address = `${place.address}/ajax-api/2.0/mlflow/upload-artifact?${new URLSearchParams({ ...query })}`;
    const answer = await fetch(address, { method: "POST", body });
    const text = await answer.text();
    return { status: answer.status, message: text && (JSON.parse(text) as { message: string }).message }; // as the protocol has it
  };
  it("need a run, a path and data", async () => {
    const page = { run_uuid: run, path: "page.txt" };
    for (const [missing, query] of [
      ["run_uuid", {}],
      ["path", { run_uuid: run }],
      ["path", { run_uuid: run, path: "" }],
      ["data", page],
    ] as const)
      expect(await upload(query)).toEqual({ status: 400, message: `Request must specify ${missing}.` });
    expect(await upload({ run_uuid: run, path: "../page.txt" }, "x")).toEqual({ status: 400, message: "Invalid path" });
    expect(await upload(page, "hello")).toEqual({ status: 200, message: "" });
    await upload(page);
    expect(await (await fetch(url(`${root}/page.txt`))).text()).toBe("hello");
  });
});

describe("files that no run owns", () => {
  it("are stored, listed, read and deleted", async () => {
    await put("0/models/m-1/artifacts/MLmodel", "flavors");
    await put("0/models/m-1/artifacts/data/x.bin", "x");
    expect(await list("0/models/m-1/artifacts")).toEqual([
      { path: "MLmodel", is_dir: false, file_size: 7 },
      { path: "data", is_dir: true },
    ]);
    expect(await (await fetch(url("0/models/m-1/artifacts/MLmodel"))).text()).toBe("flavors");
    await fetch(url("0/models/m-1"), { method: "DELETE" });
    expect(await list("0/models/m-1/artifacts")).toBeUndefined();
    expect((await fetch(url("0/models/m-1/artifacts/MLmodel"))).status).toBe(404);
  });
});

describe("paths that lead elsewhere", () => {
  const traversals = [
    "../x",
    "%2e%2e/x",
    "a/%2e%2e/%2e%2e/etc/passwd",
    "a/..%2f..%2fetc/passwd",
    "a/%252e%252e/x",
    "a/%25252e%25252e/x",
    "a/..%5c..%5cx",
    "a/%5c%5cserver/x",
    "%2fetc/passwd",
    "//etc/passwd",
    "./..",
    "C:/windows",
    "~/x",
    "a%00b",
  ];
  it.each(traversals)("are refused: %s", async (path) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      // fetch would resolve the dots itself
      expect(await raw(method, `/api/2.0/mlflow-artifacts/artifacts/${path}`), method).toMatch(/^HTTP\/1\.1 4\d\d/);
    }
    for (const query of [`mlflow-artifacts/artifacts?path=${path}`, `mlflow/artifacts/list?run_id=${run}&path=${path}`]) {
      const status = Number((await raw("GET", `/api/2.0/${query}`)).split(" ")[1]);
      expect(status, query).toBe(400);
    }
    expect(await raw("GET", `/get-artifact?run_id=${run}&path=${path}`)).toMatch(/^HTTP\/1\.1 400/);
  });
});

/** The first line of the answer to a request whose path goes out as it is. */
async function raw(method: string, path: string): Promise<string> {
  const { hostname, port } = new URL(place.address);
  const socket = connect(Number(port), hostname);
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: close\r\ncontent-length: ${method === "PUT" ? 1 : 0}\r\n\r\n`);
  if (method === "PUT") socket.write("x");
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  return text.split("\r\n")[0]!;
}
