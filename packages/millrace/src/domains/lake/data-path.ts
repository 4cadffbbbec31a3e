/** Where the data files of a table lie. */
import { AppError } from "#kit/app-error";
import { quoteText } from "#kit/sql-text";

/** A data file's path below the table's folder. Throws `unsupported` for one that stands elsewhere or leaves the folder. */
export function decodePath(table: string, path: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (error) {
    throw new AppError("corrupt_data", `Table \`${table}\` names a file that cannot be decoded: "${path}".`, { cause: error });
  }
  if (/^[a-z][a-z0-9+.-]*:|^\//i.test(decoded) || decoded.split("/").includes("..")) {
    throw new AppError("unsupported", `Table \`${table}\` names a file outside its folder: "${path}".`, {
      hint: "Copy the table with its files (a deep clone) instead of a shallow one.",
    });
  }
  return decoded;
}

/** A path for `read_parquet`, which would take `*`, `?` and `[` in it as a pattern. */
export function pathLiteral(path: string): string {
  return quoteText(path.replace(/[*?[]/g, "[$&]"));
}
