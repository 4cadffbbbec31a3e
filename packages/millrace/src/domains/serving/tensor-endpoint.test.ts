import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "#kit/app-error";
import { sha256 } from "#kit/hash";
import type { Tensor, TensorModel } from "#ports/tensor-runtime";
import { departures, openServingProject, type ServingProject } from "../../../../../tests/processes/serving-project.ts";
import {
  createEndpointDesk,
  type Endpoint,
  type EndpointDesk,
  isTensorEndpoint,
  openEndpoint,
  type OpenEndpoint,
  type TensorEndpoint,
  type TensorVersion,
} from "./index.ts";

/** Multiplies by a number, which is its file, once it is let to. */
const runtime = {
  name: "multiply",
  open: new Set<TensorModel>(),
  held: undefined as Promise<void> | undefined,
  async load({ main, files }: { main: string; files: ReadonlyMap<string, Uint8Array> }): Promise<TensorModel> {
    const factor = Number(Buffer.from(files.get(main)!).toString());
    if (Number.isNaN(factor)) throw new AppError("corrupt_data", "The file is no number.");
    const place = (name: string) => ({ name, type: "float32" as const, shape: [null] });
    const model: TensorModel = {
      ...{ engine: "multiply", inputs: [place("x")], outputs: [place("y")] },
      async run({ x }) {
        await runtime.held;
        if (!runtime.open.has(model)) throw new Error("the model was let go of");
        return { y: { ...x!, data: (x!.data as Float32Array).map((value) => value * factor) } };
      },
      close: async () => void runtime.open.delete(model),
    };
    runtime.open.add(model);
    return model;
  },
};

let folder: string;
let project: ServingProject;
let desk: EndpointDesk;
let champion: TensorVersion | undefined | AppError;
let noted: unknown[];
/** Opens endpoints whose version is Millrace's own. */
let openOwn: ((definition: Endpoint) => Promise<OpenEndpoint>) | undefined;

/** As the desk sees one. */
async function ownEndpoint(definition: Endpoint): Promise<OpenEndpoint> {
  let open = true;
  const seen = {
    definition,
    usable: () => open,
    reload: async () => ({ changed: false, version: 1, previous: 1 }),
    close: async () => void (open = false),
  };
  return seen as unknown as OpenEndpoint; // no more of it is looked at here
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-tensors-"));
  project = await openServingProject(folder);
  noted = [];
  runtime.held = undefined;
  const models = {
    ...project.models,
    tensors: async () => {
      if (champion instanceof AppError) throw champion;
      return champion;
    },
  };
  const services = { ...project, models, tensorRuntime: runtime, noteServing: async (...given: unknown[]) => void noted.push(given) };
  const endpoint = (name: string, more: object = {}) => ({ kind: "endpoint" as const, name, model: "Iris Größe@champion", ...more });
  openOwn = undefined;
  const open = async (definition: Endpoint) => (openOwn ?? ((given: Endpoint) => openEndpoint(services, given, [departures])))(definition);
  desk = createEndpointDesk(services, {
    open,
    endpoints: [endpoint("iris"), endpoint("stream", { stream: { in: departures, out: "out" } })],
    topics: [departures],
  });
});
afterEach(async () => {
  await desk.close();
  expect(runtime.open.size).toBe(0);
  await project.close();
  await rm(folder, { recursive: true });
});

async function version(number: number, factor: string): Promise<TensorVersion> {
  const blob = `artifacts/${sha256(factor)}`;
  await project.blobs.put(blob, Buffer.from(factor));
  return {
    name: "Iris Größe",
    version: number,
    digest: sha256(factor),
    main: "model.onnx",
    files: new Map([["model.onnx", blob]]),
    signature: undefined,
  };
}

const iris = async () => (await desk.answering("iris")) as TensorEndpoint; // as the tests point its alias
const x: Tensor = { type: "float32", shape: [1], data: Float32Array.of(3) };
const ask = async () => {
  const { served, outputs } = await (await iris()).ask(() => ({ x }));
  return [served.version, ...(outputs["y"]!.data as Float32Array)];
};

describe("an endpoint whose model was made elsewhere", () => {
  it("follows its alias, and finishes with the old version what was asked of it", async () => {
    champion = await version(1, "10");
    expect(await ask()).toEqual([1, 30]);
    let release = () => {};
    runtime.held = new Promise((resolve) => (release = resolve));
    const before = ask();
    champion = await version(2, "100");
    await desk.reload();
    const after = ask();
    expect(runtime.open.size).toBe(2);
    release();
    expect(await Promise.all([before, after])).toEqual([
      [1, 30],
      [2, 300],
    ]);
    expect(runtime.open.size).toBe(1);
    expect(await desk.describe("iris")).toMatchObject({ state: "answering", version: 2, shadow: null, problem: null });
    expect(noted).toEqual([1, 2].map((number) => ["iris", [{ model: "Iris Größe", version: number }]]));
  });

  it("stays on its version where the next cannot be loaded, and says why", async () => {
    champion = await version(1, "10");
    await ask();
    for (const next of [await version(2, "no number"), new AppError("unsupported", "There is no number.")]) {
      champion = next;
      await desk.reload();
      expect(await ask()).toEqual([1, 30]);
      expect(await desk.describe("iris")).toMatchObject({ version: 1, problem: expect.stringContaining("no number") });
    }
    champion = await version(1, "10");
    await desk.reload();
    expect(await desk.describe("iris")).toMatchObject({ problem: null });
  });

  it("is opened anew where its alias goes to a version of Millrace's own, and does nothing that only those can", async () => {
    champion = await version(1, "10");
    expect(isTensorEndpoint(await iris())).toBe(true);
    await expect(desk.open("iris")).rejects.toMatchObject({ code: "unsupported", hint: expect.stringContaining("/endpoints/iris/invocations") });
    await expect(desk.answering("stream")).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining("`stream`") });
    const standing = await iris();
    champion = undefined;
    await expect(desk.reload()).rejects.toMatchObject({ code: "not_found" }); // the registry of this project is empty
    expect(await ask()).toEqual([1, 30]);
    openOwn = ownEndpoint;
    await desk.reload();
    expect(standing.usable()).toBe(false);
    await expect(standing.ask(() => ({ x }))).rejects.toMatchObject({ code: "unavailable" });
    expect(isTensorEndpoint(await iris())).toBe(false);
    champion = await version(3, "2");
    await desk.reload();
    expect(await ask()).toEqual([3, 6]);
  });

  it("does not take the place of one that reads a stream", async () => {
    openOwn = ownEndpoint;
    champion = undefined;
    const own = await desk.answering("stream");
    champion = await version(1, "10");
    await expect(desk.reload()).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining("`stream`") });
    expect(await desk.answering("stream")).toBe(own);
  });

  it("refuses a file that is not what was stored", async () => {
    champion = await version(1, "10");
    await project.blobs.delete([...champion.files.values()][0]!);
    await expect(iris()).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("Iris Größe v1 is gone") });
  });
});
