import { AppError } from "#kit/app-error";

/** A type of the warehouse, taken apart: the text that `describe` gives as a tree. */
export type SqlType =
  | { kind: "scalar"; name: string; params: string[] }
  | { kind: "list"; element: SqlType }
  | { kind: "map"; key: SqlType; value: SqlType }
  | { kind: "struct"; fields: { name: string; type: SqlType }[] };

/** Parses such as `DECIMAL(18,3)`, `STRUCT(a INTEGER, "b c" VARCHAR[])`, `MAP(VARCHAR, DOUBLE)`, `INTEGER[3]`, `TIMESTAMP WITH TIME ZONE`. */
export function parseType(text: string): SqlType {
  const reader = new TypeReader(text);
  const type = reader.type();
  reader.end();
  return type;
}

/** One pass over the text, by recursive descent. */
class TypeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  type(): SqlType {
    let type = this.#unsuffixed();
    for (let suffix = this.#take(/\[\d*\]/y); suffix !== undefined; suffix = this.#take(/\[\d*\]/y)) type = { kind: "list", element: type };
    return type;
  }

  end(): void {
    if (this.#at !== this.#text.length) this.#fail();
  }

  #unsuffixed(): SqlType {
    const name = this.#take(/"NULL"|[A-Z][A-Z0-9_]*(?: WITH TIME ZONE)?/y) ?? this.#fail();
    if (name === "STRUCT") return { kind: "struct", fields: this.#list(() => ({ name: this.#fieldName(), type: this.type() })) };
    if (name === "MAP") {
      const [key, value] = this.#list(() => this.type());
      return key === undefined || value === undefined ? this.#fail() : { kind: "map", key, value };
    }
    const params = this.#text[this.#at] === "(" ? this.#list(() => this.#take(/'(?:[^']|'')*'|[^,()]+/y) ?? this.#fail()) : [];
    return { kind: "scalar", name: name === '"NULL"' ? "NULL" : name, params };
  }

  #fieldName(): string {
    const quoted = this.#take(/"(?:[^"]|"")*"/y);
    const name = quoted === undefined ? (this.#take(/[^\s,()]+/y) ?? this.#fail()) : quoted.slice(1, -1).replaceAll('""', '"');
    if (this.#take(/ /y) === undefined) this.#fail();
    return name;
  }

  #list<T>(item: () => T): T[] {
    const items: T[] = [];
    if (this.#take(/\(/y) === undefined) this.#fail();
    do items.push(item());
    while (this.#take(/, ?/y) !== undefined);
    if (this.#take(/\)/y) === undefined) this.#fail();
    return items;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(): never {
    throw new AppError("unsupported", `The type \`${this.#text}\` cannot be kept in a table.`, {
      hint: "Cast the column to a plain type, such as VARCHAR.",
    });
  }
}
