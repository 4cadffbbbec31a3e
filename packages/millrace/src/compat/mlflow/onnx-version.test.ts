import { afterAll, beforeAll, expect, it } from "vitest";
import { getVersion, registerVersion } from "#domains/registry";
import { artifactKey, modelDigest } from "#domains/tracking";
import { sha256 } from "#kit/hash";
import { type MlflowPlace, openMlflowPlace } from "../../../../../tests/contracts/mlflow.ts";
import { isFromMlflow, onnxVersion } from "./onnx-version.ts";

let place: MlflowPlace;
beforeAll(async () => void (place = await openMlflowPlace()));
afterAll(() => place.close());

/** A version with these files. */
async function version(contents: Record<string, string>) {
  for (const content of Object.values(contents)) await place.tracking.blobs.put(artifactKey(sha256(content)), Buffer.from(content));
  const files = Object.entries(contents).map(([path, content]) => ({ path, digest: sha256(content), sizeBytes: content.length }));
  const folder = { format: "mlflow", signature: { inputs: [], outputs: [] }, files };
  const { version: number } = await registerVersion(place.registry, {
    model: "iris",
    again: true,
    folder: { ...folder, digest: modelDigest(folder) },
  });
  return getVersion(place.registry, "iris", number);
}

const read = async (contents: Record<string, string>) =>
  onnxVersion({ registry: place.registry, blobs: place.tracking.blobs }, await version(contents));
const mlmodel = (inputs?: object[], data = "model.onnx") =>
  `flavors:\n  onnx:\n    code: null\n    data: ${data}\n  python_function:\n    loader_module: mlflow.onnx\n` +
  (inputs === undefined ? "" : `signature:\n  inputs: '${JSON.stringify(inputs)}'\n  outputs: null\n`);

it("an ONNX flavor gives the model, what may be its values, and how it wants to be asked", async () => {
  const inputs = [
    { type: "double", name: "a", required: true },
    { type: "string", name: "town", required: false },
    { type: "long", name: "n", optional: true },
  ];
  const found = await read({
    MLmodel: mlmodel(inputs),
    "model.onnx": "m",
    weights: "w",
    "requirements.txt": "r",
    "input_example.json": "{}",
    "code/a": "c",
  });
  expect(found).toMatchObject({ name: "iris", main: "model.onnx" });
  expect([...found.files]).toEqual([
    ["model.onnx", artifactKey(sha256("m"))],
    ["weights", artifactKey(sha256("w"))],
  ]);
  expect(found.signature).toEqual({
    kind: "columns",
    columns: [
      { name: "a", type: "number", required: true },
      { name: "town", type: "text", required: false },
      { name: "n", type: "integer", required: false },
    ],
  });
  const tensors = [{ type: "tensor", "tensor-spec": { dtype: "float32", shape: [-1, 4] } }];
  expect((await read({ MLmodel: mlmodel(tensors), "model.onnx": "m" })).signature).toEqual({
    kind: "tensors",
    tensors: [{ name: undefined, type: "float32", shape: [null, 4] }],
  });
  expect((await read({ MLmodel: mlmodel(), "model.onnx": "m" })).signature).toBeUndefined();
});

it.each([
  [
    { MLmodel: "flavors:\n  python_function: {}\n  sklearn: {}\n" },
    "unsupported",
    "no ONNX flavor, so it cannot be served here (it has: python_function, sklearn)",
  ],
  [{ MLmodel: "run_id: abc\n" }, "unsupported", "it has: none"],
  [{}, "unsupported", "has no files here"],
  [{ MLmodel: mlmodel(), other: "m" }, "corrupt_data", '"model.onnx", which is not in its folder'],
  [{ MLmodel: mlmodel(undefined, "../model.onnx"), "model.onnx": "m" }, "corrupt_data", '"../model.onnx"'],
  [{ MLmodel: "flavors: !!python/object:os.system {}\n" }, "corrupt_data", "The MLmodel file of iris v"],
  [{ MLmodel: mlmodel([{ type: "datetime", name: "t" }]), "model.onnx": "m" }, "unsupported", "Column t of iris v"],
  [{ MLmodel: mlmodel([{ type: "tensor", name: "t" }]), "model.onnx": "m" }, "corrupt_data", "The signature of iris v"],
])("a version that cannot be served says why: %j", async (contents, code, words) => {
  await expect(read(contents as Record<string, string>)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words),
    hint: expect.any(String),
  });
});

it("a version whose files are elsewhere says where", async () => {
  const post = (path: string, body: object) =>
    fetch(`${place.address}/api/2.0/mlflow/${path}`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  await post("registered-models/create", { name: "far" });
  await post("model-versions/create", { name: "far", source: "s3://bucket/far" });
  const far = await getVersion(place.registry, "far", 1);
  expect([isFromMlflow(far), isFromMlflow({ files: [{ path: "model.onnx", digest: "d", sizeBytes: 1 }] })]).toEqual([true, false]);
  await expect(onnxVersion({ registry: place.registry, blobs: place.tracking.blobs }, far)).rejects.toMatchObject({
    message: expect.stringContaining("they are at s3://bucket/far"),
  });
});
