/** Rollouts on live closed loops. Where nothing could be measured there is a gap: rows without a known end are left out. */
import { logSoftmax, sampleChoice } from '../../policies/actor-critic/categorical.ts';
import { type Normalisation, normalise } from '../../policies/actor-critic/normalisation.ts';
import { generalisedAdvantages } from '../advantages.ts';
import type { Learner } from '../learner.ts';
import { createRolloutBuffer, type RolloutBuffer } from '../rollout-buffer.ts';
import type { LiveEnv, LiveStep } from './contract.ts';

export interface LiveRolloutOptions {
  readonly env: LiveEnv;
  readonly steps: number;
  readonly discount: number;
  readonly traceDecay: number;
  /** Factor on rewards that the critic was trained with. */
  readonly rewardScale: number;
}

export interface LiveRollout {
  /** Only rows whose reward and next observation are known: one lane of as many steps, in no order of time. */
  readonly buffer: RolloutBuffer;
  /** Steps that were gone; fewer than asked for when it was aborted. */
  readonly steps: number;
  /** Of the rows, unscaled; NaN without any. */
  readonly meanReward: number;
}

export interface LiveCollector {
  /** Acts by the learner's policy, sampled, until it has all steps or is aborted; keeps what was complete by then. */
  collect(learner: Learner, normalisation: Normalisation, signal: AbortSignal): Promise<LiveRollout>;
}

export function createLiveCollector(options: LiveRolloutOptions): LiveCollector {
  const { env, steps, discount, traceDecay, rewardScale } = options;
  const { lanes } = env;
  const inputs = env.observationNames.length;
  const heads = env.actionHeads.map(({ choices }) => choices.length);
  const width = heads.reduce((sum, count) => sum + count, 0);
  const logits = new Float32Array(lanes * width);
  const values = new Float32Array(lanes);
  const actions = {
    choices: new Int32Array(lanes * heads.length),
    confidences: new Float32Array(lanes),
    values,
  };
  let step: LiveStep | undefined;

  function act(buffer: RolloutBuffer, row0: number, learner: Learner): void {
    for (let lane = 0; lane < lanes; lane++) {
      let logProbability = 0;
      for (let h = 0, offset = lane * width; h < heads.length; offset += heads[h++]) {
        logSoftmax(logits, offset, heads[h]);
        const choice = sampleChoice(logits, offset, heads[h], learner.uniform());
        actions.choices[lane * heads.length + h] = choice;
        logProbability += logits[offset + choice];
      }
      buffer.logProbabilities[row0 + lane] = logProbability;
      actions.confidences[lane] = Math.exp(logProbability);
    }
    buffer.actions.set(actions.choices, row0 * heads.length);
    buffer.values.set(values, row0);
  }

  return {
    async collect(learner, normalisation, signal) {
      const buffer = createRolloutBuffer(steps, lanes, inputs, heads.length);
      /** 1 where the row's observation, reward and next observation are known. */
      const isKnown = new Uint8Array(steps * lanes);
      let done = 0;
      try {
        step ??= await env.first(signal);
        for (; done < steps; done++) {
          const row0 = done * lanes;
          const normalised = buffer.observations.subarray(row0 * inputs, (row0 + lanes) * inputs);
          normalise(normalisation, step.observations, normalised);
          learner.network.predict(normalised, lanes, logits, values);
          act(buffer, row0, learner);
          const wasUsable = step.usable.slice();
          step = await env.step(actions, signal);
          const next = new Float32Array(lanes * inputs);
          normalise(normalisation, step.observations, next);
          learner.network.predict(next, lanes, logits, values);
          for (let lane = 0; lane < lanes; lane++) {
            const row = row0 + lane;
            buffer.rewards[row] = step.rewards[lane] * rewardScale;
            buffer.nextValues[row] = values[lane];
            isKnown[row] = wasUsable[lane] & step.usable[lane] & (Number.isNaN(step.rewards[lane]) ? 0 : 1);
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      return { ...compact(buffer, isKnown, done), steps: done };
    },
  };

  /** Advantages by lane and time first: a gap cuts them off like the end of an episode. */
  function compact(buffer: RolloutBuffer, isKnown: Uint8Array, done: number) {
    for (let row = 0; row < done * lanes; row++) {
      const following = row + lanes;
      buffer.truncated[row] = following < done * lanes && isKnown[following] === 1 ? 0 : 1;
      if (isKnown[row] === 0) buffer.rewards[row] = 0;
    }
    generalisedAdvantages({ ...buffer, steps: done, discount, traceDecay }, buffer.advantages, buffer.returns);
    const rows: number[] = [];
    for (let row = 0; row < done * lanes; row++) if (isKnown[row] === 1) rows.push(row);
    const kept = createRolloutBuffer(rows.length, 1, inputs, heads.length);
    let reward = 0;
    for (const [k, row] of rows.entries()) {
      kept.observations.set(buffer.observations.subarray(row * inputs, (row + 1) * inputs), k * inputs);
      kept.actions.set(buffer.actions.subarray(row * heads.length, (row + 1) * heads.length), k * heads.length);
      kept.logProbabilities[k] = buffer.logProbabilities[row];
      kept.values[k] = buffer.values[row];
      kept.rewards[k] = buffer.rewards[row];
      kept.advantages[k] = buffer.advantages[row];
      kept.returns[k] = buffer.returns[row];
      reward += buffer.rewards[row] / rewardScale;
    }
    return { buffer: kept, meanReward: reward / rows.length };
  }
}
