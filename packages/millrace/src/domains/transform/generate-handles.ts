import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "#kit/files";
import type { ColumnType } from "#ports/warehouse";

/** TypeScript source with one typed handle a model, which feature definitions are checked against: `import { flights } from "#models"`. */
export function generateHandles(models: ReadonlyMap<string, readonly ColumnType[]>): string {
  const blocks = [...models].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, columns]) => handle(name, columns));
  return `// Made from the SQL models by Millrace; do not edit.\n${blocks.join("")}`;
}

/** Writes the handles to a file, only when they are not there already. Tells whether it wrote. */
export async function writeHandles(path: string, source: string): Promise<boolean> {
  const existing = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (existing === source) return false;
  await writeFileAtomic(path, source);
  return true;
}

function handle(name: string, columns: readonly ColumnType[]): string {
  const fields = columns.map((column) => `    ${propertyName(column.name)}: ${JSON.stringify(column.type)},\n`).join("");
  const value = `{\n  kind: "model",\n  name: ${JSON.stringify(name)},\n  columns: {\n${fields}  },\n} as const;\n`;
  // A model may be called like a word of the language; it is exported under its name all the same.
  return isPlainName(name) ? `\nexport const ${name} = ${value}` : `\nconst model_${name} = ${value}export { model_${name} as ${name} };\n`;
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
}

const reservedWords = new Set(
  "await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield arguments eval".split(
    " ",
  ),
);

function isPlainName(name: string): boolean {
  return !reservedWords.has(name);
}
