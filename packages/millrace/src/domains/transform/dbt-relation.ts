import { quoteName } from "#kit/sql-text";
import { callable, type HostObject } from "./jinja-values.ts";

/** The database that relations stand in when a template is compiled for reading rather than for running. */
export const compiledDatabase = "millrace";

/** A table as templates know it: `ref`, `source` and `this` give one, and it prints as a quoted name of three parts. */
export interface Relation extends HostObject {
  kind: "relation";
  schema: string;
  name: string;
  /** Whether it was ever printed: what only a test mentions is no input of the rows. */
  isRendered(): boolean;
}

export function relation(database: string, schema: string, name: string): Relation {
  let rendered = false;
  const text = [database, schema, name].map(quoteName).join(".");
  return {
    type: "host",
    kind: "relation",
    schema,
    name,
    isRendered: () => rendered,
    render: () => {
      rendered = true;
      return text;
    },
    attribute: (attribute) => {
      switch (attribute) {
        case "database":
          return compiledDatabase;
        case "schema":
          return schema;
        case "identifier":
        case "name":
        case "table":
          return name;
        case "render":
          return callable("render", () => {
            rendered = true;
            return text;
          });
        default:
          return undefined;
      }
    },
  };
}

export function isRelation(value: HostObject): value is Relation {
  return value.kind === "relation" && "isRendered" in value;
}
