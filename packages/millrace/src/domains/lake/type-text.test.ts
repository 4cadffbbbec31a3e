import { expect, test } from "vitest";
import { parseType } from "./type-text.ts";

const scalar = (name: string, ...params: string[]) => ({ kind: "scalar", name, params });

test("types of any depth are taken apart as the engine writes them", () => {
  expect(parseType("BIGINT")).toEqual(scalar("BIGINT"));
  expect(parseType("DECIMAL(18,3)")).toEqual(scalar("DECIMAL", "18", "3"));
  expect(parseType("TIMESTAMP WITH TIME ZONE[]")).toEqual({ kind: "list", element: scalar("TIMESTAMP WITH TIME ZONE") });
  expect(parseType("ENUM('a, (b', 'it''s')")).toEqual(scalar("ENUM", "'a, (b'", "'it''s'"));
  expect(parseType('"NULL"')).toEqual(scalar("NULL"));
  expect(parseType('STRUCT("a ""b"" c" INTEGER[3][], d MAP(VARCHAR, STRUCT(e DATE)))')).toEqual({
    kind: "struct",
    fields: [
      { name: 'a "b" c', type: { kind: "list", element: { kind: "list", element: scalar("INTEGER") } } },
      { name: "d", type: { kind: "map", key: scalar("VARCHAR"), value: { kind: "struct", fields: [{ name: "e", type: scalar("DATE") }] } } },
    ],
  });
});

test("a text that is no type is refused", () => {
  for (const text of ["", "STRUCT(", "STRUCT(a)", "MAP(VARCHAR)", "INTEGER[", "INTEGER extra", "struct(a int)"]) {
    expect(() => parseType(text), text).toThrow(/cannot be kept in a table/);
  }
});
