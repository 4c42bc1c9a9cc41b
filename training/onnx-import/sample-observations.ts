/**
 * What a policy usually observes, by letting it act in the simulator: the agent takes what is far from it for a fault of
 * the measurements and abstains. Training gathers the same while it learns.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { createDraw, type Draw, mixSeed } from '../../env/random.ts';
import { createScalingEnv } from '../../env/simulator/scaling-env.ts';
import { logSoftmax, sampleChoice } from '../../policies/actor-critic/categorical.ts';
import type { Decider } from '../../policies/actor-critic/decider.ts';
import {
  createNormalisation,
  type Normalisation,
  updateNormalisation,
} from '../../policies/actor-critic/normalisation.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import type { LoopSpec } from '../../policies/reactive/loop-spec.ts';
import { trainOptionsSchema } from '../options.ts';

export interface SamplingOptions {
  readonly app: AppModel;
  /** Over which the policy acts. */
  readonly loop: LoopSpec;
  /** Seconds between two decisions. */
  readonly intervalSeconds: number;
  readonly seed: number;
}

/** What is rare in one pool of traces, such as a steep flash crowd, is in another. */
const pools = 4;
const lanes = 64;
/** Decisions of each lane, as many as training has between two restarts of its environment. */
const steps = 160;
/** As in training: states that a good policy avoids are still usual. */
const { exploration } = trainOptionsSchema.parse({});

/** Moments of raw observations, some 40,000 of them; choices are drawn by their probabilities. Reproducible by `seed`. */
export function sampleObservations(
  decider: Decider,
  { app, loop, intervalSeconds, seed }: SamplingOptions,
): Normalisation {
  const seeds = Array.from({ length: pools }, (_, pool) => mixSeed(seed, pool));
  const envs = seeds.map((poolSeed) =>
    createScalingEnv({
      app,
      lanes,
      intervalSeconds,
      createReactiveLoop: (count) => createReactiveLoop({ spec: loop, app, lanes: count }),
      poolSeed,
    }),
  );
  const [{ observationNames, actionHeads }] = envs;
  const width = observationNames.length;
  const heads = actionHeads.map(({ choices }) => choices.length);
  const normalisation = createNormalisation(width);
  const actions = new Int32Array(lanes * heads.length);
  const draw = createDraw(seed);
  for (const [pool, env] of envs.entries()) {
    let observations = env.reset(seeds[pool]);
    for (let step = 0; step < steps; step++) {
      updateNormalisation(normalisation, observations);
      for (let lane = 0; lane < lanes; lane++) {
        decider.decide(observations.subarray(lane * width, (lane + 1) * width));
        drawChoices(decider.logits, heads, draw, actions.subarray(lane * heads.length, (lane + 1) * heads.length));
      }
      observations = env.step(actions).observations;
    }
  }
  return normalisation;
}

/** `logits` are log-probabilities afterwards. */
function drawChoices(logits: Float32Array, heads: readonly number[], draw: Draw, choices: Int32Array): void {
  let offset = 0;
  for (const [head, count] of heads.entries()) {
    logSoftmax(logits, offset, count);
    choices[head] =
      draw.uniform(0, 1) < exploration
        ? Math.floor(draw.uniform(0, count))
        : sampleChoice(logits, offset, count, draw.uniform(0, 1));
    offset += count;
  }
}
