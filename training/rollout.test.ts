import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VectorEnv, VectorStep } from '../env/contract.ts';
import { createNormalisation } from '../policies/actor-critic/normalisation.ts';
import type { Learner } from './learner.ts';
import { createRolloutCollector } from './rollout.ts';
import { createMinibatchPasses, createRolloutBuffer, shuffle } from './rollout-buffer.ts';

const lanes = 3;
const steps = 7;

/**
 * Every observation is a number of its own: step × 10 + lane, and 0.5 more for the last one of an episode. Lane 1 is cut
 * off at step 2, lane 2 terminates at step 4. Each step hands out new arrays, as the contract allows.
 */
function numberedEnv(): VectorEnv {
  let t = 0;
  const observe = (extra = 0) => Float32Array.from({ length: lanes }, (_, lane) => (t * 10 + lane + extra) / 100);
  return {
    lanes,
    observationNames: ['number'],
    actionHeads: [
      { name: 'a', choices: ['0', '1'] },
      { name: 'b', choices: ['0', '1', '2'] },
    ],
    reset() {
      t = 0;
      return observe();
    },
    step(): VectorStep {
      const at = t++;
      return {
        observations: observe(),
        finalObservations: observe(0.5),
        rewards: Float32Array.from({ length: lanes }, (_, lane) => at + lane / 10),
        terminated: Uint8Array.of(0, 0, at === 4 ? 1 : 0),
        truncated: Uint8Array.of(0, at === 2 ? 1 : 0, 0),
        terms: {},
      };
    },
  };
}

/** The value of an observation is a hundred times itself; choices 0 of the heads have twice the odds of the others. */
const learner = {
  heads: [2, 3],
  network: {
    predict(observations: Float32Array, rows: number, logits: Float32Array, values: Float32Array) {
      for (let row = 0; row < rows; row++) {
        logits.set([Math.log(2), 0, Math.log(2), 0, 0], row * 5);
        values[row] = 100 * observations[row];
      }
    },
  },
} as unknown as Learner;

/** So well known that a rollout moves nothing: mean 0, deviation 1. */
const settledNormalisation = () => ({ ...createNormalisation(1), count: 1e15 });

describe('a rollout', () => {
  const collector = createRolloutCollector({ env: numberedEnv(), steps, discount: 0.5, traceDecay: 0 });
  collector.restart(1);
  const summary = collector.collect(learner, settledNormalisation());
  const { buffer, returnScale } = collector;
  const at = (t: number, lane: number) => t * lanes + lane;

  it('keeps step by step what was seen, and the value of what came next: of the final observation where it was cut off', () => {
    for (let t = 0; t < steps; t++) {
      for (let lane = 0; lane < lanes; lane++) {
        const number = t * 10 + lane;
        expect(buffer.observations[at(t, lane)] * 100).toBeCloseTo(number, 1);
        expect(buffer.values[at(t, lane)]).toBeCloseTo(number, 1);
        const next = (t + 1) * 10 + lane + (t === 2 && lane === 1 ? 0.5 : 0);
        if (!(t === 4 && lane === 2)) expect(Math.abs(buffer.nextValues[at(t, lane)] - next)).toBeLessThan(0.05);
        expect(buffer.truncated[at(t, lane)]).toBe(t === 2 && lane === 1 ? 1 : 0);
        expect(buffer.terminated[at(t, lane)]).toBe(t === 4 && lane === 2 ? 1 : 0);
      }
    }
  });

  it('fills in advantages and returns from these', () => {
    for (let t = 0; t < steps; t++) {
      for (let lane = 0; lane < lanes; lane++) {
        const i = at(t, lane);
        const bootstrap = t === 4 && lane === 2 ? 0 : 0.5 * buffer.nextValues[i];
        expect(buffer.returns[i]).toBeCloseTo(buffer.rewards[i] + bootstrap, 3);
        expect(buffer.advantages[i]).toBeCloseTo(buffer.returns[i] - buffer.values[i], 3);
      }
    }
  });

  it('keeps the choices taken with the logarithm of their joint probability', () => {
    const taken = new Set<string>();
    for (let i = 0; i < steps * lanes; i++) {
      const [a, b] = buffer.actions.subarray(i * 2, i * 2 + 2);
      taken.add(`${a}${b}`);
      expect(Math.exp(buffer.logProbabilities[i])).toBeCloseTo(
        (a === 0 ? 2 / 3 : 1 / 3) * (b === 0 ? 1 / 2 : 1 / 4),
        5,
      );
    }
    expect(taken.size).toBeGreaterThan(3);
  });

  it('scales rewards for learning, not in its summary, and has no figures of scaling to report here', () => {
    const rewards = Array.from({ length: steps * lanes }, (_, i) => Math.floor(i / lanes) + (i % lanes) / 10);
    expect(summary.meanReward).toBeCloseTo(rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length, 5);
    expect(buffer.rewards[at(6, 2)]).toBeCloseTo(6.2 * returnScale.scale(), 5);
    expect([summary.meanReplicas, summary.violationPercent, summary.costTerm]).toEqual([NaN, NaN, NaN]);
  });

  it('goes on where the one before ended, and the same way again from the same seed', () => {
    const env = numberedEnv();
    const collect = (seed?: number) => {
      if (seed !== undefined) again.restart(seed);
      again.collect(learner, settledNormalisation());
      return { actions: again.buffer.actions.slice(), first: Math.round(again.buffer.observations[0] * 100) };
    };
    const again = createRolloutCollector({ env, steps, discount: 0.5, traceDecay: 0 });
    const one = collect(1);
    expect(one.actions).toEqual(buffer.actions);
    expect(collect().first).toBe(70);
    expect(collect(1)).toEqual(one);
    expect(collect(2).actions).not.toEqual(one.actions);
  });
});

describe('a minibatch', () => {
  it('has whole rows, and a shuffled epoch has every row once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(999)),
        (T, L, draws) => {
          const total = T * L;
          const buffer = createRolloutBuffer(T, L, 2, 2, 3);
          for (let i = 0; i < total; i++) {
            buffer.observations.set([i, i + 0.5], i * 2);
            buffer.actions.set([i, -i], i * 2);
            buffer.hindsightCosts.set([i, 2 * i, 3 * i], i * 3);
            buffer.logProbabilities[i] = -i;
            buffer.advantages[i] = 10 * i;
            buffer.returns[i] = 100 * i;
          }
          const passes = createMinibatchPasses(1);
          passes.begin(buffer);
          const seen = new Set<number>();
          passes.pass(
            () => (draws.next().value as number) / 1000,
            (minibatch) => {
              const i = minibatch.observations[0];
              seen.add(i);
              expect([...minibatch.observations]).toEqual([i, i + 0.5]);
              expect([...minibatch.actions].map((action) => action + 0)).toEqual([i, 0 - i]);
              expect([...minibatch.hindsightCosts]).toEqual([i, 2 * i, 3 * i]);
              expect(minibatch.oldLogProbabilities[0] + i).toBe(0);
              expect([minibatch.advantages[0], minibatch.returns[0]]).toEqual([10 * i, 100 * i]);
            },
          );
          expect(seen.size).toBe(total);
        },
      ),
    );
  });

  it('comes from a shuffle that gives every order the same chance', () => {
    let bits = 1;
    const uniform = () => {
      bits = (Math.imul(bits, 1_664_525) + 1_013_904_223) | 0;
      return (bits >>> 0) / 2 ** 32;
    };
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = Int32Array.of(0, 1, 2);
      shuffle(order, uniform);
      counts.set(order.join(), (counts.get(order.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130); // four deviations
  });
});
