/** Proximal policy optimisation (Schulman et al. 2017), the update. */
import type { Learner, Update, UpdateResult } from './learner.ts';
import { descend, standardise } from './learner.ts';
import { emptyStatistics, type LossWeights, policyLossGradient, valueLossGradient } from './policy-loss.ts';
import { createMinibatch, gather, type Minibatch, type RolloutBuffer, shuffle } from './rollout-buffer.ts';

export interface PpoOptions extends LossWeights {
  epochs: number;
  minibatchRows: number;
  maxGradientNorm: number;
  /** Stops the epochs of a rollout early once the policy has moved this far; keeps a bad batch from doing harm. */
  maxKl: number;
}

export const defaultPpoOptions: PpoOptions = {
  epochs: 2,
  minibatchRows: 4096,
  clipRange: 0.2,
  valueWeight: 0.5,
  entropyWeight: 0.002,
  maxGradientNorm: 0.5,
  maxKl: 0.05,
};

export function createPpoUpdate(options: PpoOptions): Update {
  let minibatch: Minibatch | undefined;
  let order: Int32Array | undefined;
  return (learner: Learner, buffer: RolloutBuffer, learningRate: number): UpdateResult => {
    const total = buffer.steps * buffer.lanes;
    const rows = Math.min(total, options.minibatchRows);
    const batch = minibatch ?? createMinibatch(buffer, rows);
    minibatch = batch;
    order ??= new Int32Array(total);
    // From the same order each time, so that a resumed run shuffles as one that never stopped.
    for (let i = 0; i < total; i++) order[i] = i;
    const result = { ...emptyStatistics(), gradientNorm: 0, updates: 0 };
    standardise(buffer.advantages);
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      shuffle(order, learner.uniform);
      const before = { kl: result.approximateKl, rows: result.rows };
      for (let from = 0; from + rows <= total; from += rows) {
        gather(buffer, order, from, batch);
        learner.network.backward(
          batch.observations,
          rows,
          (logits, values, logitGradients, valueGradients) => {
            policyLossGradient({ ...batch, heads: learner.heads }, logits, options, logitGradients, result);
            valueLossGradient(batch.returns, values, rows, options.valueWeight, valueGradients, result);
          },
          learner.gradient,
        );
        result.gradientNorm += descend(learner, learningRate, options.maxGradientNorm);
        result.updates++;
      }
      if ((result.approximateKl - before.kl) / (result.rows - before.rows) > options.maxKl) break;
    }
    return result;
  };
}
