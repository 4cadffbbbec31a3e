import type { Attributes, AttributeValue } from "#domains/traces";

/** Where OpenInference and OpenTelemetry's conventions for generative AI keep what MLflow has names of its own for, in this order. */
const inputs = ["input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments"];
const outputs = ["output.value", "gen_ai.output.messages", "gen_ai.tool.call.result"];
const models = [
  ...["llm.response.model_name", "llm.model_name", "llm.request.model_name", "embedding.model_name"],
  ...["gen_ai.response.model", "gen_ai.request.model"],
];
const providers = ["llm.provider", "gen_ai.provider.name"];
const tools = ["gen_ai.tool.definitions"];
const tokenCounts = [
  { input: "llm.token_count.prompt", output: "llm.token_count.completion", total: "llm.token_count.total" },
  { input: "gen_ai.usage.input_tokens", output: "gen_ai.usage.output_tokens", total: undefined },
];

/** A span's attributes as MLflow tells them: texts that are JSON taken apart, and with its own names beside those of other conventions. */
export function withConventions(sent: Attributes): Attributes {
  const attributes = Object.fromEntries(Object.entries(sent).map(([key, value]) => [key, takenApart(value)]));
  const usage = tokensIn(sent);
  return {
    ...derived("mlflow.spanInputs", attributes, inputs),
    ...derived("mlflow.spanOutputs", attributes, outputs),
    ...derived("mlflow.llm.model", attributes, models),
    ...derived("mlflow.llm.provider", attributes, providers),
    ...derived("mlflow.chat.tools", attributes, tools),
    ...(usage !== undefined && { "mlflow.chat.tokenUsage": usage }),
    ...attributes,
  };
}

function derived(name: string, attributes: Attributes, keys: string[]): Attributes {
  const key = keys.find((each) => Object.hasOwn(attributes, each) && !isEmpty(attributes[each]!));
  return key === undefined ? {} : { [name]: attributes[key]! }; // just found
}

function isEmpty(value: AttributeValue): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === null || value === "" || (typeof value === "object" && !(value instanceof Uint8Array) && Object.keys(value).length === 0);
}

function tokensIn(attributes: Attributes): Attributes | undefined {
  for (const { input, output, total } of tokenCounts) {
    const [read, written] = [countAt(attributes, input), countAt(attributes, output)];
    const all =
      (total === undefined ? undefined : countAt(attributes, total)) ?? (read !== undefined && written !== undefined ? read + written : undefined);
    if (read === undefined && written === undefined && all === undefined) continue;
    return {
      ...(read !== undefined && { input_tokens: read }),
      ...(written !== undefined && { output_tokens: written }),
      ...(all !== undefined && { total_tokens: all }),
    };
  }
  return undefined;
}

function countAt(attributes: Attributes, key: string): bigint | undefined {
  const value = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
  if (typeof value === "string" && /^-?\d{1,18}$/.test(value)) return BigInt(value);
  return typeof value === "bigint" ? value : undefined;
}

/** Programs send what is no plain value as JSON in a text. Numbers and truths in texts stay texts. */
function takenApart(value: AttributeValue): AttributeValue {
  if (typeof value !== "string" || !/^\s*[[{"]/.test(value)) return value;
  try {
    return JSON.parse(value, exactly) as AttributeValue; // an object, a list or a text, by its first letter
  } catch {
    return value;
  }
}

/** Whole numbers as integers of any size. (Types for the third argument, which V8 gives, come with a later ECMAScript.) */
function exactly(this: unknown, _key: string, value: unknown, ...[context]: { source?: string }[]): unknown {
  return typeof value === "number" && context?.source !== undefined && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}
