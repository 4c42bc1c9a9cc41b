/** Small environments with known optima, in which a learner proves itself within seconds. */
import type { VectorEnv, VectorStep } from '../env/contract.ts';
import { mixSeed } from '../env/random.ts';
import { createLaneRandom, type LaneRandom } from '../env/simulator/lane-random.ts';

const taskStream = 1;

interface Task {
  readonly observationNames: readonly string[];
  readonly headNames: readonly string[];
  readonly choices: number;
  /** Numbers that a lane keeps between steps. */
  readonly stateSize: number;
  start(state: Int32Array, random: LaneRandom, lane: number): void;
  /** Takes a lane's choices; returns the reward. */
  advance(state: Int32Array, actions: Int32Array, random: LaneRandom, lane: number): number;
  /** Writes all features but the clock, which comes last. */
  observe(state: Int32Array, out: Float32Array): void;
}

/** Makes a task an environment of many lanes. Each episode is cut off after `episodeSteps`; a clock feature says how far it is. */
function createTaskEnv(task: Task, lanes: number, episodeSteps: number): VectorEnv {
  const observationNames = [...task.observationNames, 'clock'];
  const width = observationNames.length;
  const heads = task.headNames.length;
  const random = createLaneRandom(lanes);
  const states = Array.from({ length: lanes }, () => new Int32Array(task.stateSize));
  const clocks = new Int32Array(lanes);
  const observations = new Float32Array(lanes * width);
  const finalObservations = new Float32Array(lanes * width);
  const rewards = new Float32Array(lanes);
  const truncated = new Uint8Array(lanes);
  const result: VectorStep = {
    observations,
    rewards,
    terminated: new Uint8Array(lanes),
    truncated,
    finalObservations,
    terms: {},
  };

  function write(lane: number, out: Float32Array): void {
    const row = out.subarray(lane * width, (lane + 1) * width).fill(0);
    task.observe(states[lane], row);
    row[width - 1] = clocks[lane] / episodeSteps;
  }

  function begin(lane: number, clock: number): void {
    task.start(states[lane], random, lane);
    clocks[lane] = clock;
    write(lane, observations);
  }

  return {
    lanes,
    observationNames,
    actionHeads: task.headNames.map((name) => ({
      name,
      choices: Array.from({ length: task.choices }, (_, choice) => `${choice}`),
    })),
    reset(seed) {
      for (let lane = 0; lane < lanes; lane++) {
        // Not mixSeed(seed, lane), which the rollout's own choices are drawn from: they would guess what is shown.
        random.seed(lane, mixSeed(seed, lane, taskStream));
        // Lanes end at different moments.
        begin(lane, lane % episodeSteps);
      }
      return observations;
    },
    step(actions) {
      for (let lane = 0; lane < lanes; lane++) {
        const own = actions.subarray(lane * heads, (lane + 1) * heads);
        rewards[lane] = task.advance(states[lane], own, random, lane);
        truncated[lane] = ++clocks[lane] >= episodeSteps ? 1 : 0;
        write(lane, observations);
        if (truncated[lane] === 0) continue;
        write(lane, finalObservations);
        begin(lane, 0);
      }
      return result;
    },
  };
}

/** Two things are shown anew every step; each head has to name its own. Rewarded by the share that is right: 1 at best. */
export function createIdentityEnv(lanes: number, choices = 4): VectorEnv {
  const show = (state: Int32Array, random: LaneRandom, lane: number) => {
    for (let h = 0; h < 2; h++) state[h] = Math.floor(random.uniform(lane) * choices);
  };
  const task: Task = {
    observationNames: Array.from({ length: 2 * choices }, (_, i) => `thing${Math.floor(i / choices)}Is${i % choices}`),
    headNames: ['first', 'second'],
    choices,
    stateSize: 2,
    start: show,
    advance(state, actions, random, lane) {
      const right = (actions[0] === state[0] ? 0.5 : 0) + (actions[1] === state[1] ? 0.5 : 0);
      show(state, random, lane);
      return right;
    },
    observe(state, out) {
      for (let h = 0; h < 2; h++) out[h * choices + state[h]] = 1;
    },
  };
  return createTaskEnv(task, lanes, 10);
}

const delaySteps = 3;
/** Demand by phase. Who orders for the demand of now is right in one phase of five. */
export const demandPattern = [0, 3, 1, 2, 3] as const;

/**
 * An order is delivered three steps later and is then compared with the demand of that moment, which goes round a known
 * pattern: the shape of autoscaling with a cold start. Rewarded by −|delivered − demand|: 0 at best.
 */
export function createDelayedEnv(lanes: number): VectorEnv {
  const period = demandPattern.length;
  // State: the phase, then the orders under way, the next to be delivered first.
  const task: Task = {
    observationNames: [
      ...demandPattern.map((_, phase) => `phaseIs${phase}`),
      ...Array.from({ length: delaySteps }, (_, i) => `orderDueIn${i + 1}`),
    ],
    headNames: ['order', 'idle'],
    choices: 4,
    stateSize: 1 + delaySteps,
    start(state, random, lane) {
      state[0] = Math.floor(random.uniform(lane) * period);
      for (let i = 0; i < delaySteps; i++) state[1 + i] = demandPattern[(state[0] + 1 + i) % period];
    },
    advance(state, actions) {
      // The order of now is due in three steps, when the phase has moved on by three.
      const delivered = state[1];
      state[0] = (state[0] + 1) % period;
      const reward = -Math.abs(delivered - demandPattern[state[0]]);
      state.copyWithin(1, 2);
      state[delaySteps] = actions[0];
      return reward;
    },
    observe(state, out) {
      out[state[0]] = 1;
      for (let i = 0; i < delaySteps; i++) out[period + i] = state[1 + i] / 3;
    },
  };
  return createTaskEnv(task, lanes, 30);
}
