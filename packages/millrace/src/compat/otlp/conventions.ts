import { type Attributes, type AttributeValue, plainValue, type Span, type SpanFacts, traceLimits } from "#domains/traces";

/** OpenTelemetry's names (semantic conventions), and those of OpenInference, OpenLLMetry and MLflow, in the order in which they count. */
const sessionKeys = ["session.id", "gen_ai.conversation.id"];
const userKeys = ["user.id", "enduser.id"];
const inputKeys = ["mlflow.spanInputs", "input.value", "gen_ai.input.messages", "traceloop.entity.input", "gen_ai.prompt", "input"];
const outputKeys = ["mlflow.spanOutputs", "output.value", "gen_ai.output.messages", "traceloop.entity.output", "gen_ai.completion", "output"];

const tagPrefix = "mlflow.traceTag.";
const nameTag = "mlflow.traceName";
/** Of a program, what its library says of itself, and what another program keeps there for its own use. */
const notTags = /^(?:telemetry\.sdk\.|mlflow\.)/;

/** What a span does, in the words by which clients look for it, from those of OpenInference and of OpenTelemetry's conventions for generative AI. */
const typeKey = "mlflow.spanType";
const typeSources: { key: string; types: Record<string, string> }[] = [
  {
    key: "openinference.span.kind",
    types: Object.fromEntries(
      ["TOOL", "CHAIN", "LLM", "RETRIEVER", "EMBEDDING", "AGENT", "RERANKER", "UNKNOWN", "GUARDRAIL", "EVALUATOR"].map((kind) => [kind, kind]),
    ),
  },
  {
    key: "gen_ai.operation.name",
    types: {
      ...{ chat: "CHAT_MODEL", create_agent: "AGENT", embeddings: "EMBEDDING", execute_tool: "TOOL", generate_content: "LLM" },
      ...{ invoke_agent: "AGENT", text_completion: "LLM", response: "LLM" },
    },
  },
];

/** The span with its type, where it has none and says by a convention what it does. */
export function withType(span: Span): Span {
  const { attributes } = span;
  const given = Object.hasOwn(attributes, typeKey) ? attributes[typeKey] : undefined;
  if (given !== undefined && given !== "UNKNOWN") return span;
  for (const { key, types } of typeSources) {
    const kind = Object.hasOwn(attributes, key) ? String(attributes[key]) : "";
    if (Object.hasOwn(types, kind)) return { ...span, attributes: { ...attributes, [typeKey]: types[kind]! } }; // just asked
  }
  return span;
}

/** What a span says of its whole trace, by the conventions that programs follow. */
export function factsOf({ attributes, resource, parent }: Span): SpanFacts {
  const session = textAt(attributes, sessionKeys);
  const user = textAt(attributes, userKeys);
  const resourceTags = Object.entries(resource).filter(([key]) => !notTags.test(key));
  const own =
    parent === undefined
      ? Object.entries(attributes).flatMap(([key, value]) => (key.startsWith(tagPrefix) ? [[key.slice(tagPrefix.length), value] as const] : []))
      : [];
  const { [nameTag]: name, ...tags } = labelsOf([...resourceTags, ...own]);
  return {
    ...(session !== undefined && { session }),
    ...(user !== undefined && { user }),
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(parent === undefined && {
      ...(name !== undefined && { name }),
      ...preview("inputs", attributes, inputKeys),
      ...preview("outputs", attributes, outputKeys),
    }),
  };
}

function preview(what: "inputs" | "outputs", attributes: Attributes, keys: string[]): SpanFacts {
  const value = textAt(attributes, keys);
  return value === undefined ? {} : { [what]: value };
}

function textAt(attributes: Attributes, keys: string[]): string | undefined {
  const key = keys.find((each) => Object.hasOwn(attributes, each) && attributes[each] !== null);
  return key === undefined ? undefined : asText(attributes[key]!); // just found
}

/** Those that can be tags; a value is cut. */
function labelsOf(entries: (readonly [string, AttributeValue])[]): Record<string, string> {
  const { keyLength, textLength } = traceLimits;
  const fit = entries.filter(([key]) => key.length > 0 && key.length <= keyLength && !/\p{Cc}/u.test(key));
  return Object.fromEntries(fit.slice(0, traceLimits.tagsPerTrace).map(([key, value]) => [key, asText(value).slice(0, textLength)]));
}

function asText(value: AttributeValue): string {
  return typeof value === "string" ? value : JSON.stringify(plainValue(value));
}
