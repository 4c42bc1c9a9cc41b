/** Proximal policy optimisation (Schulman et al. 2017), the update. */
import type { Learner, Update, UpdateResult } from './learner.ts';
import { descend, standardise } from './learner.ts';
import { emptyStatistics, type LossWeights, policyLossGradient, valueLossGradient } from './policy-loss.ts';
import { createMinibatchPasses, type RolloutBuffer } from './rollout-buffer.ts';

export interface PpoOptions extends LossWeights {
  epochs: number;
  minibatchRows: number;
  maxGradientNorm: number;
  /** Stops the epochs of a rollout early once the policy has moved this far; keeps a bad batch from doing harm. */
  maxKl: number;
}

export function createPpoUpdate(options: PpoOptions): Update {
  const passes = createMinibatchPasses(options.minibatchRows);
  return (learner: Learner, buffer: RolloutBuffer, learningRate: number): UpdateResult => {
    const result = { ...emptyStatistics(), gradientNorm: 0, updates: 0 };
    standardise(buffer.advantages);
    passes.begin(buffer);
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      const before = { kl: result.approximateKl, rows: result.rows };
      passes.pass(learner.uniform, (batch) => {
        learner.network.backward(
          batch.observations,
          batch.rows,
          (logits, values, logitGradients, valueGradients) => {
            policyLossGradient({ ...batch, heads: learner.heads }, logits, options, logitGradients, result);
            valueLossGradient(batch.returns, values, batch.rows, options.valueWeight, valueGradients, result);
          },
          learner.gradient,
        );
        result.gradientNorm += descend(learner, learningRate, options.maxGradientNorm);
        result.updates++;
      });
      if ((result.approximateKl - before.kl) / (result.rows - before.rows) > options.maxKl) break;
    }
    return result;
  };
}
