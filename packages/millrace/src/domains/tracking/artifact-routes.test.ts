import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDuckdb } from "#adapters/warehouse/duckdb";
import type { Warehouse } from "#ports/warehouse";
import { artifactRoutes, logArtifact } from "./index.ts";
import { previewArtifact } from "./preview-artifact.ts";
import { previewText } from "./preview-text.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";
import { serveRoutes } from "../../../../../tests/processes/serve-routes.ts";

let test: TestTracking;
let warehouse: Warehouse;
let server: Awaited<ReturnType<typeof serveRoutes>>;
let run: string;

beforeAll(async () => {
  test = await openTestTracking();
  warehouse = await openDuckdb({ threads: 1, memoryLimitMb: 200, temporaryFolder: join(test.folder, "spill") });
  server = await serveRoutes(artifactRoutes, { tracking: test.services, warehouse, scratchFolder: join(test.folder, "scratch") });
  run = await test.start();
});
afterAll(async () => {
  await server.close();
  await warehouse.close();
  await test.close();
});

const url = (rest: string) => `${server.address}/api/runs/${run}/${rest}`;
const file = (path: string) => url(`files/${path.split("/").map(encodeURIComponent).join("/")}`);
const put = (path: string, body: string, type?: string) =>
  fetch(file(path), { method: "PUT", body, ...(type !== undefined && { headers: { "content-type": type } }) });

async function json(address: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(address, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }; // every answer is an object
}

async function preview(path: string, data: Uint8Array | string, query = ""): Promise<unknown> {
  await logArtifact(test.services, { run, path, data: Buffer.from(data) });
  const { status, body } = await json(url(`artifacts/preview?path=${encodeURIComponent(path)}${query}`));
  return status === 200 ? body["preview"] : body["error"];
}

describe("artifacts over HTTP", () => {
  it("are uploaded, shown, listed page by page, downloaded whole or in ranges, and deleted", async () => {
    for (const name of ["a.txt", "b.txt", "deep/er/c.txt"]) expect((await put(`files/${name}`, `content of ${name}`, "text/plain")).status).toBe(200);
    const listed = await json(url("artifacts?folder=files&limit=2"));
    expect(listed.body).toMatchObject({
      artifacts: [{ path: "files/a.txt", folder: false, sizeBytes: 16, mediaType: "text/plain" }, { path: "files/b.txt" }],
      next: "b.txt",
    });
    expect((await json(url("artifacts?folder=files&limit=2&after=b.txt"))).body).toEqual({
      artifacts: [{ path: "files/deep", folder: true, sizeBytes: 0, createdMs: 1_000_000 }],
    });
    const answer = await fetch(file("files/a.txt"));
    expect([answer.status, await answer.text()]).toEqual([200, "content of a.txt"]);
    const ranged = await fetch(file("files/a.txt"), { headers: { range: "bytes=11-12" } });
    expect([ranged.status, await ranged.text(), ranged.headers.get("content-range")]).toEqual([206, "a.", "bytes 11-12/16"]);
    expect((await fetch(file("files/a.txt"), { headers: { "if-none-match": answer.headers.get("etag")! } })).status).toBe(304);
    expect((await json(url("artifacts/info?path=files/deep/er/c.txt"))).body).toMatchObject({
      path: "files/deep/er/c.txt",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
    });
    expect((await json(url("artifacts?path=files/deep"), { method: "DELETE" })).status).toBe(200);
    expect((await json(file("files/deep/er/c.txt"))).status).toBe(404);
    expect((await json(file("files"))).status).toBe(400);
  });

  it.each(["../x", "a/../../x", "a//b", "./a", "a\\b", "a\u0000b", "/etc/passwd"])("refuse the path %j", async (path) => {
    const name = encodeURIComponent(path);
    for (const method of ["GET", "PUT"])
      expect((await fetch(url(`files/${name}`), { method, ...(method === "PUT" && { body: "x" }) })).status, method).toBeGreaterThanOrEqual(400);
    for (const rest of [`artifacts/info?path=${name}`, `artifacts/preview?path=${name}`, `artifacts?folder=${name}`])
      expect((await fetch(url(rest))).status, rest).toBe(400);
    expect((await fetch(url(`artifacts?path=${name}`), { method: "DELETE" })).status).toBe(400);
  });

  // CVE-2023-6568: the type of an upload was echoed; CVE-2026-33865: what was stored ran as a page.
  it.each([
    ["page.html", "text/html", "<script>alert(1)</script>", "application/octet-stream"],
    ["image.svg", "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "application/octet-stream"],
    ["script.js", "text/javascript", "alert(1)", "application/octet-stream"],
    ["page.xhtml", "application/xhtml+xml", "<html/>", "application/octet-stream"],
    ["page.txt", "text/html; charset=utf-7", "+ADw-script+AD4-", "application/octet-stream"],
    ["odd.bin", "text/html\t;x", "<b>", "application/octet-stream"],
    ["MLmodel", "text/x-markdown", "<img src=x onerror=alert(1)>", "text/plain; charset=utf-8"],
    ["picture.png", "image/png", "<script>alert(1)</script>", "image/png"],
  ])("never become a page of this server: %s sent as %s", async (name, type, body, answered) => {
    await put(`active/${name}`, body, type);
    const answer = await fetch(file(`active/${name}`));
    expect(await answer.text()).toBe(body);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": answered,
      "x-content-type-options": "nosniff",
      "content-disposition": `attachment; filename=${name}`,
      "content-security-policy": "sandbox; default-src 'none'",
    });
    const shown = await fetch(url(`artifacts/preview?path=active/${name}`));
    expect(shown.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });
});

