import type { Registered } from "#domains/quality";
import { AppError } from "#kit/app-error";

/** Whether a flow ended with `step.register(…)`. */
export function isRegistered(result: unknown): result is Registered {
  return typeof result === "object" && result !== null && "kind" in result && result.kind === "registered";
}

/** What of the gate did not pass, and why: a line a check. */
export function gateReasons({ summary }: Registered): string[] {
  return summary.split("\n").slice(1);
}

/** A version did not pass its gate. */
export function gateError(registered: Registered): AppError {
  const { model, version, alias, verdict } = registered;
  return new AppError(
    "gate_failed",
    `${model} v${version} did not pass its gate (${verdict}), so ${model}@${alias} stays: ${gateReasons(registered).join("; ")}`,
    {
      hint: "Look at it (millrace models), better the data or the flow, or change what the gate asks.",
      details: { model, version, verdict },
    },
  );
}
