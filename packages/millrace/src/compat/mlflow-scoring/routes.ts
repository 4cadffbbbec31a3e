import { z } from "zod";
import { type EndpointDesk, isTensorEndpoint } from "#domains/serving";
import { AppError } from "#kit/app-error";
import { route, type AnyRoute, type Protocol, type RawAnswer } from "#kit/route";
import { invokeTensors } from "./invoke-tensors.ts";
import { readInvocation, UnsupportedMediaType } from "./read-invocation.ts";

const scoringRoute = route<{ serving: EndpointDesk }>();

/** Errors as MLflow's scoring server tells them (mlflow/pyfunc/scoring_server). */
const protocol: Protocol = {
  name: "mlflow-scoring",
  bytes: true,
  errorAnswer: (error) =>
    json({ error_code: errorCodeOf(error), message: error.hint === undefined ? error.message : `${error.message} ${error.hint}` }, error.status),
};

const invocation = { body: z.custom<Uint8Array>((value) => value instanceof Uint8Array), headers: z.record(z.string(), z.unknown()) };

export const mlflowScoringRoutes: AnyRoute[] = [
  scoringRoute({
    ...{
      name: "scoring.ping",
      method: "GET",
      path: "/ping",
      summary: "MLflow scoring: 200 once every endpoint can answer.",
      permission: "public",
      protocol,
      cli: false,
    },
    input: z.object({}),
    errors: [],
    handle: async ({ serving }) => {
      const usable = await Promise.all(
        serving.endpoints.map(({ name }) =>
          serving
            .answering(name)
            .then((endpoint) => endpoint.usable())
            .catch(() => false),
        ),
      );
      return text("\n", usable.length > 0 && usable.every(Boolean) ? 200 : 404);
    },
  }),
  scoringRoute({
    ...{
      name: "scoring.invoke",
      method: "POST",
      path: "/invocations",
      summary: "MLflow scoring: answer rows of the project's one endpoint.",
      permission: "predictions:make",
      protocol,
      cli: false,
    },
    input: z.object(invocation),
    errors: ["invalid_argument", "not_found", "unavailable"],
    handle: ({ serving }, { body, headers }, { signal }) => invoke(serving, onlyEndpoint(serving), body, headers, signal),
  }),
  scoringRoute({
    ...{
      name: "scoring.invokeEndpoint",
      method: "POST",
      path: "/endpoints/{endpoint}/invocations",
      summary: "MLflow scoring: answer rows of an endpoint.",
      permission: "predictions:make",
      protocol,
      cli: false,
    },
    input: z.object({ endpoint: z.string(), ...invocation }),
    errors: ["invalid_argument", "not_found", "unavailable"],
    handle: ({ serving }, { endpoint, body, headers }, { signal }) => invoke(serving, endpoint, body, headers, signal),
  }),
];

async function invoke(
  serving: EndpointDesk,
  name: string,
  body: Uint8Array,
  headers: Record<string, unknown>,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const endpoint = await serving.answering(name);
  try {
    if (isTensorEndpoint(endpoint)) return json({ predictions: await invokeTensors(endpoint, body, headers["content-type"]) });
    const rows = readInvocation(body, headers["content-type"], endpoint.serving().signature);
    const { predictions } = await endpoint.predict(rows, { signal });
    return json({ predictions: predictions.map(({ score }) => score) });
  } catch (error) {
    if (error instanceof UnsupportedMediaType) return text(error.message, 415);
    throw error;
  }
}

function onlyEndpoint({ endpoints }: EndpointDesk): string {
  const [first, second] = endpoints;
  if (!first) throw new AppError("not_found", "The project has no endpoint.", { hint: "Define one: endpoint(name, { model })." });
  if (!second) return first.name;
  throw new AppError("invalid_argument", `The project has several endpoints: ${endpoints.map(({ name }) => name).join(", ")}.`, {
    hint: `Post to one of them: /endpoints/${first.name}/invocations.`,
  });
}

function errorCodeOf({ code, status }: AppError): string {
  if (code === "not_found") return "RESOURCE_DOES_NOT_EXIST";
  if (code === "unauthenticated") return "UNAUTHENTICATED";
  if (code === "permission_denied") return "PERMISSION_DENIED";
  if (code === "unavailable") return "TEMPORARILY_UNAVAILABLE";
  return status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR";
}

function json(value: unknown, status = 200): RawAnswer {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}

function text(body: string, status = 200): RawAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}
