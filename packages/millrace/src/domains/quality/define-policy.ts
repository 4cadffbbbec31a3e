import { AppError } from "#kit/app-error";
import { durationMs, durationName, type Duration } from "#domains/features";

/** Fires when a feature has drifted from the training profile: its PSI or KS statistic over the last `over` is above `above`. */
export interface DriftPolicy {
  kind: "drift";
  measure: "psi" | "ks";
  above: number;
  /** Features to watch; all of the profile when left out. */
  features?: readonly string[];
  /** Length of the window that is compared, as it was written ("1d") and in milliseconds. */
  over: string;
  overMs: number;
}

/** Fires when the live AUC over the last `over` is below a number, or below the champion's AUC at its gate minus `by`. */
export interface DecayPolicy {
  kind: "decay";
  metric: "auc";
  below: "champion" | number;
  by: number;
  over: string;
  overMs: number;
}

/** A reason to learn again. */
export type PolicyTrigger = DriftPolicy | DecayPolicy;

export interface DriftOptions {
  features?: readonly string[];
  over?: Duration;
}

const driftAbove =
  (measure: DriftPolicy["measure"], most: number) =>
  (above: number, { features, over = "1d" }: DriftOptions = {}): DriftPolicy => {
    if (!(above > 0 && above < most))
      throw wrong(`drift.${measure}.above(${above}) is not a limit.`, `Give a number above 0${most === 1 ? " and below 1" : ""}.`);
    return { kind: "drift", measure, above, ...(features && { features }), over: durationName(over), overMs: durationMs(over) };
  };

/** `drift.psi.above(0.2)`, `drift.ks.above(0.1, { features: ["from_origin.late_rate_1h"], over: "3d" })`. The window is "1d" when left out. */
export const drift = { psi: { above: driftAbove("psi", Infinity) }, ks: { above: driftAbove("ks", 1) } };

/** `decay.auc.below("champion", { by: 0.02, over: "3d" })`, `decay.auc.below(0.75)`. The window is "1d" and `by` 0 when left out. */
export const decay = {
  auc: {
    below: (limit: "champion" | number, { by = 0, over = "1d" }: { by?: number; over?: Duration } = {}): DecayPolicy => {
      if (limit !== "champion" && !(limit > 0 && limit < 1)) throw wrong(`decay.auc.below(${limit}) is not a limit.`, "An AUC lies between 0 and 1.");
      if (!(by >= 0 && by < 1)) throw wrong(`decay.auc.below(…, { by: ${by} }) is not a margin.`, "Give a number from 0 to below 1.");
      return { kind: "decay", metric: "auc", below: limit, by, over: durationName(over), overMs: durationMs(over) };
    },
  },
};

function wrong(message: string, hint: string): AppError {
  return new AppError("invalid_definition", message, { hint });
}
