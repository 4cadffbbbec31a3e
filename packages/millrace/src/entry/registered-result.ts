import type { Registered } from "#domains/quality";
import { AppError } from "#kit/app-error";

/** Whether a flow ended with `step.register(…)`. */
export function isRegistered(result: unknown): result is Registered {
  return typeof result === "object" && result !== null && "kind" in result && result.kind === "registered";
}

/** A version did not pass its gate: with every check that it did not pass, and why. */
export function gateError({ model, version, alias, verdict, summary }: Registered): AppError {
  const reasons = summary.split("\n").slice(1).join("; ");
  return new AppError("gate_failed", `${model} v${version} did not pass its gate (${verdict}), so ${model}@${alias} stays: ${reasons}`, {
    hint: "Look at it with `millrace models version MODEL VERSION`, better the data or the flow, or change what the gate asks.",
    details: { model, version, verdict },
  });
}
