import { invalid, refusal } from "./protocol.ts";

/** Prompts are models and versions with a tag. */
export const promptTag = "mlflow.prompt.is_prompt";

export function isPrompt(tags: Record<string, string>): boolean {
  return tags[promptTag]?.toLowerCase() === "true";
}

/** What clients and MLflow's own pages send as the source of a prompt, which has no files. */
const placeholders = ["dummy-source", "prompt-template"];

export function checkPromptSource(source: string): void {
  if (!placeholders.includes(source)) throw invalid(`Invalid prompt source: '${source}'. Prompt sources must use an MLflow placeholder.`);
}

/** Says that a name is taken, and by what. */
export function taken(name: string, standing: Record<string, string>, wanted: Record<string, string>): Error {
  const kinds = [standing, wanted].map((tags) => (isPrompt(tags) ? "Prompt" : "Registered Model"));
  const [old, made] = kinds as [string, string]; // one for each
  return refusal(
    "RESOURCE_ALREADY_EXISTS",
    old === made
      ? `${made} (name=${name}) already exists.`
      : `Tried to create a ${made.toLowerCase()} with name '${name}', but the name is already taken by a ${old.toLowerCase()}. ` +
          "MLflow does not allow creating a model and a prompt with the same name.",
  );
}
