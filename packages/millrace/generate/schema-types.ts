/** JSON schema, as far as zod writes it. */
export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  items?: JsonSchema | boolean;
  prefixItems?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  description?: string;
  default?: unknown;
}

/**
 * TypeScript declarations of a JSON schema: an interface for an object, else a type, and one more type for each shared part
 * (`$defs`), called after the whole.
 *
 * @param name of the whole, in Pascal case
 */
export function declarations(name: string, schema: JsonSchema): string {
  const shared = Object.entries(schema.$defs ?? {});
  const parts = new Map(shared.map(([key, part]) => [`#/$defs/${key}`, isAnyJson(key, part) ? jsonValue.name : `${name}${pascalCase(key)}`]));
  const refer: Refer = (reference) => (reference === "#" ? name : (parts.get(reference) ?? "unknown"));
  const texts = [declaration(name, schema, refer)];
  for (const [key, part] of shared) if (!isAnyJson(key, part)) texts.push(declaration(parts.get(`#/$defs/${key}`)!, part, refer));
  return texts.join("\n\n");
}

/** The TypeScript of one schema that stands alone, such as a property. */
export function typeText(schema: JsonSchema | boolean, refer: Refer = () => "unknown", indent = ""): string {
  if (typeof schema === "boolean") return schema ? "unknown" : "never";
  if (schema.$ref !== undefined) return refer(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return union(choices.map((choice) => typeText(choice, refer, indent)));
  if (schema.allOf) return schema.allOf.map((part) => parenthesized(typeText(part, refer, indent))).join(" & ");
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeText({ ...schema, type }, refer, indent)));
  switch (schema.type) {
    case "object":
      return objectText(schema, refer, indent);
    case "array":
      return arrayText(schema, refer, indent);
    case "integer":
      return "number";
    case "string":
    case "number":
    case "boolean":
    case "null":
      return schema.type;
    default:
      return "unknown";
  }
}

/** `models.show` as `ModelsShow`; also for dashes and underscores. */
export function pascalCase(words: string): string {
  return words
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");
}

/** The type of any JSON, which schemas describe by a recursion of their own (zod's `json()`); to be declared once. */
export const jsonValue = {
  name: "JsonValue",
  text: "/** Any JSON. */\nexport type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };",
};

function isAnyJson(key: string, part: JsonSchema): boolean {
  const self = { $ref: `#/$defs/${key}` };
  const types = (part.anyOf ?? []).map((choice) => choice.type);
  const [list, record] = (part.anyOf ?? []).slice(-2);
  return (
    types.join() === "string,number,boolean,null,array,object" &&
    JSON.stringify(list!.items) === JSON.stringify(self) &&
    JSON.stringify(record!.additionalProperties) === JSON.stringify(self)
  );
}

/** The name of the type a `$ref` points at. */
type Refer = (reference: string) => string;

function declaration(name: string, schema: JsonSchema, refer: Refer): string {
  const comment = schema.description === undefined ? "" : `/** ${schema.description} */\n`;
  const text = typeText(schema, refer);
  const isInterface = schema.type === "object" && text.startsWith("{") && Object.keys(schema.properties ?? {}).length > 0;
  return comment + (isInterface ? `export interface ${name} ${text}` : `export type ${name} = ${text};`);
}

function objectText(schema: JsonSchema, refer: Refer, indent: string): string {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const open = typeof schema.additionalProperties === "object" || schema.additionalProperties === true;
  const lines = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    ...(property.description === undefined ? [] : [`${inner}/** ${property.description} */`]),
    `${inner}${propertyName(name)}${required.has(name) ? "" : "?"}: ${typeText(property, refer, inner)};`,
  ]);
  if (lines.length === 0) {
    const value = open ? typeText(schema.additionalProperties!, refer, indent) : "never";
    const recursive = JSON.stringify(schema.additionalProperties ?? "").includes('"$ref"'); // an alias may not refer to itself through `Record`
    return recursive ? `{ [name: string]: ${value} }` : `Record<string, ${value}>`;
  }
  if (open) lines.push(`${inner}[name: string]: unknown;`); // the named ones may have other types than the rest
  return `{\n${lines.join("\n")}\n${indent}}`;
}

function arrayText(schema: JsonSchema, refer: Refer, indent: string): string {
  const rest = schema.items === undefined || schema.items === false ? undefined : typeText(schema.items, refer, indent);
  if (!schema.prefixItems) return `${parenthesized(rest ?? "unknown")}[]`;
  const fixed = schema.prefixItems.map((item) => typeText(item, refer, indent));
  return `[${[...fixed, ...(rest === undefined ? [] : [`...${parenthesized(rest)}[]`])].join(", ")}]`;
}

function union(texts: string[]): string {
  return [...new Set(texts)].join(" | ") || "never";
}

function parenthesized(text: string): string {
  return /[|&]/.test(withoutNested(text)) ? `(${text})` : text;
}

/** What stands outside of all brackets and quotes. */
function withoutNested(text: string): string {
  let outside = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  for (let before = ""; before !== outside;) {
    before = outside;
    outside = before.replaceAll(/\{[^{}]*\}|\[[^[\]]*\]|\([^()]*\)|<[^<>]*>/g, "");
  }
  return outside;
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
