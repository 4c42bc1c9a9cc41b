/** What an interval under the two loops cost, by the reward of training, beside what it cost the HPA's twin. */
import type { AppModel } from '../../env/apps/app-model.ts';
import {
  defaultRewardWeights,
  type IntervalTotals,
  type RewardTerm,
  type RewardWeights,
  rewardTerms,
} from '../../env/reward/reward.ts';
import { nominalPodsOf } from '../../env/simulator/scaling-env.ts';
import { memoryCostShare } from '../../env/simulator/simulator.ts';
import type { CheckpointDocument } from '../actor-critic/checkpoint.ts';
import type { RewardSummary } from '../resources/deliberative-loop.ts';
import type { LoopBlock } from './loop-block.ts';

export interface IntervalReward {
  /** −(cost + violation + churn). */
  readonly reward: number;
  readonly terms: Readonly<Record<RewardTerm, number>>;
}

/** Prices of the checkpoint's own training: where the Lagrangian moved that of a violation, where it ended. */
export function trainedWeights({ resume, hyperparameters }: CheckpointDocument): RewardWeights {
  const { violationWeight } = hyperparameters;
  const violation =
    resume?.lagrangian.multiplier ?? (typeof violationWeight === 'number' ? violationWeight : undefined);
  return violation === undefined ? { ...defaultRewardWeights } : { ...defaultRewardWeights, violation };
}

export function createIntervalReward(
  app: AppModel,
  weights: RewardWeights,
): (totals: IntervalTotals) => IntervalReward {
  const nominalPods = nominalPodsOf(app);
  const terms = { cost: new Float32Array(1), violation: new Float32Array(1), churn: new Float32Array(1) };
  return (totals) => {
    const reward = rewardTerms(totals, weights, nominalPods, 0, terms);
    return { reward, terms: { cost: terms.cost[0], violation: terms.violation[0], churn: terms.churn[0] } };
  };
}

/** One interval of a live lane as one tick: the measurement at its end stands for all of it. */
export interface LiveInterval extends IntervalTotals {
  scalingActions: number;
}

/** What the interval that ends now cost; undefined at the start of a lane, and when p95 is missing. */
export interface LiveIntervals {
  next(lane: number): LiveInterval | undefined;
}

export function createLiveIntervals(app: AppModel, block: LoopBlock): LiveIntervals {
  const { lanes, fleet, starts } = block;
  const { metrics } = fleet;
  const services = app.services.length;
  const desiredBefore = new Int32Array(services * lanes);
  const seenStarts = new Int32Array(lanes).fill(-1);
  return {
    next(lane) {
      const isFirst = seenStarts[lane] !== starts[lane];
      seenStarts[lane] = starts[lane];
      const interval = {
        ticks: 1,
        podTicks: 0,
        violationTicks: 0,
        violationDepth: 0,
        podChanges: 0,
        scalingActions: 0,
      };
      for (let i = lane; i < services * lanes; i += lanes) {
        // 0 is not known yet.
        const change = desiredBefore[i] > 0 ? Math.abs(metrics.desired[i] - desiredBefore[i]) : 0;
        desiredBefore[i] = metrics.desired[i];
        interval.podTicks += metrics.desired[i] * (1 + memoryCostShare * (metrics.memorySize[lane] - 1));
        interval.podChanges += change;
        if (change > 0) interval.scalingActions++;
      }
      const excess = metrics.p95Milliseconds[lane] / app.slaP95Milliseconds - 1;
      if (isFirst || Number.isNaN(excess)) return undefined;
      if (excess > 0) {
        interval.violationTicks = 1;
        interval.violationDepth = Math.min(1, excess);
      }
      return interval;
    },
  };
}

/** The status of a DeliberativeLoop keeps as many. */
const longestSummary = 1440;

export interface RewardAccumulator {
  /** Takes the mean of an interval over the closed loops; `advantage` undefined where there is no twin. */
  add(reward: number, advantage: number | undefined): void;
  /** Undefined before the first interval. */
  summary(sha256: string): RewardSummary | undefined;
}

/** Moments of the last 1,440 intervals. */
export function createRewardAccumulator(): RewardAccumulator {
  const rewards = new Float64Array(longestSummary);
  const advantages = new Float64Array(longestSummary);
  let added = 0;
  return {
    add(reward, advantage = Number.NaN) {
      rewards[added % longestSummary] = reward;
      advantages[added % longestSummary] = advantage;
      added++;
    },
    summary(sha256) {
      if (added === 0) return undefined;
      const decisions = Math.min(added, longestSummary);
      const known = advantages.subarray(0, decisions).filter((advantage) => !Number.isNaN(advantage));
      const advantage = known.length > 0 ? moments(known) : undefined;
      return {
        sha256,
        decisions,
        ...moments(rewards.subarray(0, decisions)),
        ...(advantage && { advantageMean: advantage.mean, advantageDeviation: advantage.deviation }),
      };
    },
  };
}

function moments(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
