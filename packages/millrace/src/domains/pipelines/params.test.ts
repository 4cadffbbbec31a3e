import { describe, expect, it } from "vitest";
import { paramsFromText, resolveParams } from "./params.ts";

const flow = { name: "train", params: { until: "2001-06-01", trees: 100, dry: false, origins: ["SFO"], note: null } };

describe("parameters", () => {
  it("keep their defaults where nothing is given", () => {
    expect(resolveParams(flow, { trees: 5, until: undefined as unknown as string })).toEqual({ ...flow.params, trees: 5 });
    expect(flow.params.trees).toBe(100);
  });

  it("are read from text by the type of their defaults", () => {
    const given = paramsFromText(flow, { until: "2001", trees: "5", dry: "true", origins: '["LAX"]', note: "hello" });
    expect(given).toEqual({ until: "2001", trees: 5, dry: true, origins: ["LAX"], note: "hello" });
    expect(() => paramsFromText(flow, { trees: "many" })).toThrow('"many" cannot be read as the number that parameter `trees` is.');
    expect(() => resolveParams(flow, paramsFromText(flow, { trees: "true" }))).toThrow("Parameter `trees` of flow train is a number, not a boolean.");
  });
});
