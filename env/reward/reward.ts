/**
 * The reward of one decision interval: −cost − violation − churn, each term logged by itself.
 * Cost is in pods relative to `nominalPods`, so that weights carry over between applications.
 */
export interface RewardWeights {
  /** Price of a whole interval above the SLA, in nominal applications' worth of pods. The Lagrangian moves it. */
  violation: number;
  /** Share of the violation price that grows with how far p95 is above the SLA (full at twice the SLA). */
  depthShare: number;
  /** Price of one pod started or removed, in pods for one interval. */
  churn: number;
}

export const defaultRewardWeights: RewardWeights = { violation: 12, depthShare: 0.2, churn: 0.02 };

export const rewardTermNames = ['cost', 'violation', 'churn'] as const;
export type RewardTerm = (typeof rewardTermNames)[number];

/** What an interval cost, each term ≥ 0. */
export interface IntervalTotals {
  ticks: number;
  podTicks: number;
  violationTicks: number;
  violationDepth: number;
  podChanges: number;
}

/** Writes the three terms of lane `lane`; the reward is minus their sum. */
export function rewardTerms(
  totals: IntervalTotals,
  weights: RewardWeights,
  nominalPods: number,
  lane: number,
  terms: Record<RewardTerm, Float32Array>,
): number {
  const { ticks } = totals;
  const depth = weights.depthShare;
  terms.cost[lane] = totals.podTicks / ticks / nominalPods;
  terms.violation[lane] =
    (weights.violation * ((1 - depth) * totals.violationTicks + depth * totals.violationDepth)) / ticks;
  terms.churn[lane] = (weights.churn * totals.podChanges) / nominalPods;
  return -(terms.cost[lane] + terms.violation[lane] + terms.churn[lane]);
}
