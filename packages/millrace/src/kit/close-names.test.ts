import { describe, expect, it } from "vitest";
import { closeNames, closestName } from "./close-names.ts";

describe("names like a mistyped one", () => {
  it("finds letters that are wrong, missing, too many or swapped, in any case", () => {
    for (const wrong of ["champoin", "champin", "champpion", "CHAMPION", "chumpion"])
      expect(closestName(wrong, ["candidate", "champion"])).toBe("champion");
  });

  it("finds a name that was given without its table, its beginning or its version", () => {
    expect(closestName("delay", ["flights.origin", "flights.delay"])).toBe("flights.delay");
    expect(closestName("delay", ["arr_delay", "origin"])).toBe("arr_delay");
    expect(closestName("late", ["late-arrival", "churn"])).toBe("late-arrival");
    expect(closestName("churn@12", ["late-arrival", "churn"])).toBe("churn");
    expect(closestName("churn", ["late-arrival@1", "churn@12"])).toBe("churn@12");
  });

  it("gives the nearest first, each once, three at most", () => {
    expect(closeNames("rate", ["ratio", "race", "rate_24h", "rates", "race", "rote"])).toEqual(["race", "rate_24h", "rates"]);
    expect(closeNames("loss", ["loss", "Loss", "lost"])).toEqual(["Loss", "loss", "lost"]);
  });

  it("suggests nothing for what is like none", () => {
    expect(closestName("xyz", ["champion", "candidate"])).toBeUndefined();
    expect(closestName("", ["champion"])).toBeUndefined();
  });
});
