/**
 * Warm start by hindsight. Load does not depend on what the agent does, so once the future of a simulated lane is
 * known, what each move of the set-point would have cost is known too, exactly and for all moves at once (Sinclair et
 * al. 2023, "Hindsight learning for MDPs with exogenous inputs"). The actor descends the expected cost under its own
 * probabilities, so it learns the best move on average over futures that look the same now, which no imitation of a
 * single oracle path gives. The critic learns from the same rollouts as in PPO.
 */
import { holdChoice, setPointMoves } from '../env/deliberative-action.ts';
import type { ScalingEnv } from '../env/simulator/scaling-env.ts';
import { entropy, logSoftmax } from '../policies/actor-critic/categorical.ts';
import type { Learner, Update, UpdateResult } from './learner.ts';
import { descend } from './learner.ts';
import { emptyStatistics, type LossStatistics, valueLossGradient } from './policy-loss.ts';
import { createMinibatchPasses, type RolloutBuffer } from './rollout-buffer.ts';

const overloadShare = 0.1;
export const hindsightChoices = setPointMoves.length + 1;

/**
 * Writes what each choice of the set-point head costs on every lane, in the reward's units for one interval
 * (lanes × choices from `offset`): pods held, and intervals above the SLA that this decision alone settles. A pod
 * ordered now serves from a cold start on; until the next decision's pods can be ready, a pod given up now is missed.
 */
export function hindsightCosts(
  env: ScalingEnv,
  podsOfSize: Float64Array,
  capacities: Float64Array,
  costs: Float32Array,
  offset: number,
): void {
  const { lanes, weights, nominalPods, reactiveLoop } = env;
  const { groupSize, minGroupSize, maxGroupSize } = reactiveLoop.state;
  const stepTicks = env.lastStep.ticks;
  for (let lane = 0; lane < lanes; lane++) {
    const size = Math.max(minGroupSize, groupSize[lane]);
    const coldTicks = env.laneDelays.coldStartTicks[lane];
    const base = offset + lane * hindsightChoices;
    for (let choice = 0; choice < setPointMoves.length; choice++) {
      const wanted = Math.min(maxGroupSize, Math.max(minGroupSize, size + setPointMoves[choice]));
      let violating = 0;
      for (let tick = wanted < size ? 0 : coldTicks; tick < coldTicks + stepTicks; tick++) {
        const overload = env.futureDemand(lane, tick) / capacities[wanted - 1] - 1;
        // Among sizes that all fail, the one that fails less is better.
        if (overload > 0) violating += 1 + overloadShare * Math.min(4, overload);
      }
      costs[base + choice] = podsOfSize[wanted] / nominalPods + (weights.violation * violating) / stepTicks;
    }
    costs[base + holdChoice] = costs[base + setPointMoves.indexOf(0)];
  }
}

export interface HindsightOptions {
  epochs: number;
  minibatchRows: number;
  valueWeight: number;
  entropyWeight: number;
  maxGradientNorm: number;
  /** Which head moves the set-point. */
  moveHead: number;
}

/** Gradient of the expected hindsight cost of the move head, less its entropy bonus; other heads stay as they are. */
export function hindsightLossGradient(
  rows: number,
  heads: readonly number[],
  moveHead: number,
  costs: Float32Array,
  logits: Float32Array,
  entropyWeight: number,
  logitGradients: Float32Array,
  statistics: LossStatistics,
): void {
  const width = heads.reduce((sum, count) => sum + count, 0);
  for (let row = 0; row < rows; row++) {
    for (let h = 0, offset = row * width; h < heads.length; offset += heads[h++]) {
      logSoftmax(logits, offset, heads[h]);
      const headEntropy = entropy(logits, offset, heads[h]);
      statistics.entropy += headEntropy;
      if (h !== moveHead) continue;
      let expected = 0;
      for (let a = 0; a < heads[h]; a++) expected += Math.exp(logits[offset + a]) * costs[row * heads[h] + a];
      statistics.policyLoss += expected;
      for (let a = 0; a < heads[h]; a++) {
        const probability = Math.exp(logits[offset + a]);
        const ofCost = probability * (costs[row * heads[h] + a] - expected);
        const ofEntropy = -probability * (logits[offset + a] + headEntropy);
        logitGradients[offset + a] = (ofCost - entropyWeight * ofEntropy) / rows;
      }
    }
  }
  statistics.rows += rows;
}

/** `options` may be changed between updates. */
export function createHindsightUpdate(options: HindsightOptions): Update {
  const passes = createMinibatchPasses(options.minibatchRows);
  return (learner: Learner, buffer: RolloutBuffer, learningRate: number): UpdateResult => {
    const result = { ...emptyStatistics(), gradientNorm: 0, updates: 0 };
    const { moveHead, entropyWeight, valueWeight } = options;
    passes.begin(buffer);
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      passes.pass(learner.uniform, ({ rows, observations, hindsightCosts, returns }) => {
        learner.network.backward(
          observations,
          rows,
          (logits, values, logitGradients, valueGradients) => {
            const { heads } = learner;
            hindsightLossGradient(rows, heads, moveHead, hindsightCosts, logits, entropyWeight, logitGradients, result);
            valueLossGradient(returns, values, rows, valueWeight, valueGradients, result);
          },
          learner.gradient,
        );
        result.gradientNorm += descend(learner, learningRate, options.maxGradientNorm);
        result.updates++;
      });
    }
    return result;
  };
}
