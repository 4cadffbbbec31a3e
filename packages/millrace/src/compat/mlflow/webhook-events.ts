import type { WebhookEvent } from "#domains/webhooks";
import { invalid } from "./protocol.ts";
import { type Fields, text } from "./request.ts";

/** An event as MLflow names it, with what its payload looks like in a test (mlflow/webhooks/types.py). */
interface MlflowEvent {
  /** About prompts, which are models with a tag. */
  prompt: boolean;
  /** What happens here when it happens there. */
  from: WebhookEvent[];
  example: Record<string, unknown>;
}

const model = { name: "example_model" };
const prompt = { name: "example_prompt" };
const version = { version: "1" };
const tag = { key: "example_key", value: "example_value" };
const tags = { tags: { example_key: "example_value" } };

export const mlflowEvents: Record<string, MlflowEvent> = {
  "registered_model.created": { prompt: false, from: ["model.created"], example: { ...model, ...tags, description: "An example registered model" } },
  "model_version.created": {
    ...{ prompt: false, from: ["version.created"] },
    example: { ...model, ...version, source: "models:/123", run_id: "abcd1234abcd5678", ...tags, description: "An example model version" },
  },
  "model_version_tag.set": { prompt: false, from: ["version.tag-set"], example: { ...model, ...version, ...tag } },
  "model_version_tag.deleted": { prompt: false, from: ["version.tag-removed"], example: { ...model, ...version, key: tag.key } },
  "model_version_alias.created": { prompt: false, from: ["alias.set", "alias.moved"], example: { ...model, alias: "example_alias", ...version } },
  "model_version_alias.deleted": { prompt: false, from: ["alias.removed"], example: { ...model, alias: "example_alias" } },
  "prompt.created": { prompt: true, from: ["model.created"], example: { ...prompt, ...tags, description: "An example prompt" } },
  "prompt_version.created": {
    ...{ prompt: true, from: ["version.created"] },
    example: { ...prompt, ...version, template: "Hello {{name}}!", ...tags, description: "An example prompt version" },
  },
  "prompt_tag.set": { prompt: true, from: ["model.tag-set"], example: { ...prompt, ...tag } },
  "prompt_tag.deleted": { prompt: true, from: ["model.tag-removed"], example: { ...prompt, key: tag.key } },
  "prompt_version_tag.set": { prompt: true, from: ["version.tag-set"], example: { ...prompt, ...version, ...tag } },
  "prompt_version_tag.deleted": { prompt: true, from: ["version.tag-removed"], example: { ...prompt, ...version, key: tag.key } },
  "prompt_alias.created": { prompt: true, from: ["alias.set", "alias.moved"], example: { ...prompt, alias: "example_alias", ...version } },
  "prompt_alias.deleted": { prompt: true, from: ["alias.removed"], example: { ...prompt, alias: "example_alias" } },
};

/** `{entity, action}` as a name of the table. */
export function eventOf(fields: Fields): string {
  const entity = text(fields, "entity")?.toLowerCase() ?? "";
  const action = text(fields, "action")?.toLowerCase() ?? "";
  const name = `${entity}.${action}`;
  if (Object.hasOwn(mlflowEvents, name)) return name;
  const actions = Object.keys(mlflowEvents).flatMap((each) => (each.startsWith(`${entity}.`) ? [each.slice(entity.length + 1)] : []));
  if (actions.length === 0) throw invalid(`Invalid entity '${entity}' of a webhook's event.`);
  throw invalid(
    `Invalid action '${action}' for entity '${entity}'. Valid actions are: [${actions
      .sort()
      .map((each) => `'${each}'`)
      .join(", ")}]`,
  );
}

export function wireEvent(name: string): object {
  const [entity, action] = name.toUpperCase().split(".");
  return { entity, action };
}
