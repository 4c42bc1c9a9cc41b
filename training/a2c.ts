/** Advantage actor-critic (Mnih et al. 2016, synchronous): one gradient step per rollout on the plain policy gradient. */
import type { Learner, Update, UpdateResult } from './learner.ts';
import { descend, standardise } from './learner.ts';
import { emptyStatistics, policyLossGradient, valueLossGradient } from './policy-loss.ts';
import type { RolloutBuffer } from './rollout-buffer.ts';

export interface A2cOptions {
  valueWeight: number;
  entropyWeight: number;
  maxGradientNorm: number;
}

export function createA2cUpdate(options: A2cOptions): Update {
  // At the first and only step the ratio is 1, where the unclipped surrogate has the policy gradient.
  const weights = { ...options, clipRange: Number.POSITIVE_INFINITY };
  return (learner: Learner, buffer: RolloutBuffer, learningRate: number): UpdateResult => {
    const rows = buffer.steps * buffer.lanes;
    const result = { ...emptyStatistics(), gradientNorm: 0, updates: 1 };
    standardise(buffer.advantages);
    const batch = { ...buffer, rows, heads: learner.heads, oldLogProbabilities: buffer.logProbabilities };
    learner.network.backward(
      buffer.observations,
      rows,
      (logits, values, logitGradients, valueGradients) => {
        policyLossGradient(batch, logits, weights, logitGradients, result);
        valueLossGradient(buffer.returns, values, rows, options.valueWeight, valueGradients, result);
      },
      learner.gradient,
    );
    result.gradientNorm = descend(learner, learningRate, options.maxGradientNorm);
    return result;
  };
}
