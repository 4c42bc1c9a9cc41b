import { describe, expect, it } from 'vitest';
import { type IntervalTotals, type RewardWeights, rewardTerms } from './reward.ts';

const weights: RewardWeights = { violation: 10, depthShare: 0.2, churn: 0.5 };

function reward(totals: Partial<IntervalTotals>, nominalPods = 4) {
  const terms = { cost: new Float32Array(2), violation: new Float32Array(2), churn: new Float32Array(2) };
  const all = { ticks: 12, podTicks: 0, violationTicks: 0, violationDepth: 0, podChanges: 0, ...totals };
  const value = rewardTerms(all, weights, nominalPods, 1, terms);
  expect([terms.cost[0], terms.violation[0], terms.churn[0]]).toEqual([0, 0, 0]); // another lane's
  return { value, cost: terms.cost[1], violation: terms.violation[1], churn: terms.churn[1] };
}

describe('the reward of an interval', () => {
  it.each([
    ['nothing', {}, { cost: 0, violation: 0, churn: 0 }],
    ['the nominal pods all the time: 1', { podTicks: 48 }, { cost: 1, violation: 0, churn: 0 }],
    ['every tick just above the SLA: the flat share', { violationTicks: 12 }, { cost: 0, violation: 8, churn: 0 }],
    [
      'every tick at twice the SLA: all',
      { violationTicks: 12, violationDepth: 12 },
      { cost: 0, violation: 10, churn: 0 },
    ],
    ['a quarter of it half above', { violationTicks: 3, violationDepth: 1.5 }, { cost: 0, violation: 2.25, churn: 0 }],
    ['two pods moved', { podChanges: 2 }, { cost: 0, violation: 0, churn: 0.25 }],
    ['all of it', { podTicks: 96, violationTicks: 6, podChanges: 8 }, { cost: 2, violation: 4, churn: 1 }],
  ])('costs for %s', (_what, totals, expected) => {
    const { value, ...terms } = reward(totals);
    expect(terms).toEqual(expected);
    expect(value).toBe(-(expected.cost + expected.violation + expected.churn));
  });

  it('is the same for an application twice as large with twice the pods', () => {
    const small = reward({ podTicks: 60, violationTicks: 2, violationDepth: 1, podChanges: 3 }, 4);
    expect(reward({ podTicks: 120, violationTicks: 2, violationDepth: 1, podChanges: 6 }, 8)).toEqual(small);
  });
});
