import { z } from "zod";

/** What a check can be about: of a model, of its behaviour, or of data. */
export const checkKinds = ["metric", "champion", "slices", "invariant", "directional", "minimumFunctionality", "drift", "decay", "data"] as const;

/**
 * The outcome of any check Millrace makes: gate, monitor, data test. `inconclusive` means that there was too little to judge by;
 * it is never a pass. `reason` is one plain sentence for a person, `details` are the facts behind it for programs.
 */
export const checkResultSchema = z.object({
  name: z.string(),
  kind: z.enum(checkKinds),
  status: z.enum(["passed", "failed", "inconclusive"]),
  /** A failed `warning` is shown but decides nothing. */
  severity: z.enum(["error", "warning"]),
  expected: z.string(),
  actual: z.union([z.number(), z.string(), z.null()]),
  reason: z.string(),
  details: z.record(z.string(), z.json()),
});

export type CheckResult = z.infer<typeof checkResultSchema>;
export type CheckStatus = CheckResult["status"];

/** One verdict over many results: failed where an `error` failed, else inconclusive where an `error` is, else passed. */
export function verdictOf(results: readonly CheckResult[]): CheckStatus {
  const deciding = results.filter((result) => result.severity === "error").map((result) => result.status);
  return deciding.includes("failed") ? "failed" : deciding.includes("inconclusive") ? "inconclusive" : "passed";
}
