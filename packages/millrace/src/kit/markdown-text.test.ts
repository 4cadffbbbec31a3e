import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { markdownLine, markdownQuote } from "./markdown-text.ts";

describe("a line of Markdown", () => {
  it.each([
    ["late-arrival v3, AUC 0.779 (test)", "late-arrival v3, AUC 0.779 (test)"],
    ["# a heading", "\\# a heading"],
    ["- item", "\\- item"],
    ["+ item", "\\+ item"],
    ["1. item", "1\\. item"],
    ["-0.5 or +1", "-0.5 or +1"],
    ["0.779", "0.779"],
    ["---", "\\---"],
    ["12) item", "12\\) item"],
    ["===", "\\==="],
    ["| a | b |", "\\| a \\| b \\|"],
    ["<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"],
    ["[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"],
    ["![x](https://evil.example/t.png)", "!\\[x\\](https\\://evil.example/t.png)"],
    ["&lt;b&gt; &#60;", "\\&lt;b\\&gt; \\&\\#60;"],
    ["`code` **bold** ~~gone~~ $x$ @ana", "\\`code\\` \\*\\*bold\\*\\* \\~\\~gone\\~\\~ \\$x\\$ \\@ana"],
    ["rate__15d of late_arrival, _not_ __this__ a_ _b", "rate__15d of late_arrival, \\_not\\_ \\_\\_this\\_\\_ a\\_ \\_b"],
    ["www.evil.example", "www\\.evil.example"],
    ["a\\", "a\\\\"],
    ["two\nlines\r\n\r\n# three", "two lines \\# three"],
    ["    indented\tcode", "indented code"],
    ["right\u202eto left\u0000\u001b[31m", "rightto left\\[31m"],
  ])("shows %j as it is", (text, markdown) => {
    expect(markdownLine(text)).toBe(markdown);
  });
});

describe("a quotation", () => {
  it("keeps lines and paragraphs, and ends where the text ends", () => {
    expect(markdownQuote("one\ntwo\n\n## Gate\n\n| a |\n| --- |\n---\n")).toBe(
      "> one  \n> two  \n>\n> \\## Gate  \n>\n> \\| a \\|  \n> \\| --- \\|  \n> \\---  ".replace("\\##", "\\#\\#"),
    );
    expect(markdownQuote("a\u2028## b\u0085## c\v## d")).toBe("> a  \n> \\#\\# b  \n> \\#\\# c  \n> \\#\\# d  ");
  });

  it("holds every line of whatever text, with no mark in it that is not escaped", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 200 }),
        fc.constantFrom("\n", "\r", "```\n", "\n\n    ", "\n<!--", "\n> "),
        (text, join) => {
          for (const line of markdownQuote(`${text}${join}${text}`).split("\n")) {
            expect(line).toMatch(/^>( |$)/);
            expect(line.slice(2).replaceAll(/\\[\\`*_[\]{}<>|~$&#@^\-+=:.)]/g, "·")).not.toMatch(
              /[\\`*[\]{}<>|~$&#@^]|(^|[^\p{L}\p{N}_])_|_($|[^\p{L}\p{N}_])|^=|^[-+]( |$)|^--|^\d{1,9}[.)]( |$)|:\/\//u,
            );
          }
        },
      ),
      { examples: [["\\+", "\n"]] },
    );
  });
});
