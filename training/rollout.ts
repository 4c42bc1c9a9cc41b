/** Collects rollouts: the policy acts on every lane, the environment answers, the buffer remembers. */
import type { VectorEnv, VectorStep } from '../env/contract.ts';
import { mixSeed } from '../env/random.ts';
import { createLaneRandom } from '../env/simulator/lane-random.ts';
import type { ScalingEnv } from '../env/simulator/scaling-env.ts';
import { logSoftmax, sampleChoice } from '../policies/actor-critic/categorical.ts';
import { type Normalisation, normalise, updateNormalisation } from '../policies/actor-critic/normalisation.ts';
import { generalisedAdvantages } from './advantages.ts';
import { hindsightChoices, hindsightCosts } from './hindsight.ts';
import type { Learner } from './learner.ts';
import { createReturnScale, type ReturnScale } from './return-scale.ts';
import { createRolloutBuffer, type RolloutBuffer } from './rollout-buffer.ts';

/** What a rollout was like, for logs and for the Lagrangian. In an environment that scales nothing all but the reward is NaN. */
export interface RolloutSummary {
  meanReward: number;
  meanReplicas: number;
  violationPercent: number;
  /** Violations on the lanes whose episode is plain or only changes its capacity; NaN when there was none. */
  plainViolationPercent: number;
  costTerm: number;
  violationTerm: number;
  churnTerm: number;
}

export interface RolloutCollector {
  readonly buffer: RolloutBuffer;
  readonly returnScale: ReturnScale;
  /** Starts all lanes anew, reproducibly. */
  restart(seed: number): void;
  /** Fills the buffer with the learner's current policy. */
  collect(learner: Learner, normalisation: Normalisation, explore?: number): RolloutSummary;
}

export type RolloutOptions = {
  steps: number;
  discount: number;
  traceDecay: number;
} & (
  | {
      /** Any environment can be learned in; what a scaling one tells besides goes into the summary. */
      env: VectorEnv & Partial<Pick<ScalingEnv, 'lastStep' | 'plainLanes'>>;
      hindsight?: undefined;
    }
  | {
      env: ScalingEnv;
      /** What hindsight needs to know of the application; leave out to record no hindsight. */
      hindsight: { readonly podsOfSize: Float64Array; readonly capacities: Float64Array };
    }
);

