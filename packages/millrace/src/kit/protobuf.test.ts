import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "./app-error.ts";
import { protobufWriter, readFields, readPackedVarints } from "./protobuf.ts";

describe("the protobuf codec", () => {
  test("reads back what it wrote, whatever the numbers", () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), fc.string(), fc.float(), (numbers, text, float) => {
        const out = protobufWriter();
        numbers.forEach((value, i) => out.varint(i + 1, value));
        out.packedVarints(2, numbers);
        out.text(3, text);
        out.float(4, float);
        out.message(5, (nested) => nested.varint(1, 7));
        const fields = [...readFields(out.finish(), "A message")];
        expect(fields.slice(0, numbers.length)).toEqual(numbers.map((value, i) => ({ number: i + 1, wire: "varint", value })));
        const [packed, written, , message] = fields.slice(numbers.length).map((field) => (field.wire === "varint" ? new Uint8Array() : field.value));
        expect(readPackedVarints(packed ?? new Uint8Array(), "A run")).toEqual(numbers);
        expect(new TextDecoder().decode(written)).toBe(new TextDecoder().decode(new TextEncoder().encode(text)));
        expect([...readFields(message ?? new Uint8Array(), "A message")]).toEqual([{ number: 1, wire: "varint", value: 7 }]);
      }),
    );
  });

  test("writes the bytes of the format's own examples", () => {
    const out = protobufWriter();
    out.varint(1, 150);
    out.text(2, "testing");
    // protobuf.dev/programming-guides/encoding: "08 96 01" and "12 07 74 65 73 74 69 6e 67"
    expect(Buffer.from(out.finish()).toString("hex")).toBe("089601120774657374696e67");
  });

  test("integers of 64 bits are exact", () => {
    const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
    const exact = (hex: string) => [...readFields(bytes(hex), "A message")].map((field) => (field.wire === "varint" ? field.exact : undefined));
    expect(exact("08ffffffffffffffff7f")).toEqual([2n ** 63n - 1n]);
    expect(exact("0880808080808080808001")).toEqual([-(2n ** 63n)]);
    expect(exact("08ffffffffffffffffff01")).toEqual([undefined]); // -1
  });

  test("any bytes are read or refused with corrupt_data", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const field of readFields(bytes, "The file")) expect(field.number).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect(error).toMatchObject({ code: "corrupt_data" });
        }
      }),
    );
  });
});
