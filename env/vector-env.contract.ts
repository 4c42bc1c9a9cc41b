/** What every VectorEnv has to keep, as tests. Call it inside a test file; a learner may rely on all of it. */
import { describe, expect, it } from 'vitest';
import type { VectorEnv, VectorStep } from './contract.ts';
import { createDraw } from './random.ts';

export interface VectorEnvSubject {
  /** Makes a fresh environment of at least 3 lanes, always the same. */
  create: () => VectorEnv;
  /** Steps after which every lane has been cut off at least once. */
  stepsToTruncation: number;
}

/** Copies of all that a step says; rows of final observations only where an episode ended, since the others are undefined. */
function record({ observations, rewards, terminated, truncated, finalObservations: finals, terms }: VectorStep) {
  const width = finals.length / rewards.length;
  const finalObservations = finals.map((value, i) => {
    const lane = Math.floor(i / width);
    return terminated[lane] === 1 || truncated[lane] === 1 ? value : 0;
  });
  return {
    observations: observations.slice(),
    rewards: rewards.slice(),
    terminated: terminated.slice(),
    truncated: truncated.slice(),
    finalObservations,
    terms: Object.fromEntries(Object.entries(terms).map(([name, values]) => [name, values.slice()])),
  };
}

type Recorded = ReturnType<typeof record>;

/** Random but reproducible actions; `other` draws different ones for a single lane. */
function actionsOf(env: VectorEnv, step: number, other?: number): Int32Array {
  const heads = env.actionHeads.length;
  const actions = new Int32Array(env.lanes * heads);
  for (let lane = 0; lane < env.lanes; lane++) {
    const draw = createDraw(step * 1009 + lane + (lane === other ? 0.5e9 : 0));
    for (const [h, { choices }] of env.actionHeads.entries()) {
      actions[lane * heads + h] = Math.floor(draw.uniform(0, choices.length));
    }
  }
  return actions;
}

function play(env: VectorEnv, seed: number, steps: number, other?: number): { first: Float32Array; steps: Recorded[] } {
  const first = env.reset(seed).slice();
  return { first, steps: Array.from({ length: steps }, (_, step) => record(env.step(actionsOf(env, step, other)))) };
}

const row = (values: Float32Array, lane: number, lanes: number) => {
  const width = values.length / lanes;
  return values.slice(lane * width, (lane + 1) * width);
};

export function vectorEnvContract(name: string, { create, stepsToTruncation }: VectorEnvSubject): void {
  describe(`${name} as a vector environment`, () => {
    it('names its observations and choices once each, and gives arrays of these shapes, all finite', () => {
      const env = create();
      const width = env.observationNames.length;
      expect(new Set(env.observationNames).size).toBe(width);
      expect(new Set(env.actionHeads.map((head) => head.name)).size).toBe(env.actionHeads.length);
      for (const { choices } of env.actionHeads) {
        expect(choices.length).toBeGreaterThan(1);
        expect(new Set(choices).size).toBe(choices.length);
      }
      const { first, steps } = play(env, 1, stepsToTruncation);
      expect(first.length).toBe(env.lanes * width);
      expect(first.every(Number.isFinite)).toBe(true);
      for (const step of steps) {
        expect(step.observations.length).toBe(env.lanes * width);
        expect(step.finalObservations.length).toBe(env.lanes * width);
        for (const values of [step.rewards, step.terminated, step.truncated, ...Object.values(step.terms)]) {
          expect(values.length).toBe(env.lanes);
        }
        for (const [at, value] of step.observations.entries()) {
          if (!Number.isFinite(value)) throw new Error(`${env.observationNames[at % width]} is ${value}`);
        }
        for (const values of [step.rewards, ...Object.values(step.terms)]) {
          expect(values.every(Number.isFinite)).toBe(true);
        }
      }
    });

    it('goes the same way for the same seed, in a new environment and in a used one, and another way for another', () => {
      const env = create();
      const steps = stepsToTruncation + 3;
      const played = play(env, 5, steps);
      expect(play(env, 5, steps)).toEqual(played);
      expect(play(create(), 5, steps)).toEqual(played);
      const other = play(env, 6, steps);
      expect([other.first, ...other.steps.map((step) => step.observations)]).not.toEqual([
        played.first,
        ...played.steps.map((step) => step.observations),
      ]);
    });

    it('keeps its lanes apart: what one does changes nothing for the others, and the lanes are not copies', () => {
      const [a, b] = [play(create(), 3, stepsToTruncation), play(create(), 3, stepsToTruncation, 1)];
      const { lanes } = create();
      let differs = false;
      for (const [t, step] of a.steps.entries()) {
        for (let lane = 0; lane < lanes; lane++) {
          const same = [
            [row(step.observations, lane, lanes), row(b.steps[t].observations, lane, lanes)],
            [step.rewards[lane], b.steps[t].rewards[lane]],
          ];
          if (lane !== 1) for (const [one, other] of same) expect(one).toEqual(other);
          else differs ||= same.some(([one, other]) => JSON.stringify(one) !== JSON.stringify(other));
        }
      }
      expect(differs).toBe(true);
      const trajectory = (lane: number) => a.steps.map((step) => [...row(step.observations, lane, lanes)]);
      expect(trajectory(0)).not.toEqual(trajectory(2));
    });

    it('never terminates, cuts every lane off in the end, keeps the final observation and goes on with a new episode', () => {
      const env = create();
      const { lanes } = env;
      const { steps } = play(env, 2, stepsToTruncation + 1);
      const cuts = new Int32Array(lanes);
      for (const [t, step] of steps.entries()) {
        expect([...step.terminated]).toEqual(new Array(lanes).fill(0));
        for (let lane = 0; lane < lanes; lane++) {
          if (step.truncated[lane] === 0) continue;
          cuts[lane]++;
          const final = row(step.finalObservations, lane, lanes);
          expect(final.every(Number.isFinite)).toBe(true);
          expect(final).not.toEqual(row(step.observations, lane, lanes));
          // A new episode has more than one step.
          if (t + 1 < steps.length) expect(steps[t + 1].truncated[lane]).toBe(0);
        }
      }
      expect(Math.min(...cuts)).toBeGreaterThan(0);
    });

    it('leaves the actions as they were given', () => {
      const env = create();
      env.reset(1);
      const actions = actionsOf(env, 0);
      const given = actions.slice();
      env.step(actions);
      expect(actions).toEqual(given);
    });
  });
}
