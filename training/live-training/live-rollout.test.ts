import { expect, it } from 'vitest';
import { createNormalisation } from '../../policies/actor-critic/normalisation.ts';
import type { Learner } from '../learner.ts';
import type { LiveEnv, LiveStep } from './contract.ts';
import { createLiveCollector } from './live-rollout.ts';

const discount = 0.9;
const traceDecay = 0.8;
const rewardScale = 0.5;

/** One lane; the observation is the step's number, `?` is a look at which nothing was sound, `x` a reward that is not known. */
function scriptedEnv(script: readonly ['.' | '?', number][]): LiveEnv {
  let at = 0;
  const current = (): LiveStep => ({
    observations: Float32Array.of(at),
    usable: Uint8Array.of(script[at][0] === '.' ? 1 : 0),
    rewards: Float32Array.of(script[at][1]),
  });
  return {
    lanes: 1,
    observationNames: ['step'],
    actionHeads: [{ name: 'only', choices: ['a', 'b'] }],
    first: async () => current(),
    async step(_, signal) {
      signal.throwIfAborted();
      at++;
      return current();
    },
    outcome: () => ({ seconds: 0, violationSeconds: 0, podSeconds: 0 }),
  };
}

/** Its value of an observation is the observation, not normalised but for a constant factor. */
function valuingLearner(onPredict: () => void = () => {}): Learner {
  const network = {
    predict(observations: Float32Array, rows: number, logits: Float32Array, values: Float32Array) {
      onPredict();
      logits.fill(0);
      for (let row = 0; row < rows; row++) values[row] = observations[row];
    },
  };
  return { network, uniform: () => 0.3 } as unknown as Learner;
}

it('cuts advantages off at gaps, bootstrapping from the last sound observation, and leaves the gaps out', async () => {
  const nothing = Number.NaN;
  // Row t goes from look t to look t + 1, whose reward it earns.
  const env = scriptedEnv([
    ['.', nothing],
    ['.', -1],
    ['.', -2],
    ['?', -3],
    ['.', -4],
    ['.', -5],
    ['.', nothing],
    ['.', -7],
  ]);
  const collector = createLiveCollector({ env, steps: 7, discount, traceDecay, rewardScale });
  const { buffer, steps, meanReward } = await collector.collect(
    valuingLearner(),
    createNormalisation(1),
    new AbortController().signal,
  );
  expect(steps).toBe(7);
  // Rows 2 (ends at a gap), 3 (begins at one) and 5 (its reward is not known) are not there.
  const known = [0, 1, 4, 6];
  expect(buffer.steps).toBe(known.length);
  const scale = 1 / Math.sqrt(1.0001);
  const value = (look: number) => Math.min(6, look * scale);
  const reward = [-1, -2, Number.NaN, Number.NaN, -5, Number.NaN, -7];
  const error = (row: number) => rewardScale * reward[row] + discount * value(row + 1) - value(row);
  const advantages = [error(0) + discount * traceDecay * error(1), error(1), error(4), error(6)];
  for (const [k, row] of known.entries()) {
    expect(buffer.observations[k]).toBeCloseTo(value(row), 5);
    expect(buffer.advantages[k]).toBeCloseTo(advantages[k], 4);
    expect(buffer.returns[k]).toBeCloseTo(advantages[k] + value(row), 4);
    expect(buffer.logProbabilities[k]).toBeCloseTo(Math.log(0.5), 5);
  }
  expect(meanReward).toBeCloseTo((-1 - 2 - 5 - 7) / 4, 4);
});

it('keeps what was complete when it is aborted', async () => {
  const stop = new AbortController();
  let predictions = 0;
  const learner = valuingLearner(() => {
    // Two a step.
    if (++predictions === 5) stop.abort();
  });
  const env = scriptedEnv(Array.from({ length: 9 }, () => ['.', -1] as const).map(([a, b]) => [a, b]));
  const collector = createLiveCollector({ env, steps: 8, discount, traceDecay, rewardScale });
  const { buffer, steps } = await collector.collect(learner, createNormalisation(1), stop.signal);
  expect([steps, buffer.steps]).toEqual([2, 2]);
});
