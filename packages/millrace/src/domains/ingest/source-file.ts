import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { AppError } from "#kit/app-error";
import { quoteName, quoteText } from "#kit/sql-text";
import type { Source } from "./define.ts";

/** Finds a source's file: under the project's folder, or inside a package installed for it. Throws `not_found` naming where it looked. */
export function findSourceFile(source: Source, projectFolder: string): string {
  const direct = isAbsolute(source.files) ? source.files : resolve(projectFolder, source.files);
  if (existsSync(direct)) return direct;
  for (let folder = projectFolder; ; folder = dirname(folder)) {
    const packaged = join(folder, "node_modules", source.files);
    if (existsSync(packaged)) return packaged;
    if (dirname(folder) === folder) break;
  }
  throw new AppError("not_found", `The file of source "${source.name}", ${source.files}, is neither in the project nor in an installed package.`, {
    hint: "Correct `files`, or install the package that has it.",
  });
}

/** Digest of a file's bytes, so that a changed file is noticed whatever its date says. */
export async function digestFile(path: string): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer); // no encoding is set, so chunks are buffers
  return { digest: hash.digest("hex"), sizeBytes: statSync(path).size };
}

/** The file as SQL for a FROM clause. CSV is read with a comma, a header and double quotes, never by guessing the format. */
export function fileRelation(source: Source, path: string): string {
  const file = quoteText(path);
  const numbered = (reader: string) =>
    source.rowNumber ? `(select *, row_number() over () - 1 as ${quoteName(source.rowNumber)} from ${reader})` : reader;
  switch (source.format) {
    case "parquet":
      return source.rowNumber
        ? `(select * rename (file_row_number as ${quoteName(source.rowNumber)}) from read_parquet(${file}, file_row_number = true))`
        : `read_parquet(${file})`;
    case "csv":
      return numbered(`read_csv(${file}, delim = ',', header = true, quote = '"', escape = '"')`);
    case "json":
      return numbered(`read_json(${file})`);
  }
}
