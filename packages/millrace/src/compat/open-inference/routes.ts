import { z } from "zod";
import { type EndpointDesk, isTensorEndpoint, type OpenEndpoint, type ServedModel } from "#domains/serving";
import { AppError } from "#kit/app-error";
import { millraceVersion } from "#kit/environment";
import { route, type AnyRoute, type Protocol, type RawAnswer } from "#kit/route";
import { checkOutputs, inferAnswer, outputsOf } from "./infer-answer.ts";
import { checkVersion, inferTensors, tensorMetadata } from "./infer-tensors.ts";
import { readInferRequest, readTensorRequest } from "./infer-request.ts";

const serverRoute = route<{ serving: EndpointDesk }>();

const protocol: Protocol = {
  name: "open-inference",
  errorAnswer: (error) => json({ error: error.hint === undefined ? error.message : `${error.message} ${error.hint}` }, error.status),
};

const server = serverRoute({
  ...{ name: "v2.server", method: "GET", path: "/v2", summary: "Open Inference: what this server is.", permission: "public", protocol, cli: false },
  input: z.object({}),
  errors: [],
  handle: async () => json({ name: "millrace", version: millraceVersion(), extensions: ["binary_tensor_data"] }),
});

const live = serverRoute({
  ...{
    name: "v2.live",
    method: "GET",
    path: "/v2/health/live",
    summary: "Open Inference: whether the server is up.",
    permission: "public",
    protocol,
    cli: false,
  },
  input: z.object({}),
  errors: [],
  handle: async () => json({ live: true }),
});

const ready = serverRoute({
  ...{
    name: "v2.ready",
    method: "GET",
    path: "/v2/health/ready",
    summary: "Open Inference: whether every endpoint can answer.",
    permission: "public",
    protocol,
    cli: false,
  },
  input: z.object({}),
  errors: [],
  handle: async ({ serving }) => {
    const ready = (await Promise.all(serving.endpoints.map(({ name }) => isReady(serving, name)))).every(Boolean);
    return json({ live: true, ready }, ready ? 200 : 503);
  },
});

const modelInput = z.object({ model: z.string() });
const versionInput = z.object({ model: z.string(), version: z.string() });
const inferInput = { body: z.custom<Uint8Array>((value) => value instanceof Uint8Array), headers: z.record(z.string(), z.unknown()) };

/** Each of these with and without a version in the path; without one the endpoint's policy (its alias) decides. */
const perModel: AnyRoute[] = [
  { suffix: "", base: "/v2/models/{model}", input: modelInput },
  { suffix: "OfVersion", base: "/v2/models/{model}/versions/{version}", input: versionInput },
].flatMap(({ suffix, base, input }) => [
  serverRoute({
    ...{
      name: `v2.model${suffix}`,
      method: "GET",
      path: base,
      summary: "Open Inference: the inputs and outputs of an endpoint.",
      permission: "predictions:make",
      protocol,
      cli: false,
    },
    input,
    errors: ["not_found"],
    handle: async ({ serving }, given: { model: string; version?: string }) => {
      const endpoint = await serving.answering(given.model);
      if (isTensorEndpoint(endpoint)) return json(tensorMetadata(endpoint, given.version));
      return json(metadataOf(endpoint, servedAs(endpoint, given.version)));
    },
  }),
  serverRoute({
    ...{
      name: `v2.modelReady${suffix}`,
      method: "GET",
      path: `${base}/ready`,
      summary: "Open Inference: whether an endpoint can answer.",
      permission: "public",
      protocol,
      cli: false,
    },
    input,
    errors: ["not_found"],
    handle: async ({ serving }, given: { model: string; version?: string }) => {
      await serving.describe(given.model); // an endpoint that is not there is an error, not one that is not ready
      const ready = await isReady(serving, given.model, given.version);
      return json({ name: given.model, ready }, ready ? 200 : 503);
    },
  }),
  serverRoute({
    ...{
      name: `v2.infer${suffix}`,
      method: "POST",
      path: `${base}/infer`,
      summary: "Open Inference: answer rows given as one tensor for each column.",
      permission: "predictions:make",
      cli: false,
    },
    protocol: { ...protocol, bytes: true },
    input: input.extend(inferInput),
    errors: ["invalid_argument", "not_found", "unavailable"],
    handle: async ({ serving }, given: { model: string; version?: string; body: Uint8Array; headers: Record<string, unknown> }, { signal }) => {
      const endpoint = await serving.answering(given.model);
      if (isTensorEndpoint(endpoint)) return inferTensors(endpoint, readTensorRequest(given.body, given.headers), given.version);
      const request = readInferRequest(given.body, given.headers);
      const { signature, version } = servedAs(endpoint, given.version);
      checkOutputs(signature.task, request);
      const { predictions } = await endpoint.predict(request.rows, {
        record: request.record,
        signal,
        ...(given.version !== undefined && { version }),
      });
      return inferAnswer(given.model, signature.task, request, predictions, predictions[0]?.version ?? version);
    },
  }),
]);

export const openInferenceRoutes: AnyRoute[] = [server, live, ready, ...perModel];

/** The model that answers for a version in the path. Throws `not_found` for one that is not loaded. */
function servedAs(endpoint: OpenEndpoint, version: string | undefined): ServedModel {
  const loaded = [endpoint.serving(), endpoint.shadow()].filter((each) => each !== undefined);
  const found = version === undefined ? loaded[0] : loaded.find((each) => String(each.version) === version);
  if (found) return found;
  throw new AppError(
    "not_found",
    `Model ${endpoint.definition.name} does not serve version "${version}" (it serves ${loaded.map((each) => each.version).join(" and ")}).`,
  );
}

async function isReady(serving: EndpointDesk, name: string, version?: string): Promise<boolean> {
  return serving
    .answering(name)
    .then((endpoint) => {
      if (isTensorEndpoint(endpoint)) checkVersion(endpoint, version);
      else servedAs(endpoint, version);
      return true;
    })
    .catch(() => false);
}

/** What a caller has to send: the keys of the feature views and the model's own columns. Features, by their full name, and the time may be sent too. */
function metadataOf(endpoint: OpenEndpoint, { signature }: ServedModel) {
  const inputs = new Map<string, string>();
  for (const { name, kind } of signature.inputs) if (signature.columns.includes(name)) inputs.set(name, kind === "category" ? "BYTES" : "FP64");
  for (const { view, on } of Object.values(signature.features)) {
    on.forEach((name, i) => {
      if (!inputs.has(name)) inputs.set(name, /CHAR|TEXT|UUID/.test(view.from.columns[view.on[i]!] ?? "") ? "BYTES" : "INT64");
    });
  }
  return {
    name: endpoint.definition.name,
    versions: [endpoint.serving(), endpoint.shadow()].flatMap((each) => (each ? [String(each.version)] : [])),
    platform: "onnx_onnxv1",
    inputs: [...inputs].map(([name, datatype]) => ({ name, datatype, shape: [-1] })),
    outputs: outputsOf(signature.task),
  };
}

function json(value: unknown, status = 200): RawAnswer {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}