export function createRolloutCollector(options: RolloutOptions): RolloutCollector {
  const { env, steps, discount, traceDecay } = options;
  const { lanes } = env;
  const heads = env.actionHeads.map((head) => head.choices.length);
  const headCount = heads.length;
  const width = heads.reduce((sum, count) => sum + count, 0);
  const inputs = env.observationNames.length;
  const buffer = createRolloutBuffer(steps, lanes, inputs, headCount, options.hindsight ? hindsightChoices : 0);
  const returnScale = createReturnScale(lanes, discount);
  const random = createLaneRandom(lanes);
  const logits = new Float32Array(lanes * width);
  const values = new Float32Array(lanes);
  const actions = new Int32Array(lanes * headCount);
  let observations = new Float32Array(0);

  function act(step: number, explore: number): void {
    const row0 = step * lanes;
    for (let lane = 0; lane < lanes; lane++) {
      let logProbability = 0;
      for (let h = 0, offset = lane * width; h < headCount; offset += heads[h++]) {
        logSoftmax(logits, offset, heads[h]);
        const choice =
          explore > 0 && random.uniform(lane) < explore
            ? Math.floor(random.uniform(lane) * heads[h])
            : sampleChoice(logits, offset, heads[h], random.uniform(lane));
        actions[lane * headCount + h] = choice;
        logProbability += logits[offset + choice];
      }
      buffer.logProbabilities[row0 + lane] = logProbability;
    }
    buffer.actions.set(actions, row0 * headCount);
    buffer.values.set(values, row0);
  }

  /** Values of the final observations of lanes cut off at this step, where the next observation is another episode's. */
  function bootstrapTruncated(step: VectorStep, row0: number, learner: Learner, normalisation: Normalisation): void {
    const cut: number[] = [];
    for (let lane = 0; lane < lanes; lane++) if (step.truncated[lane] === 1) cut.push(lane);
    if (cut.length === 0) return;
    const finals = new Float32Array(cut.length * inputs);
    for (const [k, lane] of cut.entries()) {
      finals.set(step.finalObservations.subarray(lane * inputs, (lane + 1) * inputs), k * inputs);
    }
    normalise(normalisation, finals, finals);
    const finalValues = new Float32Array(cut.length);
    learner.network.predict(finals, cut.length, new Float32Array(cut.length * width), finalValues);
    for (const [k, lane] of cut.entries()) buffer.nextValues[row0 + lane] = finalValues[k];
  }

  return {
    buffer,
    returnScale,
    restart(seed) {
      observations = env.reset(seed) as Float32Array<ArrayBuffer>;
      for (let lane = 0; lane < lanes; lane++) random.seed(lane, mixSeed(seed, lane));
      returnScale.restart();
    },
    collect(learner, normalisation, explore = 0) {
      const sums = createSums();
      for (let t = 0; t < steps; t++) {
        const row0 = t * lanes;
        const normalised = buffer.observations.subarray(row0 * inputs, (row0 + lanes) * inputs);
        updateNormalisation(normalisation, observations);
        normalise(normalisation, observations, normalised);
        learner.network.predict(normalised, lanes, logits, values);
        if (t > 0) fillNextValues(buffer, t - 1, values);
        act(t, explore);
        if (options.hindsight) {
          const { podsOfSize, capacities } = options.hindsight;
          hindsightCosts(options.env, podsOfSize, capacities, buffer.hindsightCosts, row0 * hindsightChoices);
        }
        const step = env.step(actions);
        observations = step.observations as Float32Array<ArrayBuffer>;
        returnScale.update(step.rewards, step.terminated, step.truncated);
        const scale = returnScale.scale();
        for (let lane = 0; lane < lanes; lane++) {
          sums.reward += step.rewards[lane];
          buffer.rewards[row0 + lane] = step.rewards[lane] * scale;
        }
        addScaling(sums, env, step);
        buffer.terminated.set(step.terminated, row0);
        buffer.truncated.set(step.truncated, row0);
        bootstrapTruncated(step, row0, learner, normalisation);
      }
      const last = new Float32Array(lanes * inputs);
      normalise(normalisation, observations, last);
      learner.network.predict(last, lanes, logits, values);
      fillNextValues(buffer, steps - 1, values);
      generalisedAdvantages({ ...buffer, discount, traceDecay }, buffer.advantages, buffer.returns);
      const rows = steps * lanes;
      return {
        meanReward: sums.reward / rows,
        meanReplicas: sums.podTicks / sums.ticks,
        violationPercent: (100 * sums.violationTicks) / sums.ticks,
        plainViolationPercent: (100 * sums.plainViolationTicks) / sums.plainTicks,
        costTerm: sums.cost / sums.scalingRows,
        violationTerm: sums.violation / sums.scalingRows,
        churnTerm: sums.churn / sums.scalingRows,
      };
    },
  };
}

const createSums = () => ({
  reward: 0,
  scalingRows: 0,
  ticks: 0,
  podTicks: 0,
  violationTicks: 0,
  plainTicks: 0,
  plainViolationTicks: 0,
  cost: 0,
  violation: 0,
  churn: 0,
});

function addScaling(sums: ReturnType<typeof createSums>, env: RolloutOptions['env'], { terms }: VectorStep): void {
  const { lanes, lastStep, plainLanes } = env;
  if (!lastStep || !plainLanes) return;
  for (let lane = 0; lane < lanes; lane++) {
    sums.cost += terms.cost[lane];
    sums.violation += terms.violation[lane];
    sums.churn += terms.churn[lane];
    sums.podTicks += lastStep.podTicks[lane];
    sums.violationTicks += lastStep.violationTicks[lane];
    if (plainLanes[lane] === 1) {
      sums.plainTicks += lastStep.ticks;
      sums.plainViolationTicks += lastStep.violationTicks[lane];
    }
  }
  sums.ticks += lanes * lastStep.ticks;
  sums.scalingRows += lanes;
}

/** `values` are of the observations after step `t`; rows cut off there keep the value of their final observation. */
function fillNextValues(buffer: RolloutBuffer, t: number, values: Float32Array): void {
  const row0 = t * buffer.lanes;
  for (let lane = 0; lane < buffer.lanes; lane++) {
    if (buffer.truncated[row0 + lane] === 0) buffer.nextValues[row0 + lane] = values[lane];
  }
}
