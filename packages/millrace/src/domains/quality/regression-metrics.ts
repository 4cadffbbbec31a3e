import { checkNumericInput, type Floats } from "./metric-input.ts";

export interface RegressionMetrics {
  /** Mean absolute error, in the label's unit. */
  mae: number;
  /** Root of the mean squared error, in the label's unit. */
  rmse: number;
  /** Share of the label's variance explained; undefined when all labels are equal. */
  r2: number | undefined;
  /** Mean of prediction - label. */
  bias: number;
}

/** MAE, RMSE, R² and bias of predictions (scikit-learn's `mean_absolute_error`, `root_mean_squared_error`, `r2_score`). */
export function regressionMetrics(labels: Floats, predictions: Floats, weights?: Floats): RegressionMetrics {
  checkNumericInput(labels, predictions, weights);
  let [total, mean, spread, absolute, squared, signed] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const weight = weights ? weights[i]! : 1;
    if (weight === 0) continue;
    const miss = predictions[i]! - labels[i]!;
    total += weight;
    absolute += weight * Math.abs(miss);
    squared += weight * miss * miss;
    signed += weight * miss;
    const step = labels[i]! - mean; // West's update: stable for labels far from zero
    mean += (weight / total) * step;
    spread += weight * step * (labels[i]! - mean);
  }
  return { mae: absolute / total, rmse: Math.sqrt(squared / total), r2: spread > 0 ? 1 - squared / spread : undefined, bias: signed / total };
}
