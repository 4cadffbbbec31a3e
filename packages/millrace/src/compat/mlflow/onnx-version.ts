import { type ModelVersion, type RegistryServices } from "#domains/registry";
import type { CallColumn, CallSignature, CallTensor, TensorVersion } from "#domains/serving";
import { artifactKey } from "#domains/tracking";
import { AppError } from "#kit/app-error";
import { collectBytes } from "#kit/collect-bytes";
import { type PlainValue, readPlainYaml } from "#kit/plain-yaml";
import type { BlobStore } from "#ports/blob-store";
import { rowsOfVersions } from "./version-rows.ts";

/** Whether a version is a folder with an MLmodel file, or has its files elsewhere: what clients of MLflow register. */
export function isFromMlflow({ files }: Pick<ModelVersion, "files">): boolean {
  return files.length === 0 || files.some(({ path }) => path === "MLmodel");
}

/**
 * The ONNX model in a version that a client of MLflow registered. Nothing else of the folder is read but its MLmodel file, and no code of
 * it runs. Throws `unsupported` for one without an ONNX flavor, saying which it has.
 */
export async function onnxVersion(
  services: { registry: Pick<RegistryServices, "state">; blobs: BlobStore },
  version: ModelVersion,
): Promise<TensorVersion> {
  const { model: name, version: number, digest } = version;
  const what = `${name} v${number}`;
  const file = version.files.find(({ path }) => path === "MLmodel");
  if (file === undefined) throw await filesElsewhere(services, version);
  const mlmodel = readMlmodel(what, (await collectBytes(await services.blobs.get(artifactKey(file.digest)))).toString("utf8"));
  const flavors = mlmodel.get("flavors");
  const known = flavors instanceof Map ? [...flavors.keys()] : [];
  const onnx = flavors instanceof Map ? flavors.get("onnx") : undefined;
  if (!(onnx instanceof Map))
    throw new AppError("unsupported", `${what} has no ONNX flavor, so it cannot be served here (it has: ${known.join(", ") || "none"}).`, {
      hint: "The server runs no code of a model. Convert it (skl2onnx, torch.onnx.export, onnxmltools), log it with mlflow.onnx.log_model and move the alias; or serve it with `mlflow models serve`.",
      details: { flavors: known },
    });
  const main = onnx.get("data");
  if (typeof main !== "string" || !version.files.some(({ path }) => path === main))
    throw new AppError("corrupt_data", `The ONNX flavor of ${what} names the file ${JSON.stringify(main ?? null)}, which is not in its folder.`, {
      hint: "Log the model again.",
    });
  return {
    ...{ name, version: number, digest, main, signature: signatureOf(what, mlmodel.get("signature")) },
    files: new Map(version.files.filter(({ path }) => isModelFile(path, main)).map(({ path, digest: content }) => [path, artifactKey(content)])),
  };
}

/** The model, and what may be its values beside it: not what MLflow writes about environment and code. */
function isModelFile(path: string, main: string): boolean {
  return (
    path === main || (!/^(MLmodel|conda\.yaml|python_env\.yaml|requirements\.txt|.*\.(json|py|pkl|pickle))$/.test(path) && !path.startsWith("code/"))
  );
}

async function filesElsewhere({ registry }: { registry: Pick<RegistryServices, "state"> }, version: ModelVersion): Promise<AppError> {
  const source = (await rowsOfVersions(registry.state, [version]))(version.model, version.version)?.source;
  const files = version.files.length > 0 ? "no MLmodel file" : `no files here${source === undefined ? "" : `: they are at ${source}`}`;
  return new AppError("unsupported", `${version.model} v${version.version} has ${files}, so it cannot be served.`, {
    hint: "Log the model to this server and register it from the run.",
  });
}

function readMlmodel(what: string, text: string): Map<string, PlainValue> {
  const unreadable = (why: string, cause?: unknown) =>
    new AppError("corrupt_data", `The MLmodel file of ${what} cannot be read: ${why}`, {
      ...(cause !== undefined && { cause }),
      hint: "Log the model again.",
    });
  let value: PlainValue;
  try {
    value = readPlainYaml(text);
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error), error);
  }
  if (value instanceof Map) return value;
  throw unreadable("it is no mapping.");
}

/** JSON within YAML: columns, or one tensor or more. Parameters are not asked for. */
function signatureOf(what: string, signature: PlainValue | undefined): CallSignature | undefined {
  const text = signature instanceof Map ? signature.get("inputs") : undefined;
  if (typeof text !== "string") return undefined;
  const unreadable = new AppError("corrupt_data", `The signature of ${what} cannot be read.`, { hint: "Log the model again." });
  let inputs: unknown;
  try {
    inputs = JSON.parse(text);
  } catch (cause) {
    throw Object.assign(unreadable, { cause });
  }
  if (!Array.isArray(inputs) || inputs.length === 0 || !inputs.every(isObject)) throw unreadable;
  if (inputs.every((input) => input["type"] === "tensor")) return { kind: "tensors", tensors: inputs.map((input) => tensorOf(input, unreadable)) };
  return { kind: "columns", columns: inputs.map((input) => columnOf(what, input)) };
}

const columnTypes: Record<string, CallColumn["type"]> = {
  ...{ boolean: "boolean", integer: "integer", long: "integer", float: "number", double: "number", string: "text" },
};

function columnOf(what: string, { name, type, required, optional }: Record<string, unknown>): CallColumn {
  const known = typeof type === "string" && Object.hasOwn(columnTypes, type) ? columnTypes[type] : undefined;
  if (known === undefined)
    throw new AppError("unsupported", `Column ${String(name)} of ${what} is of the type ${JSON.stringify(type)}, which ONNX models do not take.`, {
      hint: `Log it with columns of ${Object.keys(columnTypes).join(", ")}, or with a signature of tensors.`,
    });
  return { name: typeof name === "string" ? name : undefined, type: known, required: required !== false && optional !== true };
}

function tensorOf({ name, "tensor-spec": spec }: Record<string, unknown>, unreadable: AppError): CallTensor {
  const { dtype, shape } = isObject(spec) ? spec : {};
  if (typeof dtype !== "string" || !Array.isArray(shape) || !shape.every((size) => Number.isInteger(size))) throw unreadable;
  return { name: typeof name === "string" ? name : undefined, type: dtype, shape: (shape as number[]).map((size) => (size < 0 ? null : size)) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
