import { describe, expect, expectTypeOf, it } from "vitest";
import { defineStep, flow, flowWith, type AnyFlow, type AnyStepKind, type StepsOf, type StepTools } from "./define.ts";

interface Table<Row> {
  name: string;
  row?: Row;
}

const kinds = {
  fit: defineStep({
    name: "fit",
    label: "fit",
    version: 1,
    run: async (_context, leaves: number, table: Table<unknown>) => ({ trees: leaves, of: table.name }),
    key: (leaves, table) => ({ leaves, table: table.name }),
    describe: (output) => `${output.trees} trees`,
  }),
  pick: defineStep<[Table<object>, string], { column: string }, <Row>(table: Table<Row>, column: keyof Row & string) => Promise<{ column: string }>>({
    name: "pick",
    label: "pick",
    version: 1,
    run: async (_context, _table, column) => ({ column }),
  }),
} satisfies Record<string, AnyStepKind>;

interface Step extends StepTools, StepsOf<typeof kinds> {}

describe("a flow", () => {
  it("is plain data whose types follow from its parameters and steps", () => {
    const define = flowWith<Step>();
    const flights: Table<{ delay: number }> = { name: "flights" };
    const made = define("late-arrival", { until: "2001-06-01", leaves: 31 }, async (step, { until, leaves }) => {
      expectTypeOf(until).toBeString();
      const model = await step.with({ retry: 1 }).fit(leaves, flights);
      const { column } = await step.pick(flights, "delay");
      // @ts-expect-error -- flights has no such column
      void (() => step.pick(flights, "dellay"));
      const twice = await step.run("twice", { by: 2 }, async ({ by }) => by * model.trees);
      expectTypeOf(twice).toBeNumber();
      return { column, twice };
    });
    expectTypeOf(made.body).returns.resolves.toEqualTypeOf<{ column: string; twice: number }>();
    const any: AnyFlow = made;
    expect(any).toMatchObject({ kind: "flow", name: "late-arrival", params: { until: "2001-06-01", leaves: 31 } });
  });

  it("refuses a name that could not be typed on a command line", () => {
    expect(() => flow("Late arrival", {}, async () => 1)).toThrow(expect.objectContaining({ code: "invalid_definition" }));
  });
});
