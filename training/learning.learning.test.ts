/** The learners on tasks with known optima (after Stable-Baselines3's identity test), end to end through rollout and update. */
import { describe, expect, it } from 'vitest';
import type { VectorEnv } from '../env/contract.ts';
import { createDraw } from '../env/random.ts';
import { vectorEnvContract } from '../env/vector-env.contract.ts';
import { likeliestChoice } from '../policies/actor-critic/categorical.ts';
import { initialParameters, type NetworkShape, networkLayout } from '../policies/actor-critic/network.ts';
import { createNormalisation, normalise } from '../policies/actor-critic/normalisation.ts';
import { activateTensorBackend } from '../policies/actor-critic/tensor-backend.ts';
import { createA2cUpdate } from './a2c.ts';
import { createAdam } from './adam.ts';
import { createGradientNetwork } from './gradient-network.ts';
import type { Learner } from './learner.ts';
import { trainOptionsSchema } from './options.ts';
import { createPpoUpdate } from './ppo.ts';
import { createRolloutCollector } from './rollout.ts';
import { createDelayedEnv, createIdentityEnv } from './small-tasks.fixture.ts';

const defaults = trainOptionsSchema.parse({});

const algorithms = {
  ppo: {
    update: () => createPpoUpdate({ ...defaults, epochs: 4, minibatchRows: 256, entropyWeight: 0.002 }),
    steps: 16,
    learningRate: 3e-3,
    rollouts: { identity: 12, delayed: 25 },
  },
  a2c: {
    update: () => createA2cUpdate({ ...defaults, entropyWeight: 0.003 }),
    steps: 8,
    learningRate: 1e-2,
    rollouts: { identity: 80, delayed: 150 },
  },
} as const;
type Algorithm = keyof typeof algorithms;

/** On WebAssembly, which at this size is three times faster than plain JavaScript. */
async function learn(
  env: VectorEnv,
  algorithm: Algorithm,
  rollouts: number,
  seed: number,
  backend: 'wasm' | 'cpu' = 'wasm',
) {
  const tf = await activateTensorBackend(backend);
  const { update: createUpdate, steps, learningRate } = algorithms[algorithm];
  const shape: NetworkShape = {
    inputs: env.observationNames.length,
    hidden: [32, 32],
    heads: env.actionHeads.map((head) => head.choices.length),
  };
  const draw = createDraw(seed);
  const parameters = initialParameters(shape, draw);
  const learner: Learner = {
    layout: networkLayout(shape),
    heads: shape.heads,
    parameters,
    gradient: new Float32Array(parameters.length),
    adam: createAdam(parameters.length),
    network: createGradientNetwork(tf, networkLayout(shape)),
    uniform: () => draw.uniform(0, 1),
  };
  learner.network.load(parameters);
  const normalisation = createNormalisation(shape.inputs);
  const collector = createRolloutCollector({ env, steps, discount: 0.9, traceDecay: 0.95 });
  collector.restart(seed);
  const update = createUpdate();
  const rewards: number[] = [];
  for (let rollout = 0; rollout < rollouts; rollout++) {
    rewards.push(collector.collect(learner, normalisation).meanReward);
    update(learner, collector.buffer, learningRate * (1 - rollout / rollouts));
  }
  return { learner, normalisation, rewards };
}

/** Mean reward of the likeliest choices over fresh episodes. */
function evaluate(
  env: VectorEnv,
  { learner, normalisation }: Awaited<ReturnType<typeof learn>>,
  steps: number,
): number {
  const { lanes } = env;
  const { heads, network } = learner;
  const width = heads.reduce((sum, count) => sum + count, 0);
  const [logits, values] = [new Float32Array(lanes * width), new Float32Array(lanes)];
  const actions = new Int32Array(lanes * heads.length);
  let observations = env.reset(987_654);
  let sum = 0;
  for (let t = 0; t < steps; t++) {
    const normalised = new Float32Array(observations.length);
    normalise(normalisation, observations, normalised);
    network.predict(normalised, lanes, logits, values);
    for (let lane = 0; lane < lanes; lane++) {
      for (let h = 0, offset = lane * width; h < heads.length; offset += heads[h++]) {
        actions[lane * heads.length + h] = likeliestChoice(logits, offset, heads[h]);
      }
    }
    const step = env.step(actions);
    observations = step.observations;
    sum += step.rewards.reduce((total, reward) => total + reward, 0);
  }
  return sum / (steps * lanes);
}

vectorEnvContract('the identity task', { create: () => createIdentityEnv(5), stepsToTruncation: 12 });
vectorEnvContract('the task with a delayed effect', { create: () => createDelayedEnv(5), stepsToTruncation: 32 });

describe.each(Object.keys(algorithms) as Algorithm[])('%s', (algorithm) => {
  it.each([1, 2])('learns to name what it sees, with both heads (seed %d)', async (seed) => {
    const learnt = await learn(createIdentityEnv(64), algorithm, algorithms[algorithm].rollouts.identity, seed);
    expect(learnt.rewards[0]).toBeLessThan(0.35); // a quarter by chance
    expect(evaluate(createIdentityEnv(64), learnt, 20)).toBeGreaterThan(0.99);
  });

  it.each([1, 2])('learns to order for three steps ahead (seed %d)', async (seed) => {
    const learnt = await learn(createDelayedEnv(64), algorithm, algorithms[algorithm].rollouts.delayed, seed);
    expect(learnt.rewards[1]).toBeLessThan(-0.8);
    expect(evaluate(createDelayedEnv(64), learnt, 60)).toBeGreaterThan(-0.02);
  });

  it('gives the same weights for the same seed on the cpu backend, to the last bit', async () => {
    const weights = async (seed: number) =>
      (await learn(createDelayedEnv(16), algorithm, 3, seed, 'cpu')).learner.parameters;
    const first = await weights(7);
    expect(await weights(7)).toEqual(first);
    expect(await weights(8)).not.toEqual(first);
  });
});
