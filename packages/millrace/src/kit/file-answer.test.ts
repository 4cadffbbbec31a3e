import { expect, it } from "vitest";
import { fileAnswer } from "./file-answer.ts";

const named = async (name: string) => {
  const file = { name, tag: "t", sizeBytes: 0, modifiedMs: 0, contentType: "text/plain", bytes: () => Promise.reject(new Error("none")) };
  return (await fileAnswer(file, {})).headers!["content-disposition"];
};

// As werkzeug 3.1 writes them, which MLflow's clients and pages read.
it.each([
  ["dog+step+20+timestamp+100.png", "filename=dog+step+20+timestamp+100.png"],
  ["q'uote.txt", "filename=q'uote.txt"],
  ["100%.txt", "filename=100%.txt"],
  ["a b.txt", 'filename="a b.txt"'],
  ["a;b=(c),d@e", 'filename="a;b=(c),d@e"'],
  ['dq"x\\y', String.raw`filename="dq\"x\\y"`],
  ["ü'.txt", "filename=u'.txt; filename*=UTF-8''%C3%BC%27.txt"],
])("a file is an attachment under its name: %s", async (name, said) => {
  expect(await named(name)).toBe(`attachment; ${said}`);
});

it("a name that has no plain letters keeps its length for clients that know no other", async () => {
  expect(await named("モデル.txt")).toBe("attachment; filename=___.txt; filename*=UTF-8''%E3%83%A2%E3%83%87%E3%83%AB.txt");
});
