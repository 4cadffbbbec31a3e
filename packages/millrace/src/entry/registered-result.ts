import type { Registered } from "#domains/quality";

/** Whether a flow ended with `step.register(…)`. */
export function isRegistered(result: unknown): result is Registered {
  return typeof result === "object" && result !== null && "kind" in result && result.kind === "registered";
}
