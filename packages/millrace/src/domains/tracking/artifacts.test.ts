import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  artifactKey,
  deleteArtifact,
  deleteRun,
  getArtifact,
  getRun,
  listArtifacts,
  logArtifact,
  logModel,
  modelDigest,
  readArtifact,
} from "./index.ts";
import { openTestTracking, type TestTracking } from "../../../../../tests/contracts/tracking.ts";

let test: TestTracking;
beforeEach(async () => {
  test = await openTestTracking();
});
afterEach(() => test.close());

const bytes = (text: string) => new TextEncoder().encode(text);
const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const scratch = () => join(test.folder, "scratch");

async function text(run: string, path: string, range?: { first: number; last: number }): Promise<string> {
  const { bytes: stream } = await readArtifact(test.services, { run, path, ...(range && { range }) });
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function blobCount(): Promise<number> {
  let count = 0;
  for await (const blob of test.services.blobs.list("artifacts/")) count += blob.sizeBytes >= 0 ? 1 : 0;
  return count;
}

describe("artifacts", () => {
  it("come from memory, a file or a stream, and are stored once when equal", async () => {
    const run = await test.start();
    const file = join(test.folder, "notes.txt");
    await writeFile(file, "hello");
    const stream = async function* () {
      yield bytes("hel");
      yield bytes("lo");
    };
    await logArtifact(test.services, { run, path: "a.txt", data: bytes("hello"), mediaType: "text/plain" });
    await logArtifact(test.services, { run, path: "in/b.txt", data: { file } });
    await logArtifact(test.services, { run, path: "in/deep/c.txt", data: { stream: stream(), scratchFolder: scratch() } });
    for (const path of ["a.txt", "in/b.txt", "in/deep/c.txt"]) {
      expect(await text(run, path)).toBe("hello");
      expect(await getArtifact(test.services, { run, path })).toMatchObject({ digest: digest("hello"), sizeBytes: 5 });
    }
    expect(await blobCount()).toBe(1);
    expect(await text(run, "a.txt", { first: 1, last: 3 })).toBe("ell");
    expect(await readdir(scratch())).toEqual([]);
  });

  it("are listed by folder, page by page", async () => {
    const run = await test.start();
    for (const path of ["m/c", "m/a/x/y", "m/b", "top"]) await logArtifact(test.services, { run, path, data: bytes(path) });
    const names = async (folder: string, after?: string) =>
      (await listArtifacts(test.services, { run, folder, limit: 2, ...(after !== undefined && { after }) })).map((artifact) => [
        artifact.path,
        artifact.digest === undefined,
      ]);
    expect(await names("")).toEqual([
      ["m", true],
      ["top", false],
    ]);
    expect(await names("m")).toEqual([
      ["m/a", true],
      ["m/b", false],
    ]);
    expect(await names("m", "b")).toEqual([["m/c", false]]);
    expect(await names("m/a")).toEqual([["m/a/x", true]]);
    expect(await names("nothing")).toEqual([]);
    await expect(listArtifacts(test.services, { run: "nobody" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("replace one another at the same path, and never a folder or a file in the way", async () => {
    const run = await test.start();
    await logArtifact(test.services, { run, path: "a/b", data: bytes("1") });
    await logArtifact(test.services, { run, path: "a/b", data: bytes("22") });
    expect(await text(run, "a/b")).toBe("22");
    await expect(logArtifact(test.services, { run, path: "a", data: bytes("x") })).rejects.toThrow('a folder at "a"');
    await expect(logArtifact(test.services, { run, path: "a/b/c", data: bytes("x") })).rejects.toThrow('a file at "a/b"');
    await expect(readArtifact(test.services, { run, path: "a" })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("are nowhere to be seen when their stream breaks off", async () => {
    const run = await test.start();
    const broken = async function* () {
      yield bytes("half");
      throw new Error("connection lost");
    };
    await expect(logArtifact(test.services, { run, path: "a", data: { stream: broken(), scratchFolder: scratch() } })).rejects.toThrow(
      "connection lost",
    );
    expect(await listArtifacts(test.services, { run })).toEqual([]);
    expect(await blobCount()).toBe(0);
    expect(await readdir(scratch())).toEqual([]);
  });

  it("are not found where there is none, with the run and the path in the error", async () => {
    const run = await test.start();
    await expect(readArtifact(test.services, { run, path: "model/x" })).rejects.toThrow(`Run "${run}" has no artifact at "model/x"`);
    await expect(readArtifact(test.services, { run: "nobody", path: "x" })).rejects.toThrow('no run "nobody"');
    await expect(logArtifact(test.services, { run, path: "x", data: { file: join(test.folder, "none") } })).rejects.toMatchObject({
      code: "not_found",
    });
    await deleteRun(test.services, { run });
    await expect(logArtifact(test.services, { run, path: "x", data: bytes("x") })).rejects.toMatchObject({ code: "conflict" });
  });

  it.each(["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\\..\\b", "a\0b", "a/" + "x".repeat(256), "x/".repeat(600) + "x"])(
    "refuse the path %j",
    async (path) => {
      const run = await test.start();
      await expect(logArtifact(test.services, { run, path, data: bytes("x") })).rejects.toMatchObject({ code: "invalid_argument" });
      await expect(readArtifact(test.services, { run, path })).rejects.toMatchObject({ code: "invalid_argument" });
      expect(await blobCount()).toBe(0);
    },
  );

  it("have blob keys made of a digest and nothing else", () => {
    expect(artifactKey(digest("x"))).toMatch(/^artifacts\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}$/);
    expect(() => artifactKey("../../x")).toThrow("not a SHA-256 digest");
  });
});

describe("a logged model", () => {
  const signature = { inputs: [{ name: "x", type: "double" }], outputs: [{ name: "probability", type: "double" }] };

  it("is stored with its files, listed once among the outputs, and has the same digest when logged again", async () => {
    const run = await test.start();
    const log = () =>
      logModel(test.services, {
        run,
        format: "onnx",
        signature,
        files: [
          { path: "model.onnx", data: bytes("weights"), mediaType: "application/octet-stream" },
          { path: "signature.json", data: bytes("{}") },
        ],
      });
    const folder = await log();
    expect(await log()).toEqual(folder);
    expect(folder.files[0]).toEqual({ path: "model.onnx", digest: digest("weights"), sizeBytes: 7 });
    expect(await text(run, "model/model.onnx")).toBe("weights");
    expect((await getRun(test.services, run)).outputs).toEqual([{ kind: "model", name: "model", digest: folder.digest, facts: { format: "onnx" } }]);
  });

  it("has a digest of its files, format and signature, whatever the order of files", () => {
    const a = { path: "a", digest: digest("a"), sizeBytes: 1 };
    const b = { path: "b", digest: digest("b"), sizeBytes: 1 };
    const of = (files: (typeof a)[], format = "onnx", inputs = signature.inputs) =>
      modelDigest({ format, signature: { ...signature, inputs }, files });
    expect(of([a, b])).toBe(of([b, a]));
    expect(new Set([of([a]), of([a, b]), of([a], "other"), of([a], "onnx", []), of([{ ...a, path: "c" }])]).size).toBe(5);
  });
});

describe("deleting artifacts", () => {
  it("takes a file, or a folder with all in it, and nothing beside it", async () => {
    const run = await test.start();
    for (const path of ["a/b/c.txt", "a/b/d/e.txt", "a/bc.txt", "f.txt"]) await logArtifact(test.services, { run, path, data: bytes(path) });
    await deleteArtifact(test.services, { run, path: "a/b" });
    await deleteArtifact(test.services, { run, path: "f.txt" });
    expect((await listArtifacts(test.services, { run })).map(({ path }) => path)).toEqual(["a"]);
    expect((await listArtifacts(test.services, { run, folder: "a" })).map(({ path }) => path)).toEqual(["a/bc.txt"]);
    expect(await listArtifacts(test.services, { run, folder: "a/b/d" })).toEqual([]);
    await expect(deleteArtifact(test.services, { run, path: "f.txt" })).rejects.toMatchObject({ code: "not_found" });
    await expect(deleteArtifact(test.services, { run, path: "../x" })).rejects.toMatchObject({ code: "invalid_argument" });
    await logArtifact(test.services, { run, path: "a/b", data: bytes("now a file") });
    expect(await text(run, "a/b")).toBe("now a file");
  });
});
