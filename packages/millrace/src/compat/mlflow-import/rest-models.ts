import { AppError } from "#kit/app-error";
import { modelStatus, text } from "./record-values.ts";
import type { SourceModel, VersionRecord } from "./records.ts";
import type { Answer, RestClient } from "./rest-client.ts";
import { keyValues, objects, pages } from "./rest-values.ts";

const api = "/api/2.0/mlflow";
const isPrompt = "tags.`mlflow.prompt.is_prompt` = 'true'";

/** Registered models and prompts of a server, each with its versions. */
export async function* restModels(client: RestClient): AsyncGenerator<SourceModel> {
  const seen = new Set<string>();
  for (const filter of [undefined, isPrompt]) {
    for await (const answer of pages((token) => client.get(`${api}/registered-models/search`, { max_results: "100", filter, page_token: token }))) {
      for (const model of objects(answer, "registered_models")) {
        const name = text(model["name"]);
        if (seen.has(name)) continue;
        seen.add(name);
        yield await readModel(client, model, name);
      }
    }
  }
}

async function readModel(client: RestClient, model: Answer, name: string): Promise<SourceModel> {
  const versions = await readVersions(client, name, keyValues(model, "tags")["mlflow.prompt.is_prompt"] === "true");
  const locations: Record<number, string> = {};
  for (const { version, source } of versions) {
    const answer = await client.get(`${api}/model-versions/get-download-uri`, { name, version: String(version) }).catch((): Answer => ({})); // one that is not ready has none
    locations[version] = text(answer["artifact_uri"]) || source;
  }
  const createdMs = Number(model["creation_timestamp"] ?? 0);
  return {
    record: {
      ...{ name, versions, createdMs, updatedMs: Number(model["last_updated_timestamp"] ?? createdMs) },
      ...{ description: text(model["description"]), tags: keyValues(model, "tags") },
      aliases: Object.fromEntries(objects(model, "aliases").map((each) => [text(each["alias"]), Number(each["version"])])),
    },
    locations,
    lastVersion: Math.max(0, ...versions.map(({ version }) => version)),
  };
}

async function readVersions(client: RestClient, name: string, prompt: boolean): Promise<VersionRecord[]> {
  const quote = name.includes("'") ? '"' : "'";
  if (name.includes(quote))
    throw new AppError("unsupported", `The versions of model ${name} cannot be asked for: its name has both kinds of quotes.`, {
      hint: "Rename it, or import from the server's database.",
    });
  const filter = `name = ${quote}${name}${quote}${prompt ? ` AND ${isPrompt}` : ""}`;
  const versions: VersionRecord[] = [];
  for await (const answer of pages((token) => client.get(`${api}/model-versions/search`, { filter, max_results: "1000", page_token: token }))) {
    for (const each of objects(answer, "model_versions")) {
      const of = (field: string) => text(each[field]);
      const createdMs = Number(each["creation_timestamp"] ?? 0);
      versions.push({
        ...{ version: Number(each["version"]), createdMs, updatedMs: Number(each["last_updated_timestamp"] ?? createdMs) },
        ...{ description: of("description"), user: of("user_id"), stage: of("current_stage") || "None", source: of("source"), run: of("run_id") },
        ...{ status: modelStatus(of("status")), runLink: of("run_link"), tags: keyValues(each, "tags") },
      });
    }
  }
  return versions.sort((a, b) => a.version - b.version);
}
