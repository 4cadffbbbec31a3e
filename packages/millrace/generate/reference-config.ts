import { code, markdownTable, notice } from "./markdown.ts";
import { typeText, type JsonSchema } from "./schema-types.ts";

/** A schema whose default cannot be written down, because the machine decides it, says so in words. */
type ConfigSchema = JsonSchema & { defaultText?: string };

/**
 * `docs/reference/config.md`: every field of `millrace.config.ts` with its default and the variable that overrides it.
 *
 * @param schema JSON schema of the configuration's input
 * @param overrides variables and the dotted field each sets
 */
export function configPage(schema: JsonSchema, overrides: Record<string, string>): string {
  const variables = new Map(Object.entries(overrides).map(([variable, field]) => [field, variable]));
  const rows = fields(schema, "").map(({ path, schema, required }) => [
    code(path),
    code(typeText(schema).replaceAll(/\s+/g, " ")),
    required ? "required" : (schema.defaultText ?? (schema.default === undefined ? "" : code(JSON.stringify(schema.default)))),
    code(variables.get(path) ?? ""),
    schema.description ?? "",
  ]);
  return `${notice}# Configuration

\`millrace.config.ts\` in the project's folder says where things live. Only the name is needed: all else has a default, the embedded stores
under \`.millrace/\`. A variable of the environment wins over the file.

\`\`\`ts
import { defineConfig } from "millrace";

export default defineConfig({ name: "my-project" });
\`\`\`

${markdownTable(["Field", "Type", "Default", "Variable", "Meaning"], rows)}

\`state: postgres(url, { schema })\` and \`blobs: s3(bucket, { prefix, region, endpoint, direct })\`, both from \`millrace\`, write the values of these two
fields. S3 reads its credentials from \`AWS_ACCESS_KEY_ID\`, \`AWS_SECRET_ACCESS_KEY\` and \`AWS_SESSION_TOKEN\`, and its region from \`AWS_REGION\` unless told.

## Several machines, one state

With \`state\` in PostgreSQL and \`blobs\` in S3, several homes (\`home\`: folders, machines) of one project may share them and work at the same time:

- Shared: runs, steps, models, aliases, lineage and tables. A step that one home runs, another waits for and takes from the cache; a run whose
  process died is taken up by any home once its lease of 15 s is over.
- Refused: a second process on the same home (\`project_in_use\`), a home of another project or with other blobs on the same state
  (\`invalid_config\`; give it \`postgres(url, { schema })\` of its own).
- Of each home: its topics. So an endpoint and a replay belong to the home that opened them first; any other gets a \`conflict\` and asks over
  that home's server.

A transaction that PostgreSQL has acknowledged survives its crash. While it is away, commands end with exit code 7 and requests with 503; a
server goes on by itself when it is back.
`;
}

function fields(schema: JsonSchema, prefix: string): { path: string; schema: ConfigSchema; required: boolean }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    if (property.properties) return fields(property, `${path}.`);
    return [{ path, schema: property as ConfigSchema, required: schema.required?.includes(name) ?? false }]; // `defaultText` comes through zod's `meta`
  });
}
