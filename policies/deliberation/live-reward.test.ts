import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { createScalingEnv, nominalPodsOf } from '../../env/simulator/scaling-env.ts';
import { readCheckpoint } from '../actor-critic/checkpoint.ts';
import { createReactiveLoop } from '../reactive/batched-loop.ts';
import { meanReward } from './comparison.ts';
import { createIntervalReward, createRewardAccumulator, trainedWeights } from './live-reward.ts';

const app = await loadApp('frontend');
const { document } = await readCheckpoint(join(import.meta.dirname, '../checkpoints/frontend'));

describe('the reward of an interval', () => {
  it('is that of training on the same sums', () => {
    const env = createScalingEnv({
      app,
      lanes: 1,
      intervalSeconds: 15,
      createReactiveLoop: (lanes) => createReactiveLoop({ spec: document.loop, app, lanes }),
      reward: trainedWeights(document),
      episodes: { poolSize: 2 },
    });
    env.reset(5);
    const rewardOf = createIntervalReward(app, env.weights);
    let churned = 0;
    for (let step = 0; step < 200; step++) {
      const { rewards, terms } = env.step(Int32Array.of(0, step % 7));
      const { podTicks, violationTicks, podChanges, ticks } = env.lastStep;
      const violationDepth = 0; // not logged by the environment: compared in the terms that do not have it
      const found = rewardOf({
        ticks,
        podTicks: podTicks[0],
        violationTicks: violationTicks[0],
        violationDepth,
        podChanges: podChanges[0],
      });
      expect(found.terms.cost).toBeCloseTo(terms.cost[0], 5);
      expect(found.terms.churn).toBeCloseTo(terms.churn[0], 5);
      if (violationTicks[0] === 0) expect(found.reward).toBeCloseTo(rewards[0], 5);
      churned += podChanges[0];
    }
    expect(churned).toBeGreaterThan(0);
    expect(nominalPodsOf(app)).toBe(env.nominalPods);
  });

  it('has the price of a violation that the Lagrangian ended with, else the one that was set', () => {
    expect(trainedWeights(document).violation).toBe(document.resume?.lagrangian.multiplier);
    expect(trainedWeights({ ...document, resume: null }).violation).toBe(document.hyperparameters.violationWeight);
  });
});

describe('the summary', () => {
  it('is of the last 1,440 intervals, and of advantages only where there was a twin', () => {
    const accumulator = createRewardAccumulator();
    expect(accumulator.summary('a')).toBeUndefined();
    accumulator.add(-4, undefined);
    accumulator.add(-2, 1);
    expect(accumulator.summary('a')).toEqual({
      sha256: 'a',
      decisions: 2,
      mean: -3,
      deviation: 1,
      advantageMean: 1,
      advantageDeviation: 0,
    });
    for (let i = 0; i < 1440; i++) accumulator.add(i % 2 === 0 ? -1 : -3, 0.5);
    expect(accumulator.summary('b')).toEqual({
      sha256: 'b',
      decisions: 1440,
      mean: -2,
      deviation: 1,
      advantageMean: 0.5,
      advantageDeviation: 0,
    });
  });

  it('takes the mean over the closed loops that were measured', () => {
    const sums = { seconds: 0, violationSeconds: 0, podSeconds: 0, scalingActions: 0, podChanges: 0 };
    const terms = { cost: 0, violation: 0, churn: 0 };
    const of = (live: number, hpa: number) => ({
      live: sums,
      hpa: sums,
      reward: { live: { reward: live, terms }, hpa: { reward: hpa, terms } },
    });
    const unmeasured = { live: sums, hpa: sums, reward: undefined };
    expect(meanReward([of(-1, -2), undefined, unmeasured, of(-3, -3)])).toEqual({ reward: -2, advantage: 0.5 });
    expect(meanReward([unmeasured, undefined])).toBeUndefined();
  });
});
