/** Losses of the actor and the critic, differentiated by hand with respect to logits and values. Pure functions. */
import { entropy, logSoftmax } from '../policies/actor-critic/categorical.ts';

/** A minibatch: `rows` decisions; `heads[h]` choices per head, logits of all heads side by side in a row. */
export interface DecisionBatch {
  readonly rows: number;
  readonly heads: readonly number[];
  /** rows × heads.length choice indices. */
  readonly actions: Int32Array;
  /** Log-probability of the joint action when it was taken, per row. */
  readonly oldLogProbabilities: Float32Array;
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
}

export interface LossWeights {
  /** Clip range ε of the probability ratio; Infinity gives the plain policy gradient. */
  clipRange: number;
  valueWeight: number;
  entropyWeight: number;
}

/** Sums over rows; divide by rows for means. */
export interface LossStatistics {
  policyLoss: number;
  valueLoss: number;
  entropy: number;
  /** Estimate of KL(old ‖ new): mean of (ratio − 1) − log ratio (Schulman's k3). */
  approximateKl: number;
  clipped: number;
  rows: number;
}

export function emptyStatistics(): LossStatistics {
  return { policyLoss: 0, valueLoss: 0, entropy: 0, approximateKl: 0, clipped: 0, rows: 0 };
}

/**
 * The clipped surrogate of PPO (Schulman et al. 2017, equation 7) minus the entropy bonus. `logits` are turned into
 * log-probabilities in place; the gradient of the mean loss goes into `logitGradients` (rows × logits).
 */
export function policyLossGradient(
  batch: DecisionBatch,
  logits: Float32Array,
  weights: LossWeights,
  logitGradients: Float32Array,
  statistics: LossStatistics,
): void {
  const { rows, heads, actions, oldLogProbabilities, advantages } = batch;
  const width = heads.reduce((sum, count) => sum + count, 0);
  const { clipRange, entropyWeight } = weights;
  for (let row = 0; row < rows; row++) {
    const base = row * width;
    let logProbability = 0;
    for (let h = 0, offset = base; h < heads.length; offset += heads[h++]) {
      logSoftmax(logits, offset, heads[h]);
      logProbability += logits[offset + actions[row * heads.length + h]];
    }
    const logRatio = logProbability - oldLogProbabilities[row];
    const ratio = Math.exp(logRatio);
    const advantage = advantages[row];
    const clippedRatio = Math.min(1 + clipRange, Math.max(1 - clipRange, ratio));
    const surrogate = Math.min(ratio * advantage, clippedRatio * advantage);
    // Where the clipped term is the smaller one the surrogate is flat.
    const isFlat = clippedRatio * advantage < ratio * advantage;
    const slope = isFlat ? 0 : (-ratio * advantage) / rows;
    for (let h = 0, offset = base; h < heads.length; offset += heads[h++]) {
      const headEntropy = entropy(logits, offset, heads[h]);
      const action = actions[row * heads.length + h];
      for (let a = 0; a < heads[h]; a++) {
        const probability = Math.exp(logits[offset + a]);
        const ofChoice = (a === action ? 1 : 0) - probability;
        const ofEntropy = -probability * (logits[offset + a] + headEntropy);
        logitGradients[offset + a] = slope * ofChoice - (entropyWeight / rows) * ofEntropy;
      }
      statistics.entropy += headEntropy;
    }
    statistics.policyLoss -= surrogate;
    statistics.approximateKl += ratio - 1 - logRatio;
    statistics.clipped += isFlat ? 1 : 0;
  }
  statistics.rows += rows;
}

/** Half the mean squared error of the values, weighted; its gradient goes into `valueGradients`. */
export function valueLossGradient(
  returns: Float32Array,
  values: Float32Array,
  rows: number,
  valueWeight: number,
  valueGradients: Float32Array,
  statistics: LossStatistics,
): void {
  for (let row = 0; row < rows; row++) {
    const error = values[row] - returns[row];
    statistics.valueLoss += 0.5 * error * error;
    valueGradients[row] = (valueWeight * error) / rows;
  }
}
