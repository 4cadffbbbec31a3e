/** Gradient boosting (Friedman 2001) with second-order steps: the leader's loop over the trees. */
import { growTree, type GrowContext } from "./trees-grow.ts";
import { blockRows, type Layout, type Views } from "./trees-layout.ts";
import type { Forest, Tree } from "./trees-model.ts";
import { mix } from "./trees-random.ts";
import { numbers, tasks } from "./trees-share.ts";

export interface BoostContext extends GrowContext {
  seed: number;
  /** Starting score, which the shared scores and labels reflect already. */
  base: number;
  largestWeight: number;
  validWeight: number;
  /** Called after each iteration with its validation loss, where there are validation rows. */
  onIteration(iteration: number, loss: number | undefined): void;
}

export interface BoostResult {
  /** Cut after the best iteration when stopping early. */
  forest: Forest;
  losses: number[];
  bestIteration: number;
}

/** Boosts until the trees are grown, nothing more can be split, or the validation loss has stopped improving. */
export function boost(context: BoostContext): BoostResult {
  const { params, layout, team, views } = context;
  const block = views.float64.subarray(layout.at.numbers / 8);
  const trees: Tree[] = [];
  const losses: number[] = [];
  let best = { iteration: 0, loss: Infinity };
  let largestGradient = params.objective === "binary" ? 1 : initialGradient(context);
  for (let iteration = 1; iteration <= params.trees && largestGradient > 0; iteration++) {
    const salt = mix(context.seed >>> 0, iteration) | 0;
    const { gradientScale, hessianScale } = quantisation(context, largestGradient);
    block.set([salt, gradientScale, hessianScale]);
    chooseColumns(layout, views, params.featureFraction, mix(salt, 77));
    team.run(tasks.begin);
    const tree = growTree(context);
    if (!tree) break;
    trees.push(tree);
    views.float64.set(tree.leaves, layout.at.leafValues / 8);
    block[numbers.leaves] = tree.leaves.length;
    team.run(tasks.finish);
    if (params.objective === "regression") largestGradient = Math.max(...block.subarray(numbers.counts, numbers.counts + layout.threads));
    const loss = layout.validRows > 0 ? validationLoss(context) : undefined;
    context.onIteration(iteration, loss);
    if (loss === undefined) continue;
    losses.push(loss);
    if (loss < best.loss) best = { iteration, loss };
    else if (params.earlyStopping > 0 && iteration - best.iteration >= params.earlyStopping) break;
  }
  const stopsEarly = params.earlyStopping > 0 && layout.validRows > 0;
  const bestIteration = stopsEarly ? best.iteration : trees.length;
  return { forest: { base: context.base, trees: trees.slice(0, bestIteration) }, losses, bestIteration };
}

/**
 * The finest steps whose sums over all rows still fit 32 bits, and whose values fit 15. One step is held back for rounding up;
 * binary gradients lie in [−1, 1] and second derivatives in [0, ¼], squared error's second derivative is 1; all times the weight.
 */
function quantisation({ layout, params, largestWeight }: BoostContext, largestGradient: number): { gradientScale: number; hessianScale: number } {
  const steps = (sum: number): number => Math.max(1, Math.min(Math.floor(sum / layout.trainRows), 32_767) - 1);
  const gradientBound = params.objective === "binary" ? largestWeight : largestGradient;
  const hessianBound = params.objective === "binary" ? largestWeight / 4 : largestWeight;
  // The kernel works in float32: the scales are rounded first, so that units and quantised values belong together.
  return { gradientScale: Math.fround(steps(2 ** 31 - 1) / gradientBound), hessianScale: Math.fround(steps(2 ** 32 - 1) / hessianBound) };
}

function initialGradient({ layout, views, largestWeight }: BoostContext): number {
  let largest = 0;
  for (let row = 0; row < layout.trainRows; row++) {
    const label = Math.abs(views.float32[layout.at.labels / 4 + row] ?? 0); // labels are relative to the starting score
    const weight = layout.weighted ? (views.float32[layout.at.weights / 4 + row] ?? 0) : largestWeight;
    if (label * weight > largest) largest = label * weight;
  }
  return largest;
}

/** Marks the columns the next tree may use: all, or a random choice of them (Fisher-Yates). */
function chooseColumns(layout: Layout, views: Views, fraction: number, seed: number): void {
  const chosen = Math.max(1, Math.round(layout.columns * fraction));
  const order = Array.from({ length: layout.columns }, (_, i) => i);
  for (let i = 0; i < chosen && chosen < layout.columns; i++) {
    const j = i + (mix(seed, i) % (layout.columns - i));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  views.bytes.fill(0, layout.at.allowed, layout.at.allowed + layout.columns);
  for (const column of order.slice(0, chosen)) views.bytes[layout.at.allowed + column] = 1;
}

/** Blocks are added up in their order, so the sum is the same for any number of threads. */
function validationLoss({ layout, views, params, validWeight }: BoostContext): number {
  let sum = 0;
  const first = layout.at.losses / 8;
  for (let block = layout.validStart / blockRows; block < layout.rows / blockRows; block++) sum += views.float64[first + block] ?? 0;
  return params.objective === "binary" ? sum / validWeight : Math.sqrt(sum / validWeight);
}