describe("an archive of artifacts", () => {
  it("has all files below a folder, by their paths in it", async () => {
    for (const path of ["z/a.txt", "z/deep/b.txt", "z/deep/er/c.txt"]) await logArtifact(test.services, { run, path, data: Buffer.from(path) });
    const answer = await fetch(url("archive?folder=z"));
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("content-disposition")]).toEqual([
      200,
      "application/zip",
      "attachment; filename=z.zip",
    ]);
    const text = Buffer.from(await answer.arrayBuffer()).toString("latin1");
    for (const path of ["a.txt", "deep/b.txt", "deep/er/c.txt"]) expect(text).toContain(`${path}z/${path}`); // the name, then the bytes
    expect((await fetch(url("archive?folder=none"))).status).toBe(404);
    expect((await fetch(url("archive?folder=../x"))).status).toBe(400);
  });
});

describe("previews", () => {
  it("of texts tell their format by content and show the beginning", async () => {
    expect(await preview("t/empty", "")).toEqual({ kind: "empty" });
    expect(await preview("t/notes.md", "# Notes\nall went well, mostly\n")).toMatchObject({ kind: "text", format: "text", truncated: false });
    expect(await preview("t/no-extension", '{"a": [1, 2]}')).toEqual({ kind: "text", format: "json", text: '{"a": [1, 2]}', truncated: false });
    expect(await preview("t/conda.yaml", "dependencies:\n- python\n")).toMatchObject({ format: "yaml" });
    expect(await preview("t/page.html", "<!DOCTYPE html><script>alert(1)</script>")).toMatchObject({ kind: "text", format: "markup" });
    expect(await preview("t/broken.json", '{"a": ')).toMatchObject({ kind: "text", format: "text" });
    const long = (await preview("t/long.log", "й\n".repeat(300_000))) as { text: string; truncated: boolean };
    expect([long.text.length, long.truncated]).toEqual([65_536, true]);
    expect(await preview("t/wide", Buffer.from("\ufeffwide", "utf16le"))).toMatchObject({ kind: "text", text: "wide" });
  });

  it("of CSV show its first rows, by content, with types and any delimiter", async () => {
    const csv = 'id,name,price,when,ok\r\n1,"Smith, ""J""",1.5,2026-01-02,true\r\n2,,-3,2026-01-03T04:05:06Z,false\r\n';
    expect(await preview("c/data.txt", csv)).toEqual({
      kind: "table",
      format: "csv",
      delimiter: ",",
      columns: [
        { name: "id", type: "integer" },
        { name: "name", type: "text" },
        { name: "price", type: "number" },
        { name: "when", type: "time" },
        { name: "ok", type: "boolean" },
      ],
      rows: [
        ["1", 'Smith, "J"', "1.5", "2026-01-02", "true"],
        ["2", null, "-3", "2026-01-03T04:05:06Z", "false"],
      ],
      truncated: false,
    });
    expect(await preview("c/numbers.csv", "1;2\n3;4\n")).toMatchObject({
      delimiter: ";",
      columns: [{ name: "column1" }, { name: "column2" }],
      rows: [
        ["1", "2"],
        ["3", "4"],
      ],
    });
    const large = `a\tb\n${Array.from({ length: 50_000 }, (_, i) => `${i}\tx${i}`).join("\n")}`;
    expect(await preview("c/large.tsv", large, "&rows=3")).toMatchObject({
      delimiter: "\t",
      rows: [
        ["0", "x0"],
        ["1", "x1"],
        ["2", "x2"],
      ],
      truncated: true,
    });
    expect(await preview("c/prose.csv", "One, two.\nThree.\n")).toMatchObject({ kind: "text" });
  });

  it("are printed as tables and texts that cannot steer a terminal", async () => {
    const of = async (path: string, text: string) => previewText((await preview(path, text)) as Parameters<typeof previewText>[0]); // no error is expected
    expect(await of("p/t.csv", "a,b\n1,x\u001b[2J\n")).toBe("a integer  b text\n1          x\ufffd[2J");
    expect(await of("p/t.txt", "one\n\u001b]0;title\u0007")).toMatch(/^kind: binary/);
    expect(await of("p/u.txt", "one\n\u001b[31mred")).toBe("one\n\ufffd[31mred");
    expect(previewText({ kind: "image", format: "png", width: 3, height: 2 })).toBe("kind: image\nformat: png\nwidth: 3\nheight: 2");
  });

  it("of Parquet show columns, types, the number of rows and the first of them", async () => {
    const path = join(test.folder, "table.parquet");
    await warehouse.writeParquet(
      "select i::bigint as i, 'row ' || i as name, [i, i + 1] as list, null::timestamp as t from range(100000) r(i)",
      path,
    );
    await logArtifact(test.services, { run, path: "p/no-extension", data: { file: path } });
    const { body } = await json(url("artifacts/preview?path=p/no-extension&rows=2"));
    expect(body["preview"]).toEqual({
      kind: "table",
      format: "parquet",
      columns: [
        { name: "i", type: "BIGINT" },
        { name: "name", type: "VARCHAR" },
        { name: "list", type: "BIGINT[]" },
        { name: "t", type: "TIMESTAMP" },
      ],
      rows: [
        ["0", "row 0", "[0, 1]", null],
        ["1", "row 1", "[1, 2]", null],
      ],
      rowCount: 100_000,
      truncated: true,
    });
    const broken = await preview("p/broken", Buffer.concat([Buffer.from("PAR1"), Buffer.alloc(100, 7), Buffer.from("PAR1")]));
    expect(broken).toMatchObject({ code: "corrupt_data", message: expect.not.stringContaining(test.folder) as unknown });
  });

  // Headers as Pillow 11 writes them for images of 300 × 200 (jpeg: with an EXIF segment before the frame).
  it.each([
    ["png", "89504e470d0a1a0a0000000d494844520000012c000000c80802000000"],
    ["gif", "4749463837612c01c800870000"],
    ["bmp", "424dd2bf02000000000036000000280000002c010000c800000001001800"],
    ["jpeg", "ffd8ffe100084578696600 00ffc0001108 00c8 012c 03012200".replaceAll(" ", "")],
    ["webp", "52494646 24000000 57454250 56503820 18000000 3001 00 9d012a 2c01 c800 0002".replaceAll(" ", "")],
    ["webp", "52494646 24000000 57454250 5650384c 18000000 2f 2bc13100 000000000000".replaceAll(" ", "")],
    ["webp", "52494646 24000000 57454250 56503858 0a000000 10000000 2b0100 c70000".replaceAll(" ", "")],
  ])("of %s images tell the size", async (format, hex) => {
    expect(await preview(`i/${hex.slice(0, 40)}`, Buffer.from(hex, "hex"))).toEqual({ kind: "image", format, width: 300, height: 200 });
  });

  it("of arrays, networks and other bytes tell what their first bytes say", async () => {
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }".padEnd(117) + "\n";
    const npy = Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), Buffer.from([header.length, 0]), Buffer.from(header), Buffer.alloc(96)]);
    expect(await preview("b/x.npy", npy)).toEqual({ kind: "array", format: "npy", type: "<f8", shape: [3, 4], order: "C" });
    const onnx = Buffer.from(`08081208736b6c326f6e6e781a03312e303a${"0a".repeat(40)}`, "hex");
    expect(await preview("b/m.onnx", onnx)).toMatchObject({
      kind: "network",
      format: "onnx",
      irVersion: 8,
      producer: "skl2onnx",
      producerVersion: "1.0",
    });
    expect(await preview("b/x.zip", Buffer.from("PK\x03\x04\x00\x00"))).toEqual({ kind: "binary", format: "zip", hex: "504b03040000" });
    expect(await preview("b/m.pkl", Buffer.from("\x80\x04\x95\x00", "latin1"))).toMatchObject({ kind: "binary", format: "pickle" });
    expect(await preview("b/noise", Buffer.from([0, 1, 2, 255]))).toEqual({ kind: "binary", hex: "000102ff" });
    for (const cut of [npy.subarray(0, 11), Buffer.from("89504e470d0a1a0a", "hex"), Buffer.from("ffd8ffe0ffff", "hex"), Buffer.from("RIFF1234WEBP")])
      expect(await preview(`b/cut-${cut.length}`, cut)).toMatchObject({ kind: expect.stringMatching(/binary|text/) as unknown });
  });

  it("of a model's description show its flavours and its signature, and never more than JSON", async () => {
    const model = `flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n  sklearn:\n    code: null\nmlflow_version: 3.17.2\nrun_id: abc\nsignature:\n  inputs: '[{"type": "double", "name": "x", "required": true}]'\n  outputs: null\n  params: null\n`;
    expect(await preview("m/MLmodel", model)).toEqual({
      kind: "model",
      flavours: [
        { name: "python_function", settings: { loader_module: "mlflow.sklearn" } },
        { name: "sklearn", settings: { code: null } },
      ],
      signature: { inputs: [{ type: "double", name: "x", required: true }], outputs: [], params: [] },
      facts: { mlflow_version: "3.17.2", run_id: "abc" },
      text: model,
    });
    const attacks = [
      "flavors: !!js/function 'alert(1)'\n",
      "flavors:\n  a: !!python/object/apply:os.system ['id']\n",
      "a: &a [1, 1]\nb: &b [*a, *a]\nflavors: {x: *b}\n",
      "flavors:\n  __proto__:\n    polluted: true\n",
    ];
    for (const [i, attack] of attacks.entries()) expect(await preview(`m/${i}/MLmodel`, attack)).toMatchObject({ kind: i === 3 ? "model" : "text" });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("read the beginning of a file only, whatever its size", async () => {
    await logArtifact(test.services, { run, path: "large.log", data: Buffer.alloc(3_000_000, "a line of a log\n") });
    const asked: unknown[] = [];
    const { blobs } = test.services;
    const watched: typeof blobs = {
      ...blobs,
      get(key, range) {
        asked.push(range);
        return blobs.get(key, range);
      },
    };
    await previewArtifact({ tracking: { ...test.services, blobs: watched }, warehouse }, { run, path: "large.log" });
    expect(asked).toEqual([{ first: 0, last: 262_143 }]);
  });
});
