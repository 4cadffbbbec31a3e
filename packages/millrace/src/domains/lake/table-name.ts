import { AppError } from "#kit/app-error";

const plainName = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,119}$/;

/** The folder of a table in the blob store: `<schema>/<name>`. Throws `invalid_argument` for anything but two plain names with a dot between. */
export function tableFolder(table: string): string {
  const parts = table.split(".");
  if (parts.length !== 2 || !parts.every((part) => plainName.test(part))) {
    throw new AppError("invalid_argument", `"${table.slice(0, 200)}" cannot be the name of a table.`, {
      hint: "Write `schema.name`, both of letters, digits, `_` and `-`, up to 120 characters.",
    });
  }
  return parts.join("/");
}

/** The table whose log a key belongs to, if it is one: the reverse of `tableFolder`. */
export function tableOfLogKey(key: string): string | undefined {
  const match = /^([^/]+)\/([^/]+)\/_delta_log\//.exec(key);
  return match !== null && plainName.test(match[1]!) && plainName.test(match[2]!) ? `${match[1]}.${match[2]}` : undefined;
}
