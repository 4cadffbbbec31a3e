/** A SQL statement with its parameters apart: `?` marks stand for the values in order. Made only by the `sql` tag, so values never become text. */
export interface Sql {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/** What a database column holds here: JSON is text, booleans are 0/1, times are epoch milliseconds. */
export type SqlValue = string | number | null | Uint8Array;

/**
 * Builds a statement: sql`select * from run where id = ${id}`. An interpolated `Sql` is spliced in with its parameters;
 * every other value becomes a parameter (`undefined` is stored as null).
 */
export function sql(strings: TemplateStringsArray, ...values: (SqlValue | Sql | undefined)[]): Sql {
  let text = strings[0]!;
  const params: SqlValue[] = [];
  values.forEach((value, i) => {
    if (isSql(value)) {
      text += value.text;
      params.push(...value.params);
    } else {
      text += "?";
      params.push(value ?? null);
    }
    text += strings[i + 1]!;
  });
  return { text, params };
}

/** Fixed text, such as a column list: only ever from constants of the code. */
export function sqlText(text: string): Sql {
  return { text, params: [] };
}

/** Joins parts with a separator, such as `, ` or ` and `. */
export function sqlJoin(parts: Sql[], separator: string): Sql {
  return { text: parts.map((part) => part.text).join(separator), params: parts.flatMap((part) => part.params) };
}

/** `(?, ?, …)` for an `in` list; an empty list matches nothing. */
export function sqlIn(values: SqlValue[]): Sql {
  return values.length === 0 ? sqlText("(null)") : { text: `(${values.map(() => "?").join(", ")})`, params: values };
}

const paddedLengths = [1, 10, 100, 1_000];
const mostAtOnce = 1_000;

/**
 * Parts of a list for one statement each: at most 1,000 values, filled up with the last one to one of a few lengths. A database
 * prepares a text once and keeps it, so texts should not differ by the length of a list.
 */
export function padded<Value>(values: Value[]): Value[][] {
  const parts: Value[][] = [];
  for (let i = 0; i < values.length; i += mostAtOnce) {
    const part = values.slice(i, i + mostAtOnce);
    const length = paddedLengths.find((each) => each >= part.length)!; // no part is longer than the last
    parts.push([...part, ...Array.from({ length: length - part.length }, () => part.at(-1)!)]);
  }
  return parts;
}

function isSql(value: unknown): value is Sql {
  return typeof value === "object" && value !== null && "text" in value && "params" in value;
}
