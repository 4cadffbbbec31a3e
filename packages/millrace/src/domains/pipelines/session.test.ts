import { describe, expect, it } from "vitest";
import { silentLog } from "#kit/log";
import type { Ledger } from "./ledger.ts";
import { openSession, type SessionOptions } from "./session.ts";

function session(existing: SessionOptions["existing"], parallel = 2) {
  return openSession({
    ledger: {} as Ledger, // not used by what is tested here
    run: { id: "run", attempt: 1 },
    existing,
    fresh: false,
    environment: {},
    scratch: "",
    parallel,
    log: silentLog,
    onEvent: () => {
      throw new Error("a receiver that fails");
    },
  });
}

describe("ids of steps", () => {
  it("are the name, numbered by the order of the calls, beside ids chosen by hand", () => {
    const { identify, reserve } = session([]);
    expect(reserve("fit#2")).toEqual({ id: "fit#2", index: 0 });
    expect([identify("fit", "a"), identify("tune", "b"), identify("fit", "c")]).toEqual([
      { id: "fit", index: 1 },
      { id: "tune", index: 2 },
      { id: "fit#3", index: 3 },
    ]);
    expect(reserve("fit")).toBeUndefined();
  });

  it("are found again when parallel branches call in another order than before", () => {
    const before = [
      { id: "fit", name: "fit", key: "a", state: "succeeded" },
      { id: "fit#2", name: "fit", key: "b", state: "interrupted" },
      { id: "fit#3", name: "fit", key: "c", state: "succeeded" },
    ];
    const { identify } = session(before);
    expect(["c", "b", "new", "a"].map((key) => identify("fit", key).id)).toEqual(["fit#3", "fit#2", "fit#4", "fit"]);
    // An unfinished step whose inputs changed gives its place away; a finished one does not.
    expect(session(before).identify("fit", "new").id).toBe("fit#2");
  });
});

it("an event receiver that throws does not disturb the run", () => {
  expect(() => session([]).emit({ type: "run-finished", runId: "run", flow: "f", status: "succeeded", error: null, atMs: 1 })).not.toThrow();
});
